"""What a way back loses: four readings of one system, held against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from clinops.domain.excerpt import NOTHING, excerpts
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.inventory_change import in_brief
from clinops.domain.plain_words import harmless
from clinops.domain.rehearsal import Loss, WayBack

_LONGEST = 200
_COUNTS = re.compile(r"[0-9][0-9T:.,+ -]*Z?")
"""Numbers and times: what use has moved, the next use moves on."""


class Readings(NamedTuple):
    """Inventories in the order in which they were read."""

    before: Inventory
    """On the version in use."""
    upgraded: Inventory
    """On the candidate, before anything was written."""
    written: Inventory
    """On the candidate, after new data was written; the same as `upgraded` if none was."""
    back: Inventory
    """On the version in use again."""


def losses(readings: Readings) -> list[Loss]:
    """Find every record that is gone or reads otherwise after the way back.

    What an interface of the system says of a record from before the upgrade has to read as it did
    then. A row or a file may be what the upgrade or the writing has made of it, for that was
    judged (as a difference) when it happened: the way back must not change it further, unless it
    is a counter that writing has moved as well. Where no interface is asked, nobody knows whether
    the old version can read what writing made of an older row: then that is a loss, too.
    """
    return [
        loss
        for name in _names(readings.before, readings.written)
        for record in _records(name, readings)
        for loss in _of_record(record)
    ]


def appeared(readings: Readings) -> list[Loss]:
    """Find the records that an interface shows after the way back, and none did before.

    Nobody wrote them: another patient's, or none's at all.
    """
    *earlier, back = readings
    return [
        Loss(
            collection=_line(name),
            record=_line(record),
            field="the whole record",
            before=NOTHING,
            after=harmless(in_brief(fields) or "there"),
        )
        for name, collection in sorted(back.collections.items())
        if collection.source is Source.PROGRAM
        for record, fields in sorted(collection.records.items())
        if not any(
            name in one.collections and record in one.collections[name].records for one in earlier
        )
    ]


def altered(upgraded: Inventory, written: Inventory) -> list[Loss]:
    """Find what interfaces say otherwise of older records once something new was written.

    Counters and indexes move when users write, so tables and files are left out.
    """
    same = Readings(upgraded, upgraded, upgraded, written)
    return [
        loss
        for name in _names(upgraded)
        if upgraded.collections[name].source is Source.PROGRAM
        for record in _records(name, same)
        for loss in _of_record(record)
    ]


def written(upgraded: Inventory, after: Inventory) -> dict[str, int]:
    """Count what was written, by collection: as interfaces show it, where they are asked."""
    collections = {**upgraded.collections, **after.collections}
    asked = [name for name in collections if collections[name].source is Source.PROGRAM]
    unwritten = Readings(upgraded, upgraded, after, upgraded)
    counts = {
        name: sum(one.written not in (None, one.upgraded) for one in _records(name, unwritten))
        for name in asked or collections
    }
    return {name: count for name, count in counts.items() if count}


def judged(lost: Sequence[Loss], readings: Readings, *, restored: bool) -> WayBack:
    """Say what a way back came to on which the old version works.

    On data that the candidate has had, it may not show what rows and files still hold: where no
    interface was asked, nobody knows. What comes out of a backup has never met the candidate.
    """
    if lost or restored:
        return WayBack.LOSSY if lost else WayBack.CLEAN
    collections = [*readings.before.collections.values(), *readings.written.collections.values()]
    sources = {collection.source for collection in collections if collection.records}
    return WayBack.UNPROVEN if sources and Source.PROGRAM not in sources else WayBack.CLEAN


class _Record(NamedTuple):
    """One record at four moments; none where it was not there."""

    collection: str
    name: str
    source: Source
    known: frozenset[str]
    """The fields that were known before the upgrade."""
    alone: bool
    """Whether tables and files are all that was read: no interface was asked for anything."""
    before: Mapping[str, str] | None
    upgraded: Mapping[str, str] | None
    written: Mapping[str, str] | None
    back: Mapping[str, str] | None


class _Values(NamedTuple):
    """One field at four moments; none where it had no value."""

    before: str | None
    upgraded: str | None
    written: str | None
    back: str | None


def _names(*inventories: Inventory) -> list[str]:
    return sorted({name for inventory in inventories for name in inventory.collections})


def _records(name: str, readings: Readings) -> Iterator[_Record]:
    found = [inventory.collections.get(name) for inventory in readings]
    there = [collection for collection in found if collection is not None]
    digested = any(collection.digested for collection in there)
    known = found[0].names if found[0] is not None else frozenset()
    alone = all(
        collection.source is not Source.PROGRAM
        for collection in readings.before.collections.values()
    )
    wanted = [collection.records for collection in (found[0], found[2]) if collection is not None]
    for record in sorted(set().union(*wanted)):
        moments = (_fields(collection, record, digested) for collection in found)
        yield _Record(name, record, there[0].source, known, alone, *moments)


def _fields(collection: Collection | None, record: str, digested: bool) -> Mapping[str, str] | None:
    if collection is None or record not in collection.records:
        return None
    return collection.fields(record, digested=digested)


def _of_record(record: _Record) -> Iterator[Loss]:
    if record.back is None:
        yield from _gone(record)
    elif record.back != record.before or record.written != record.upgraded:
        fields = {*(record.before or {}), *(record.written or {}), *record.back}
        for field in sorted(fields):
            yield from _of_field(record, field)


def _gone(record: _Record) -> Iterator[Loss]:
    new = record.before is None
    if new and record.upgraded is not None:
        return
    went_earlier = record.upgraded is None or (record.written is None and not record.alone)
    if not new and went_earlier and record.source is not Source.PROGRAM:
        return
    held = in_brief(record.before or record.written or {})
    yield _loss(record, before=held or "there", new=new)


def _of_field(record: _Record, field: str) -> Iterator[Loss]:
    values = _Values(*(None if one is None else one.get(field) for one in record[5:]))
    # What the new version added may go with it; what its interfaces say must be the same.
    came = values.back is not None and values.written == values.upgraded
    known = record.source is Source.PROGRAM or field in record.known or came
    old = record.before is not None and known
    lost = _lost(record.source, values, old=old)
    if lost is None and old and record.alone and _rewritten(values):
        lost = "old"
    if lost is not None:
        then = values.written if lost == "new" else values.before
        before, after = excerpts(then, values.back)
        yield _loss(record, field=field, before=before, after=after, new=lost == "new")


def _loss(record: _Record, *, before: str, new: bool, field: str = "", after: str = "") -> Loss:
    return Loss(
        collection=_line(record.collection),
        record=_line(record.name),
        field=_line(field),
        before=harmless(before),
        after=harmless(after),
        new=new,
    )


def _line(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return harmless(short).replace("\n", "\ufffd")


def _lost(source: Source, values: _Values, *, old: bool) -> Literal["new", "old"] | None:
    before, upgraded, written, back = values
    if source is Source.PROGRAM:
        if back == (before if old else written):
            return None
        return "old" if old else "new"
    if written not in {upgraded, back}:
        if not old or back in {before, upgraded}:
            return "new"
        return None if all(_COUNTS.fullmatch(value or "") for value in values) else "old"
    if upgraded != written or not old or back in {before, upgraded}:
        return None
    return "old"


def _rewritten(values: _Values) -> bool:
    """Whether writing changed what was there, and it came back like that; counters may move on."""
    before, upgraded, written, back = values
    changed = written != upgraded and back not in {before, upgraded}
    return changed and not all(_COUNTS.fullmatch(value or "") for value in values)
