"""Excerpts: two values beside each other, short enough to read, with what differs in sight."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

NOTHING: Final = "nothing"
"""How a value reads that is not there (NULL), unlike an empty one."""
_LONGEST = 80
_LEAD = 24


def excerpts(before: str | None, after: str | None) -> tuple[str, str]:
    """Show two values that differ, cut around the first place where they do.

    Letters that look alike, or are not seen at all, are written by their code.
    """
    first = _first_difference(before or "", after or "")
    visible = _looks(before) != _looks(after)
    return _shown(before, first, visible=visible), _shown(after, first, visible=visible)


def excerpt(value: str | None) -> str:
    """Show the beginning of one value."""
    return _shown(value, 0, visible=True)


def odd_ones_first(
    alike: Sequence[T], values: Callable[[T], tuple[str | None, str | None]]
) -> list[T]:
    """Put one of each shape first: of the usual one, then of the rarest.

    What was altered in a way of its own must not hide among the thousands of others.
    """
    shapes: dict[tuple[str, ...], list[T]] = {}
    for each in alike:
        shapes.setdefault(tuple(_shape(value) for value in values(each)), []).append(each)
    usual, *others = sorted(shapes.values(), key=len, reverse=True)
    first = [usual[0], *(shape[0] for shape in reversed(others))]
    return [*first, *(each for shape in (usual, *others) for each in shape[1:])]


def _shape(text: str | None) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text)) if text is not None else NOTHING


def _first_difference(before: str, after: str) -> int:
    letters = enumerate(zip(before, after, strict=False))
    same = min(len(before), len(after))
    return next((place for place, (one, other) in letters if one != other), same)


def _looks(value: str | None) -> str | None:
    if value is None:
        return None
    plain = unicodedata.normalize("NFKC", value)
    return " ".join("".join(letter for letter in plain if letter.isprintable()).split())


def _shown(value: str | None, first: int, *, visible: bool) -> str:
    if value is None:
        return NOTHING
    start = max(0, first - _LEAD) if len(value) > _LONGEST else 0
    piece = value[start : start + _LONGEST]
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in piece)
    if not visible:
        text = ascii(piece)[1:-1]
    return f"“{'…' * (start > 0)}{text}{'…' * (start + _LONGEST < len(value))}”"
