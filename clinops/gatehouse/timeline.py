"""The picture of a release's time: a bar for each stage, drawn without a script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from clinops.domain.course import Course, Row, courses
from clinops.domain.ledger import Entry
from clinops.domain.plain_words import seconds
from clinops.domain.timeline import Why

SHOWN: Final = 5
"""Runs of one release that its page shows, the newest first."""

_LABEL: Final = 44
"""Letters of a name in the picture, at a telephone's width; the table beside it has all."""
_STEPS: Final = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000)
"""Milliseconds between two lines of the scale; beyond the last one, multiples of it."""
_MOST_LINES: Final = 6
_LAST_LINE: Final = 92.0
"""Per cent: what is written at a line must find room to its right."""
_TOP: Final = 26
_ROW: Final = 38
WENT_TO: Final = {
    Why.STAGE: "stages",
    Why.WAITING: "waiting before the run",
    Why.ORCHESTRATION: "orchestration",
}


class Part(NamedTuple):
    """From where to where a bar goes, in per cent of the picture's width."""

    x: float
    width: float


class Bar(NamedTuple):
    """One line of the picture."""

    row: Row
    label: str
    y: int
    begins: str
    took: str
    whole: Part
    critical: Part | None


class Line(NamedTuple):
    """One line of the scale."""

    x: float
    said: str


class Picture(NamedTuple):
    """One run of a release."""

    course: Course
    spent: tuple[tuple[str, str], ...]
    """What the time went to, in words."""
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    height: int


def pictures(entries: Iterable[Entry]) -> list[Picture]:
    """Draw the runs of a release that its entries have a timeline of, the newest first."""
    return [_picture(course) for course in courses(entries)[: -SHOWN - 1 : -1]]


def _picture(course: Course) -> Picture:
    spent = ((WENT_TO[why], took) for why, took in course.went_to().items() if took)
    bars = tuple(_bar(number, row, course) for number, row in enumerate(course.rows()))
    return Picture(
        course,
        tuple((name, seconds(took / 1000)) for name, took in spent),
        bars,
        tuple(scale(course.took)),
        _TOP + _ROW * len(bars),
    )


def _bar(number: int, row: Row, course: Course) -> Bar:
    critical = row.critical
    return Bar(
        row=row,
        label=row.name if len(row.name) <= _LABEL else f"{row.name[: _LABEL - 1]}…",
        y=_TOP + _ROW * number,
        begins=seconds((row.begun - course.begun) / 1000),
        took=seconds((row.ended - row.begun) / 1000),
        whole=_part(row.begun, row.ended, course),
        critical=_part(critical.begun, critical.ended, course) if critical else None,
    )


def _part(begun: int, ended: int, course: Course) -> Part:
    x, end = (_per_cent(moment - course.begun, course.took) for moment in (begun, ended))
    # What took no time is still there to be seen.
    return Part(min(x, 99.5), max(round(end - x, 2), 0.5))


def scale(took: int) -> Iterable[Line]:
    """Yield the lines of a scale, at round numbers of milliseconds."""
    wanted = took / _MOST_LINES
    step = next((step for step in _STEPS if step >= wanted), 0)
    step = step or round(wanted / _STEPS[-1] + 0.5) * _STEPS[-1]
    for moment in range(0, took + 1, step):
        if (x := _per_cent(moment, took)) <= _LAST_LINE:
            yield Line(x, _said(moment))


def _said(moment: int) -> str:
    return f"{moment / 60_000:g} min" if moment and not moment % 60_000 else f"{moment / 1000:g} s"


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / max(whole, 1), 2)
