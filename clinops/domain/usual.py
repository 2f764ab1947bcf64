"""What is usual: how long runs took from each stage on, and the order that follows from it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from math import inf
from statistics import median_low

from clinops.domain.timeline import Timeline

Ways = Mapping[str, int]
"""Milliseconds from the begin of a stage to the end of the run at least, by its usual name."""

_VERSION = re.compile(r"\b(baseline|candidate) \S+$")


def usual_name(stage: str) -> str:
    """Return what a stage is called in every run: its name without the version that it is about."""
    return _VERSION.sub(r"\1", stage)


def usual_ways(timelines: Iterable[Timeline]) -> dict[str, int]:
    """Return how long it usually took from each stage to the end: the median of some runs."""
    found: dict[str, list[int]] = defaultdict(list)
    for timeline in timelines:
        for stage, way in timeline.ways_to_the_end().items():
            found[usual_name(stage)].append(way)
    return {name: median_low(ways) for name, ways in found.items()}


def longest_first(ways: Ways) -> Callable[[str], float]:
    """Return by what to sort the names of stages that may begin together: what bounds, first.

    A stage that nobody has seen yet comes before all others: it may well be the longest. Where
    nothing is known of any, their order stays.
    """
    return lambda stage: -ways.get(usual_name(stage), inf)
