"""Structure: where two trees differ, place by place.

Lists are aligned by what their elements are, so that one record more does not make all later ones
differ; nothing is ever left out because there is much of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import JsonValue

from clinops.domain.matching import matched
from clinops.domain.protected import Path


@dataclass(frozen=True)
class Change:
    """One place where two trees differ."""

    path: Path
    """In the tree before; what was added has the place that it has after."""
    kind: Literal["added", "removed", "changed"]
    before: JsonValue
    after: JsonValue
    order: bool = False
    """Whether a list has the same elements in another order; their changes are told apart."""


class Likeness(Protocol):
    """What counts as the same although it is not identical."""

    @property
    def binds(self) -> bool:
        """Whether even what is identical must be looked at: it is bound to what it stands for."""

    def same(self, path: Path, before: JsonValue, after: JsonValue) -> bool:
        """Whether two values at a place, one of them no container at least, are the same."""

    def same_key(self, before: str, after: str) -> bool:
        """Whether two keys stand for the same."""

    def unordered(self, path: Path) -> bool:
        """Whether a list is one whose order means nothing."""

    def outline(self, path: Path, tree: JsonValue) -> str:
        """Return what stays of a tree when all is taken out that may differ."""


def identical(before: JsonValue, after: JsonValue) -> bool:
    """Whether two trees are the same to the letter: `1`, `1.0` and `true` are three values."""
    return before == after and repr(before) == repr(after)


def changes(
    before: JsonValue, after: JsonValue, likeness: Likeness, path: Path = ()
) -> Iterator[Change]:
    """Yield every place where two trees differ."""
    if not likeness.binds and identical(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _in_mapping(before, after, likeness, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_list(before, after, likeness, path)
    elif not likeness.same(path, before, after):
        yield Change(path, "changed", before, after)


def _in_mapping(
    before: dict[str, JsonValue], after: dict[str, JsonValue], likeness: Likeness, path: Path
) -> Iterator[Change]:
    others = {key: key for key in before if key in after}
    lost = [key for key in before if key not in after]
    new = [key for key in after if key not in before]
    if lost and new:
        others |= _renamed(before, after, (lost, new), likeness, path)
    for key, value in before.items():
        if key in others:
            yield from changes(value, after[others[key]], likeness, (*path, key))
        else:
            yield Change((*path, key), "removed", value, None)
    known = set(others.values())
    for key in new:
        if key not in known:
            yield Change((*path, key), "added", None, after[key])


def _renamed(
    before: dict[str, JsonValue],
    after: dict[str, JsonValue],
    keys: tuple[list[str], list[str]],
    likeness: Likeness,
    path: Path,
) -> dict[str, str]:
    """Find keys that are volatile ids, each with its other name; by what stands below them."""
    lost = [key for key in keys[0] if likeness.outline(path, key) != json.dumps(key)]
    outlines = {likeness.outline(path, key) for key in lost}
    new = [key for key in keys[1] if likeness.outline(path, key) in outlines]
    values = [before[key] for key in lost], [after[key] for key in new]
    pairs = matched(*values, lambda _, value: likeness.outline((*path, ""), value))
    return {lost[i]: new[j] for i, j in pairs if likeness.same_key(lost[i], new[j])}


def _in_list(
    before: list[JsonValue], after: list[JsonValue], likeness: Likeness, path: Path
) -> Iterator[Change]:
    pairs = _pairs(before, after, likeness, path)
    places = [j for _, j in sorted(pairs)]
    if places != sorted(places) and not likeness.unordered(path):
        yield Change(path, "changed", before, after, order=True)
    for i, j in sorted(pairs):
        yield from changes(before[i], after[j], likeness, (*path, i))
    ours, theirs = {i for i, _ in pairs}, {j for _, j in pairs}
    for i, value in enumerate(before):
        if i not in ours:
            yield Change((*path, i), "removed", value, None)
    for j, value in enumerate(after):
        if j not in theirs:
            yield Change((*path, j), "added", None, value)


def _pairs(
    before: list[JsonValue], after: list[JsonValue], likeness: Likeness, path: Path
) -> list[tuple[int, int]]:
    start, least = 0, min(len(before), len(after))
    while start < least and identical(before[start], after[start]):
        start += 1
    end = 0
    while end < least - start and identical(before[-1 - end], after[-1 - end]):
        end += 1
    ours, theirs = before[start : len(before) - end], after[start : len(after) - end]
    inner = matched(ours, theirs, lambda i, value: likeness.outline((*path, i), value))
    shift = len(after) - len(before)
    return [
        *((i, i) for i in range(start)),
        *((i + start, j + start) for i, j in inner),
        *((i, i + shift) for i in range(len(before) - end, len(before))),
    ]
