"""Figures: numbers that say what they were computed from, so that anybody may check them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple


class Unit(StrEnum):
    """What a figure counts in."""

    SECONDS = "seconds"
    DAYS = "days"
    PERCENT = "percent"
    COUNT = "count"
    PER_30_DAYS = "per 30 days"
    CLASSES = "risk classes"
    """Steps of the risk matrix (DCB0129)."""


class Source(NamedTuple):
    """One thing that a figure was computed from."""

    what: str
    """A release, mostly; what else it is, the figure says."""
    value: float | None
    """What it puts into the figure, in the figure's unit; 0 or 1 where it is counted or not."""
    said: str = ""
    """What happened, in plain words."""
    entries: tuple[int, ...] = ()
    """The entries of the ledger that say so, by sequence number."""


class Figure(NamedTuple):
    """A number with its inputs."""

    value: float | None
    """None where there is nothing to compute it from: that is not the same as 0."""
    unit: Unit
    how: str
    """How it follows from its inputs, in words."""
    inputs: tuple[Source, ...] = ()

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "value": self.value,
            "unit": self.unit.value,
            "how": self.how,
            "inputs": [
                {"what": one.what, "value": one.value, "said": one.said, "entries": [*one.entries]}
                for one in self.inputs
            ],
        }


def total(how: str, unit: Unit, inputs: Iterable[Source]) -> Figure:
    """Add up; nothing adds up to 0."""
    found = tuple(inputs)
    return Figure(sum(one.value or 0 for one in found), unit, how, found)


def middle(how: str, unit: Unit, inputs: Iterable[Source]) -> Figure:
    """Take the median: one very slow release does not move it."""
    found = tuple(inputs)
    return Figure(median(_values(found)) if found else None, unit, how, found)


def longest(how: str, unit: Unit, inputs: Iterable[Source]) -> Figure:
    """Take the largest, so that no slow one hides behind quick ones."""
    found = tuple(inputs)
    return Figure(max(_values(found), default=None), unit, how, found)


def smallest(how: str, unit: Unit, inputs: Iterable[Source]) -> Figure:
    """Take the smallest."""
    found = tuple(inputs)
    return Figure(min(_values(found), default=None), unit, how, found)


def mean(how: str, unit: Unit, inputs: Iterable[Source]) -> Figure:
    """Share the sum out evenly."""
    found = tuple(inputs)
    return Figure(sum(_values(found)) / len(found) if found else None, unit, how, found)


def share(how: str, inputs: Iterable[Source]) -> Figure:
    """Say in percent how many of the inputs count (1), of all of them."""
    found = tuple(inputs)
    value = 100 * sum(_values(found)) / len(found) if found else None
    return Figure(value, Unit.PERCENT, how, found)


def _values(inputs: Iterable[Source]) -> list[float]:
    return [one.value for one in inputs if one.value is not None]


_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def length(seconds: float) -> str:
    """Write a length of time as people say it: 3.5 days, 4 h 10 min, 12 min, 8 s."""
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:.1f} days"
    minutes = round(seconds / _MINUTE)
    if seconds >= _HOUR:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if seconds >= _MINUTE else f"{seconds:.0f} s"


def in_words(figure: Figure) -> str:
    """Write a figure's value with its unit; `unknown` where nothing says it."""
    if figure.value is None:
        return "unknown"
    if figure.unit is Unit.SECONDS:
        return length(figure.value)
    places = 2 if figure.unit is Unit.DAYS else 1
    number = f"{figure.value:,.{places}f}".rstrip("0").removesuffix(".")
    return number + _SUFFIX[figure.unit]


_SUFFIX: Mapping[Unit, str] = {
    Unit.DAYS: " days",
    Unit.PERCENT: " %",
    Unit.COUNT: "",
    Unit.PER_30_DAYS: " in 30 days",
    Unit.CLASSES: " risk classes",
}
