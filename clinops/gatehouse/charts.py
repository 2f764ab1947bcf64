"""Charts: bars drawn on the server, told apart by pattern and not by colour, each with its numbers.

A chart is read in grey print and by a screen reader: the table beside it says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

PATTERNS: Final = ("solid", "stripes", "dots", "hollow", "crosses", "lines")
"""How the parts of a bar are filled, in order; `templates/_charts.html` draws them."""

_TOP: Final = 8
_ROW: Final = 46
_LABEL: Final = 44
"""Letters of a name in the picture, at a telephone's width; the table has all of it."""


class Piece(NamedTuple):
    """One part of a bar, from where to where in per cent of the picture's width."""

    name: str
    pattern: str
    x: float
    width: float


class Bar(NamedTuple):
    """One line of a chart."""

    name: str
    label: str
    y: int
    pieces: tuple[Piece, ...]
    values: Mapping[str, float]
    whole: float | None
    """None where nothing is known: that is not the same as 0."""


class Chart(NamedTuple):
    """Bars side by side, of parts that add up."""

    title: str
    unit: str
    parts: tuple[tuple[str, str], ...]
    """Each part and its pattern."""
    bars: tuple[Bar, ...]
    height: int


def stacked(title: str, rows: Sequence[tuple[str, Mapping[str, float]]], unit: str) -> Chart | None:
    """Draw a bar for each row; None where nothing is known of any.

    Args:
        title: What the chart shows.
        rows: A name, and what its bar consists of; nothing where that is not known.
        unit: What the numbers count.
    """
    known = [sum(values.values()) for _, values in rows if values]
    if not known:
        return None
    longest = max(known) or 1
    names = list(dict.fromkeys(name for _, values in rows for name in values))
    patterns = {name: PATTERNS[at % len(PATTERNS)] for at, name in enumerate(names)}
    bars = tuple(
        _bar(at, name, values, patterns, longest) for at, (name, values) in enumerate(rows)
    )
    return Chart(title, unit, tuple(patterns.items()), bars, _TOP + _ROW * len(bars))


def _bar(
    at: int, name: str, values: Mapping[str, float], patterns: Mapping[str, str], longest: float
) -> Bar:
    pieces, x = [], 0.0
    for part, value in values.items():
        width = round(99.5 * value / longest, 2)
        if width:
            pieces.append(Piece(part, patterns[part], round(x, 2), width))
        x += width
    label = name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
    return Bar(
        name,
        label,
        _TOP + _ROW * at,
        tuple(pieces),
        values,
        sum(values.values()) if values else None,
    )
