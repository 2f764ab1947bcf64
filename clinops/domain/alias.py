"""Aliases: ids that a system makes anew on every run, renamed one to one between two systems.

Only what both baselines make anew is renamed. A reference that points to another record than
before breaks the one-to-one renaming and stays a difference; seeded ids are compared to the letter.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from pydantic import JsonValue

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_FIVE_EIGHTS = r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}"
"""As Orthanc writes the SHA-1 of what a DICOM object is identified by."""
_UID = (
    r"(?=[0-9.]{9,64}(?![0-9]|\.[0-9]))"
    r"[0-2]\.(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){3,}"
)
"""DICOM PS3.5, clause 9: a root and at least three more components; versions have fewer."""
ID: Final = re.compile(
    rf"(?<![0-9A-Za-z.-])(?:({_UUID})|({_FIVE_EIGHTS})|({_UID}))(?![0-9A-Za-z-]|\.[0-9A-Za-z])"
)
_KINDS: Final = ("", "UUID", "ID", "UID")
_ANY_ID = re.compile(re.sub(r"\((?!\?)", "(?:", ID.pattern))
"""The same without groups: several times as fast over whole answers."""


def ids_in(tree: JsonValue) -> dict[str, None]:
    """Find every id in a tree by first occurrence, in keys and inside longer texts as well."""
    # Not in its JSON, where the `n` of a line's end would be a letter before the next line's id.
    return dict.fromkeys(_ANY_ID.findall("\n".join(_texts(tree))))


def _texts(tree: JsonValue) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)


class Renaming:
    """One-to-one pairs of what stands for the same in two systems.

    Args:
        ordered: Whether they must also come in the same order, as serial numbers do.
    """

    def __init__(self, *, ordered: bool = False) -> None:
        self._there: dict[str | int, str | int] = {}
        self._back: dict[str | int, str | int] = {}
        self._numbers: list[tuple[int, int]] | None = [] if ordered else None

    def takes(self, one: str | int, other: str | int) -> bool:
        """Whether two ids can stand for the same; they do from the first time on."""
        if one in self._there or other in self._back:
            return self._there.get(one) == other and self._back.get(other) == one
        if self._numbers is not None:
            insort(self._numbers, (int(one), int(other)))
            if not _rising_around(self._numbers, (int(one), int(other))):
                self._numbers.remove((int(one), int(other)))
                return False
        self._there[one], self._back[other] = other, one
        return True

    def original(self, other: str) -> str | None:
        """Return what an id of the other system stands for, if anything yet."""
        found = self._back.get(other)
        return found if isinstance(found, str) else None


def _rising_around(pairs: list[tuple[int, int]], pair: tuple[int, int]) -> bool:
    at = pairs.index(pair)
    near = pairs[max(0, at - 1) : at + 2]
    return all(one[1] < other[1] for one, other in pairwise(near))


class Aliases:
    """The volatile ids of a baseline, and what stands for them in another system.

    Args:
        volatile: Ids that the baseline has made anew.
        seeded: Ids that both baselines have: nothing new can be called like them.
        shared: Ids that the other system has as well: they stand for themselves.
    """

    def __init__(self, volatile: Iterable[str], seeded: set[str], shared: Iterable[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(volatile, 1)}
        self._seeded = seeded
        self._renaming = Renaming()
        for name in shared:
            if name in self._numbers:
                self._renaming.takes(name, name)

    def same(self, one: JsonValue, other: JsonValue) -> bool:
        """Whether two texts are the same but for volatile ids that stand for each other."""
        if not (isinstance(one, str) and isinstance(other, str) and self._numbers):
            return False
        ours, theirs = list(ID.finditer(one)), list(ID.finditer(other))
        if _ANY_ID.split(one) != _ANY_ID.split(other):
            return False
        pairs = list(zip(ours, theirs, strict=True))
        return all(self._could(a, b) for a, b in pairs) and all(
            a[0] == b[0] or self._renaming.takes(a[0], b[0]) for a, b in pairs
        )

    def _could(self, one: re.Match[str], other: re.Match[str]) -> bool:
        if one[0] == other[0]:
            return True
        return (
            one.lastindex == other.lastindex
            and one[0] in self._numbers
            and other[0] not in self._seeded
        )

    def blanked(self, text: str) -> str:
        """Return a text with its kind in place of every id that is not seeded."""
        if not self._numbers:
            return text
        return ID.sub(
            lambda found: found[0] if found[0] in self._seeded else f"<{_kind(found)}>", text
        )

    def shown(self, text: str, *, of_other: bool = False) -> str:
        """Return a text for people: `<UUID#1>` in place of a volatile id, the same every run."""

        def alias(found: re.Match[str]) -> str:
            name = self._renaming.original(found[0]) if of_other else found[0]
            if found[0] in self._seeded or (not of_other and name not in self._numbers):
                return found[0]
            number = self._numbers.get(name or "")
            return f"<{_kind(found)}#{number or 'new'}>"

        return ID.sub(alias, text) if self._numbers else text


def _kind(found: re.Match[str]) -> str:
    return _KINDS[found.lastindex or 0]
