"""An inventory: what must never be lost, as it was read at one moment.

It is read twice, before and after something was done to a system, and held against itself.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from clinops.domain.value import Value


class Source(StrEnum):
    """Where a collection was read."""

    PROGRAM = "program"
    """The system's own interfaces, by the environment's inventory program."""
    TABLE = "table"
    """A table of a database, without knowing what it means."""
    FILES = "files"
    """The files of a volume, without knowing what they mean."""


class Collection(Value):
    """Records of one kind: patients, a table, the files of a volume."""

    source: Source
    columns: dict[str, str] = Field(default_factory=dict)
    """Columns of a table with their types; empty for what is no table."""
    constraints: tuple[str, ...] = ()
    """Keys, foreign keys, checks and indexes of a table, a line each."""
    records: dict[str, dict[str, str]]
    """The fields of each record by its key. What is large is there as its SHA-256."""


class Inventory(Value):
    """All collections of a system by name: `patients`, `index.resources`, `orthanc:/var/lib/x`."""

    collections: dict[str, Collection]
