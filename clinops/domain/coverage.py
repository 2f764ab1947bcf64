"""Coverage: which hazards the evidence speaks to, and what it says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from clinops.domain.hazard import Hazard, HazardLog
from clinops.domain.suite import Role, SuiteRun, Verdict
from clinops.domain.value import Value

_WORST_FIRST: Final = (Verdict.ERROR, Verdict.FAILED, Verdict.SKIPPED, None, Verdict.PASSED)


class HazardTest(Value):
    """One test that names a hazard, and how it ended; none where it did not run to the end."""

    suite: str
    name: str
    baseline: Verdict | None
    candidate: Verdict | None


class Coverage(Value):
    """One hazard and the tests that verify its controls."""

    hazard: str
    name: str
    initial_class: int
    residual_class: int
    weight: int
    """The worse of both classes: by it the gate tells which hazards need evidence."""
    status: str
    tests: tuple[HazardTest, ...]
    covered: bool
    why: str
    """One sentence for a person."""


def coverage(log: HazardLog, runs: Sequence[SuiteRun]) -> tuple[Coverage, ...]:
    """Hold every hazard of a log against the runs, in the log's order.

    A hazard is covered where at least one test names it and every such test passed on the
    candidate. A test that only the baseline ran, or whose run broke off, has not passed.
    """
    ended = _ended(runs)
    naming: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for run in runs:
        for case in run.cases:
            for hazard in case.hazards:
                naming[hazard].add((run.suite, case.name))
    return tuple(_of(hazard, _tests(naming[hazard.id], ended)) for hazard in log.hazards)


def _ended(runs: Sequence[SuiteRun]) -> dict[tuple[str, str, Role], Verdict | None]:
    """Return how each test ended; the worst, should it have run more than once."""
    ended: dict[tuple[str, str, Role], Verdict | None] = {}
    for run in runs:
        for case in run.cases:
            key = (run.suite, case.name, run.role)
            # What passed before its run broke off might have failed after it.
            passed_for_nothing = case.verdict is Verdict.PASSED and not run.completed
            verdict = None if passed_for_nothing else case.verdict
            ended[key] = min(ended.get(key, verdict), verdict, key=_WORST_FIRST.index)
    return ended


def _tests(
    naming: Iterable[tuple[str, str]], ended: Mapping[tuple[str, str, Role], Verdict | None]
) -> tuple[HazardTest, ...]:
    return tuple(
        HazardTest(
            suite=suite,
            name=name,
            baseline=ended.get((suite, name, Role.BASELINE)),
            candidate=ended.get((suite, name, Role.CANDIDATE)),
        )
        for suite, name in sorted(naming)
    )


def _of(hazard: Hazard, tests: tuple[HazardTest, ...]) -> Coverage:
    bad = [test for test in tests if test.candidate is not Verdict.PASSED]
    return Coverage(
        hazard=hazard.id,
        name=hazard.name,
        initial_class=hazard.initial.risk_class,
        residual_class=hazard.residual.risk_class,
        weight=hazard.weight,
        status=hazard.status,
        tests=tests,
        covered=bool(tests) and not bad,
        why=_why(tests, bad),
    )


def _why(tests: Sequence[HazardTest], bad: Sequence[HazardTest]) -> str:
    if not tests:
        return "No test names it."
    if not bad:
        return f"All {len(tests)} tests that name it passed." if tests[1:] else "Its test passed."
    worst = min(bad, key=lambda test: _WORST_FIRST.index(test.candidate))
    how = worst.candidate or "not run to the end"
    more = f", nor did {len(bad) - 1} more" if bad[1:] else ""
    return f"{worst.suite}: {worst.name} did not pass on the candidate ({how}){more}."
