"""Inventories without databases."""

from __future__ import annotations

from clinops.domain.environment import Environment
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.replica import Replica
from clinops.errors import ClinOpsError
from clinops.ports import EstateTree

PATIENTS = {
    "9990000018": {"name": "Müller, Jörg", "born": "1947-03-02"},
    "9990000026": {"name": "O'Neill, Síle", "born": "1987-10-25"},
}


def inventory(**collections: dict[str, dict[str, str]]) -> Inventory:
    """Make an inventory as a program would report it, by collection and record."""
    return Inventory(
        collections={
            name: Collection(source=Source.PROGRAM, records=records)
            for name, records in collections.items()
        }
    )


class FakeInventories:
    """Implements Inventories: two patients in every system, unless told otherwise."""

    def __init__(self) -> None:
        self.standing: Inventory = inventory(patients=PATIENTS)
        """What a system holds of which nothing else was said."""
        self.coming: list[Inventory | ClinOpsError] = []
        """What the next readings give, in order; an error is raised."""
        self.of_versions: dict[str, Inventory | ClinOpsError] = {}
        """What every replica of a version gives, once nothing is coming."""
        self.read_from: list[tuple[str, str]] = []
        """Replica id and version of every reading, in order."""

    def read(self, replica: Replica, environment: Environment, tree: EstateTree) -> Inventory:
        self.read_from.append((replica.id, replica.version))
        found = (
            self.coming.pop(0)
            if self.coming
            else self.of_versions.get(replica.version, self.standing)
        )
        if isinstance(found, ClinOpsError):
            raise found
        return found
