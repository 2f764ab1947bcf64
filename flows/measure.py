"""Measure: how long baseline and candidate take to answer, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clinops.domain.comparison import Speed
from clinops.domain.observation import Observation
from clinops.domain.probe import ProbeCase
from clinops.domain.speed import PAIRS, WARM_UPS, measured
from clinops.ports import ProbeSession

SECONDS: Final = 120.0
"""What all measurements of a comparison may take."""

Pair = tuple[Observation, Observation]


@dataclass(frozen=True)
class Speeds:
    """What came of the measurements."""

    measured: tuple[Speed, ...]
    unmeasured: tuple[str, ...]
    """Probes for which there is no time."""
    unanswered: tuple[str, ...]
    """Probes that a version answered once and then no more, or only after so much longer that
    there was no end to it: nobody may take that for a want of time."""


def measure(
    cases: Sequence[ProbeCase],
    first: tuple[Sequence[Observation], Sequence[Observation]],
    sessions: tuple[ProbeSession, ProbeSession],
) -> Speeds:
    """Measure every probe that asks for it, baseline and candidate in turn.

    Args:
        cases: All probes.
        first: What baseline and candidate answered to each: how long they will take is told by it.
        sessions: Baseline and candidate.
    """
    left = SECONDS
    speeds: list[Speed] = []
    unmeasured: list[str] = []
    unanswered: list[str] = []
    for case, *once in zip(cases, *first, strict=True):
        if not case.speed or any(observation.problem for observation in once):
            continue
        if _seconds(once) * (PAIRS + WARM_UPS) > left:
            unmeasured.append(case.id)
            continue
        pairs = _pairs(case, sessions)
        left -= sum(_seconds(pair) for pair in pairs)
        if problem := _problem(pairs):
            unanswered.append(f"{case.id}: {problem}")
            continue
        old, new = zip(*pairs[WARM_UPS:], strict=True)
        speeds.append(measured(case.id, _times(old), _times(new)))
    return Speeds(tuple(speeds), tuple(unmeasured), tuple(unanswered))


def _pairs(case: ProbeCase, sessions: tuple[ProbeSession, ProbeSession]) -> list[Pair]:
    """Ask in turn until there are pairs enough, or it is plain that there will not be."""
    pairs: list[Pair] = []
    while len(pairs) < PAIRS + WARM_UPS and not _problem(pairs):
        baseline, candidate = sessions
        pairs.append((baseline.run(case), candidate.run(case)))
    return pairs


def _problem(pairs: Sequence[Pair]) -> str:
    """Say why a measurement can't be had; empty where it can."""
    for pair in pairs[-1:]:
        for version, observation in zip(("version in use", "candidate"), pair, strict=True):
            if observation.problem:
                return f"the {version}, asked again to measure its speed: {observation.problem}"
    if sum(_seconds(pair) for pair in pairs) > SECONDS:
        return f"asked again to measure its speed, it took more than {SECONDS:.0f} s"
    return ""


def _seconds(observations: Sequence[Observation]) -> float:
    return sum(observation.milliseconds for observation in observations) / 1000


def _times(observations: Sequence[Observation]) -> list[float]:
    return [observation.milliseconds for observation in observations]
