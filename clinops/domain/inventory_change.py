"""What changed between two inventories, and how it is told to a person who must judge it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from clinops.domain.collection_change import Alteration, CollectionChange, Reshaping, change_of
from clinops.domain.difference import Difference
from clinops.domain.excerpt import NOTHING, excerpt, excerpts, odd_ones_first
from clinops.domain.inventory import Inventory, Source
from clinops.domain.plain_words import count, harmless

_EXAMPLES: Final = 3
"""Records that are named where one cause altered many; so many altered ones are each told."""
_FIELDS = 4
_LONGEST_KEY = 200
_NOUNS: Final = {Source.PROGRAM: "record", Source.TABLE: "row", Source.FILES: "file"}
_Verb = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class InventoryChange:
    """The collections in which anything changed, by name."""

    collections: tuple[CollectionChange, ...]


def changes(before: Inventory, after: Inventory) -> InventoryChange:
    """Hold two inventories against each other."""
    names = sorted(before.collections.keys() | after.collections.keys())
    found = (
        change_of(name, before.collections.get(name), after.collections.get(name)) for name in names
    )
    return InventoryChange(tuple(change for change in found if change))


def differences(change: InventoryChange) -> list[Difference]:
    """Tell each cause in one line: few records by their keys, many with some examples."""
    return [told for one in change.collections for told in _told(one)]


def in_brief(fields: Mapping[str, str]) -> str:
    """Show the contents of a record: `born “1947-03-02”, name “Müller”`."""
    shown = [f"{name} {excerpt(text)}" for name, text in list(fields.items())[:_FIELDS]]
    return ", ".join(shown) + (" …" if len(fields) > _FIELDS else "")


def _told(change: CollectionChange) -> Iterator[Difference]:
    if change.before is None or change.after is None:
        yield _come_or_gone(change)
        return
    yield from _lost(change)
    if change.added:
        yield _difference(
            f"data: {change.name}: added", NOTHING, _many(change, change.added), "added"
        ).model_copy(update={"count": len(change.added)})
    yield from _altered(change)
    yield from (_reshaped(change.name, one) for one in change.reshaped)


def _come_or_gone(change: CollectionChange) -> Difference:
    if change.lost:
        return _lost_together(change, "the whole collection is gone")
    size = count(change.after or 0, _NOUNS[change.source])
    if change.before is None:
        kind = "schema" if change.source is Source.TABLE else "data"
        return _difference(f"{kind}: {change.name}: added", "not there", size, "added")
    return _difference(f"schema: {change.name}: removed", "empty", "not there", "removed")


def _lost(change: CollectionChange) -> Iterator[Difference]:
    if not _few(len(change.lost), change):
        if change.lost:
            yield _lost_together(change, NOTHING)
        return
    for key, fields in change.lost.items():
        subject = f"data: {change.name}: record {_key(key)}: lost"
        yield _difference(subject, in_brief(fields) or "there", NOTHING, "removed")


def _lost_together(change: CollectionChange, after: str) -> Difference:
    before = f"{_of(len(change.lost), change)}: {_records(change.lost)}"
    made = _difference(f"data: {change.name}: lost", before, after, "removed")
    return made.model_copy(update={"count": len(change.lost)})


def _altered(change: CollectionChange) -> Iterator[Difference]:
    for field, alterations in _by_field(change.altered).items():
        gone = all(one.after is None for one in alterations)
        verb: _Verb = "removed" if gone else "changed"
        if _few(len(alterations), change):
            for one in alterations:
                subject = f"data: {change.name}: record {_key(one.record)}: {field}"
                yield _difference(subject, *excerpts(one.before, one.after), verb)
            continue
        telling = odd_ones_first(alterations, lambda one: (one.before, one.after))
        shown = [(_key(one.record), excerpts(one.before, one.after)) for one in telling[:_EXAMPLES]]
        before = "; ".join(f"{key} {pair[0]}" for key, pair in shown)
        after = "; ".join(f"{key} {pair[1]}" for key, pair in shown)
        before = f"{_of(len(alterations), change)}, such as {before}"
        made = _difference(f"data: {change.name}: {field}", before, after, verb)
        yield made.model_copy(update={"count": len(alterations)})


def _reshaped(name: str, one: Reshaping) -> Difference:
    verb: _Verb = "changed"
    if one.before is None or one.after is None:
        verb = "added" if one.before is None else "removed"
    subject = f"schema: {name}: {one.part}" + (f" {verb}" if verb != "changed" else "")
    return _difference(subject, one.before or "not there", one.after or "not there", verb)


def _difference(subject: str, before: str, after: str, change: _Verb) -> Difference:
    data = subject.startswith("data: ")
    return Difference(
        kind="data" if data else "schema",
        subject=_line(subject),
        before=harmless(before),
        after=harmless(after),
        change=change,
        # What an inventory holds must not be lost or altered without whoever signs knowing it.
        protected=data and change != "added",
    )


def _by_field(alterations: Iterable[Alteration]) -> dict[str, list[Alteration]]:
    fields: dict[str, list[Alteration]] = {}
    for one in alterations:
        fields.setdefault(one.field, []).append(one)
    return fields


def _few(number: int, change: CollectionChange) -> bool:
    """Whether each is told by its key: not where all that there are have the same cause."""
    return number == 1 or (0 < number <= _EXAMPLES and number != change.before)


def _of(number: int, change: CollectionChange) -> str:
    return f"{number:,} of {count(change.before or 0, _NOUNS[change.source])}"


def _many(change: CollectionChange, records: Mapping[str, Mapping[str, str]]) -> str:
    return f"{count(len(records), _NOUNS[change.source])}: {_records(records)}"


def _records(records: Mapping[str, Mapping[str, str]]) -> str:
    shown = [
        f"{_key(key)} ({in_brief(fields)})" if fields else _key(key)
        for key, fields in list(records.items())[:_EXAMPLES]
    ]
    return "; ".join(shown) + ("; …" if len(records) > _EXAMPLES else "")


def _key(key: str) -> str:
    return _line(key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…")


def _line(text: str) -> str:
    return harmless(text).replace("\n", "\ufffd")
