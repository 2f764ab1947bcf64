"""Inventories without databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clinops.domain.environment import Environment
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.replica import Replica
from clinops.errors import ClinOpsError
from clinops.ports import EstateTree

Records = Mapping[str, Mapping[str, str]]
"""Patients, by NHS number."""

PATIENTS = {
    "9990000018": {"name": "Müller, Jörg", "born": "1947-03-02"},
    "9990000026": {"name": "O'Neill, Síle", "born": "1987-10-25"},
}
"""What a seed puts into a system."""
NEW = {"9990000034": {"name": "Ñandú, Ana", "born": "2026-02-03"}}
"""What a writer program adds."""


def inventory(**collections: Records) -> Inventory:
    """Make an inventory as a program would report it, by collection and record."""
    return Inventory(
        collections={
            name: Collection(
                source=Source.PROGRAM,
                records={record: dict(fields) for record, fields in records.items()},
            )
            for name, records in collections.items()
        }
    )


class FakeInventories:
    """Implements Inventories over the records of fake replicas."""

    def __init__(self, records: Mapping[str, Records]) -> None:
        self._records = records
        """By replica id."""
        self.reads: dict[str, Callable[[Records], Records]] = {}
        """What a version makes of the records that it is asked for."""
        self.fails: dict[str, ClinOpsError] = {}
        """Versions whose records can't be read."""

    def read(self, replica: Replica, environment: Environment, tree: EstateTree) -> Inventory:
        if replica.version in self.fails:
            raise self.fails[replica.version]
        return inventory(patients=self.reads.get(replica.version, dict)(self._records[replica.id]))
