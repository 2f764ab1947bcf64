"""What changed in one collection: record by record, and in the shape of what holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from clinops.domain.inventory import DIGESTED, Collection, Source

_ABSENT: Final = Collection(source=Source.PROGRAM, records={})


@dataclass(frozen=True, slots=True)
class Alteration:
    """One field of one record that reads otherwise than before; None where there is nothing."""

    record: str
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Reshaping:
    """A column, field or constraint that is not as it was; None where it is not there."""

    part: str
    """`column customdata`, `field born`, `constraint patients_pkey`."""
    before: str | None
    after: str | None


@dataclass(frozen=True)
class CollectionChange:
    """All that changed in one collection."""

    name: str
    source: Source
    before: int | None
    """Number of records before; None where there was no such collection."""
    after: int | None
    lost: Mapping[str, Mapping[str, str]]
    """Fields of the records that are gone, by key; none where only digests were kept."""
    added: Mapping[str, Mapping[str, str]]
    altered: tuple[Alteration, ...]
    """Of records that are still there; a field that is gone from all of them is among these."""
    reshaped: tuple[Reshaping, ...]

    def __bool__(self) -> bool:
        """Whether anything changed at all."""
        there = (self.before is None) == (self.after is None)
        return not there or bool(self.lost or self.added or self.altered or self.reshaped)


def change_of(name: str, before: Collection | None, after: Collection | None) -> CollectionChange:
    """Hold a collection against what it was; None where there is or was none."""
    old, new = before or _ABSENT, after or _ABSENT
    pair = _Pair(old, new)
    lost, added = pair.lost(), pair.added()
    return CollectionChange(
        name=name,
        source=(before or new).source,
        before=len(old.records) if before else None,
        after=len(new.records) if after else None,
        lost=lost,
        added=added,
        altered=tuple(sorted(pair.altered(lost), key=lambda one: (_place(one.record), one.field))),
        reshaped=tuple(pair.reshaped()) if before and after else (),
    )


class _Pair:
    """One collection before and after, read in a way that the two can be compared."""

    def __init__(self, old: Collection, new: Collection) -> None:
        self._old, self._new = old, new
        self._digested = old.digested or new.digested
        self._shared = old.names & new.names
        self._told = self._shared | (old.names - new.names)
        if new.source is Source.PROGRAM:
            # One program asks both: what is new in its answers is new in what users read.
            self._told |= new.names
        # A key says which row is which only where both sides have the same one.
        tables = Source.TABLE in {old.source, new.source}
        self._keyed = old.key == new.key and bool(old.key or not tables)

    def lost(self) -> dict[str, Mapping[str, str]]:
        """Return what was in the old collection and has no counterpart in the new one."""
        return self._missing(self._old, self._new)

    def added(self) -> dict[str, Mapping[str, str]]:
        """Return what is in the new collection and had no counterpart in the old one."""
        return self._missing(self._new, self._old)

    def _missing(self, mine: Collection, other: Collection) -> dict[str, Mapping[str, str]]:
        if self._keyed:
            gone = mine.records.keys() - other.records.keys()
            return {key: _told(mine, key) for key in sorted(gone, key=_place)}
        if mine.records == other.records and mine.columns == other.columns:
            return {}
        left = Counter(self._contents(other, key) for key in other.records)
        found: dict[str, Mapping[str, str]] = {}
        for key in sorted(mine.records, key=_place):
            contents = self._contents(mine, key)
            # Rows that share no column have nothing by which they could be told to be the same.
            if contents is not None and left[contents] > 0:
                left[contents] -= 1
            else:
                found[key] = _told(mine, key)
        return found

    def _contents(self, collection: Collection, key: str) -> frozenset[tuple[str, str]] | None:
        fields = collection.fields(key, digested=self._digested)
        shared = frozenset(field for field in fields.items() if field[0] in self._shared)
        return shared if self._shared else None

    def altered(self, lost: Mapping[str, object]) -> Iterator[Alteration]:
        """Yield what is otherwise in the records that are still there, field by field."""
        for key in self._old.records:
            if key in lost:
                continue
            before = self._old.fields(key, digested=self._digested)
            after = self._counterpart(key, before)
            if before == after:
                continue
            for field in self._told:
                if before.get(field) != after.get(field):
                    pair = (self._marked(side.get(field)) for side in (before, after))
                    yield Alteration(key, field, *pair)

    def _marked(self, text: str | None) -> str | None:
        return DIGESTED + text if self._digested and text is not None else text

    def _counterpart(self, key: str, before: Mapping[str, str]) -> Mapping[str, str]:
        if self._keyed:
            return self._new.fields(key, digested=self._digested)
        # Told apart by what both sides have, it is only the columns that are gone which differ.
        return {field: text for field, text in before.items() if field in self._shared}

    def reshaped(self) -> Iterator[Reshaping]:
        """Yield what is otherwise in columns, fields and constraints."""
        if self._old.columns or self._new.columns:
            yield from _reshaped("column", self._old.columns, self._new.columns)
        elif self._old.records and self._new.records:
            fields = (dict.fromkeys(side.names, "text") for side in (self._old, self._new))
            yield from _reshaped("field", *fields)
        old, new = set(self._old.constraints), set(self._new.constraints)
        yield from _reshaped("constraint", _named(old - new), _named(new - old))


def _place(key: str) -> tuple[int, str]:
    """Order keys as people do numbers, whatever the order that they were read in."""
    return len(key), key


def _told(collection: Collection, key: str) -> Mapping[str, str]:
    return {} if collection.digested else collection.records[key]


def _reshaped(
    what: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Reshaping]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Reshaping(f"{what} {name}", before.get(name), after.get(name))


def _named(constraints: set[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for line in sorted(constraints):
        name, _, definition = line.partition(": ")
        # Two of one name are two lines all the same.
        named[line if name in named else name] = definition or name
    return named
