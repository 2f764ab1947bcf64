"""An inventory: what must never be lost, as it was read at one moment.

It is read twice, before and after something was done to a system, and held against itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import Field

from clinops.domain.digest import digest_bytes
from clinops.domain.value import Value

LONGEST: Final = 200
"""Letters of a value that an inventory keeps as they are; of what is longer it keeps a digest."""
DIGESTED: Final = "sha256:"
"""What a kept digest begins with."""
Records = dict[str, dict[str, str]]
"""The fields of each record by its key, as an inventory program leaves them."""
_SHORT = 16
_NOTHING = "-" * _SHORT
_ROW = "row"


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
    key: tuple[str, ...] = ()
    """Columns of a table that name a row; where there are none, only its contents do."""
    constraints: tuple[str, ...] = ()
    """Keys, foreign keys, checks and indexes of a table, a line each: `name: definition`."""
    records: dict[str, dict[str, str]]
    """The fields of each record by its key; NULL is left out. See `held` for what is large."""
    digested: bool = False
    """Whether there are too many rows to keep: then each is one short digest a column."""

    @property
    def names(self) -> frozenset[str]:
        """The fields that its records may have."""
        if self.columns:
            return frozenset(self.columns)
        return frozenset(name for fields in self.records.values() for name in fields)

    def fields(self, record: str, *, digested: bool) -> Mapping[str, str]:
        """Return the fields of a record; as short digests, if so asked or if that is all there is.

        So a table that outgrew its inventory can still be held against its former self.
        """
        kept = self.records[record]
        if self.digested:
            return _unpacked(kept[_ROW], self.columns)
        return {name: _short(text) for name, text in kept.items()} if digested else kept


class Inventory(Value):
    """All collections of a system by name: `patients`, `index.resources`, `orthanc:/var/lib/x`."""

    collections: dict[str, Collection]


def keyed(records: Iterable[tuple[str, dict[str, str]]]) -> Records:
    """Gather records by key, for an inventory program; of two with one key, neither hides."""
    found: Records = {}
    times: Counter[str] = Counter()
    for key, record in records:
        found[f"{key} (again: {times[key]})" if times[key] else key] = record
        times[key] += 1
    return found


def held(text: str) -> str:
    """Return what an inventory keeps of a value: itself, or its digest.

    A text that only looks like a digest is digested as well: else whoever puts the digest of a
    long text in its place would have changed nothing.
    """
    if len(text) <= LONGEST and not text.startswith(DIGESTED):
        return text
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def packed(fields: Mapping[str, str], columns: Iterable[str]) -> dict[str, str]:
    """Return what is kept of a row where there are too many: a short digest for each column."""
    return {_ROW: "".join(_short(fields[name]) if name in fields else _NOTHING for name in columns)}


def _unpacked(text: str, columns: Iterable[str]) -> dict[str, str]:
    digests = (text[start : start + _SHORT] for start in range(0, len(text), _SHORT))
    named = zip(columns, digests, strict=True)
    return {name: digest for name, digest in named if digest != _NOTHING}


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SHORT]
