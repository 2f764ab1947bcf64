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
            name: Collection(source=Source.PROGRAM, records=_plain(records))
            for name, records in collections.items()
        }
    )


def rows(**tables: Records) -> Inventory:
    """Make an inventory as the tables of a database have it, by table and key."""
    columns = {"id": "text", "name": "text", "born": "text"}
    return Inventory(
        collections={
            name: Collection(
                source=Source.TABLE, columns=columns, key=("id",), records=_plain(records)
            )
            for name, records in tables.items()
        }
    )


def _plain(records: Records) -> dict[str, dict[str, str]]:
    return {record: dict(fields) for record, fields in records.items()}


class FakeInventories:
    """Implements Inventories over the records of fake replicas.

    Without a program, rows are read behind the back of whatever version runs.
    """

    def __init__(self, records: Mapping[str, Records]) -> None:
        self._records = records
        """By replica id."""
        self.reads: dict[str, Callable[[Records], Records]] = {}
        """What a version makes of the records that its interfaces are asked for."""
        self.in_memory = False
        """Whether systems keep what they hold where only their interfaces reach it."""
        self.fails: dict[str, ClinOpsError] = {}
        """Versions whose records can't be read."""

    def read(self, replica: Replica, environment: Environment, tree: EstateTree) -> Inventory:
        if replica.version in self.fails:
            raise self.fails[replica.version]
        records = self._records[replica.id]
        if environment.clinops.inventory is None:
            return rows(patients={} if self.in_memory else records)
        return inventory(patients=self.reads.get(replica.version, dict)(records))
