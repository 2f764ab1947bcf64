"""Evidence: everything that a qualification produced, with one digest for the whole."""

from __future__ import annotations

from collections.abc import Sequence

from clinops.domain.digest import Digest, digest_of
from clinops.domain.finding import Finding, Weight
from clinops.domain.outcome import Outcome
from clinops.domain.release import Release
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.domain.value import Value

SCHEMA = "urn:clinops:evidence:1"


class Images(Value):
    """Image digests of one role, by Compose service."""

    role: Role
    services: dict[str, Digest]


class Evidence(Value):
    """What was run on what, what came out, and the digest of every file behind it."""

    schema_uri: str = SCHEMA
    release: Release
    baseline_version: str | None
    """The version in use that the candidate was held against; none for a new system."""
    images: tuple[Images, ...]
    runs: tuple[SuiteRun, ...]
    findings: tuple[Finding, ...]
    outcome: Outcome
    files: dict[str, Digest]
    """Every evidence file by its name in the bundle."""
    engine: str
    """Version of ClinOps that produced it."""
    started: str
    ended: str

    @property
    def digest(self) -> str:
        """The one digest that sign-offs bind to."""
        return digest_of(self.json_value())

    def candidate_images(self) -> dict[str, Digest]:
        """Image digests of the candidate, by service."""
        return next((i.services for i in self.images if i.role is Role.CANDIDATE), {})


def missing_runs(planned: Sequence[tuple[str, Role]], runs: Sequence[SuiteRun]) -> list[Finding]:
    """Find what was planned but did not really run: missing evidence never passes."""
    done = {(run.suite, run.role) for run in runs if run.completed}
    return [
        Finding(
            kind="evidence-missing",
            weight=Weight.INCONCLUSIVE,
            summary=f"The {suite} suite did not run to its end on the {role} version",
        )
        for suite, role in planned
        if (suite, role) not in done
    ]


def compare_runs(runs: Sequence[SuiteRun]) -> list[Finding]:
    """Hold the candidate's tests against the baseline's.

    A test that fails on the candidate only is the product's fault. One that fails on both says
    nothing about this release: the suite can't tell the versions apart. One that is skipped or
    absent on the candidate but ran on the baseline is missing evidence.
    """
    findings: list[Finding] = []
    baselines = {run.suite: _by_name(run) for run in runs if run.role is Role.BASELINE}
    for run in runs:
        if run.role is not Role.CANDIDATE:
            continue
        before = baselines.get(run.suite)
        after = _by_name(run)
        for case in run.cases:
            was = before.get(case.name) if before is not None else None
            findings += _compare_case(run.suite, case, was)
        findings += [
            Finding(
                kind="evidence-missing",
                weight=Weight.INCONCLUSIVE,
                summary=f"{run.suite}: {name} ran on the baseline but not on the candidate",
                hazards=case.hazards,
            )
            for name, case in (before or {}).items()
            if name not in after
        ]
    return findings


def _by_name(run: SuiteRun) -> dict[str, CaseResult]:
    return {case.name: case for case in run.cases}


def _bad(case: CaseResult | None) -> bool:
    return case is not None and case.verdict in {Verdict.FAILED, Verdict.ERROR}


def _compare_case(suite: str, case: CaseResult, was: CaseResult | None) -> list[Finding]:
    if _bad(case):
        both = _bad(was)
        return [
            Finding(
                kind="test-failed-on-both" if both else "test-failed",
                weight=Weight.INCONCLUSIVE if both else Weight.REFUSES,
                summary=f"{suite}: {case.name} fails"
                + (" on both versions" if both else " on the candidate"),
                detail=case.message,
                hazards=case.hazards,
            )
        ]
    if case.verdict is Verdict.SKIPPED:
        return [
            Finding(
                kind="test-skipped",
                weight=Weight.INCONCLUSIVE,
                summary=f"{suite}: {case.name} was skipped on the candidate",
                detail=case.message,
                hazards=case.hazards,
            )
        ]
    if _bad(was):
        return [
            Finding(
                kind="test-mended",
                weight=Weight.NOTE,
                summary=f"{suite}: {case.name} fails on the version in use and passes now",
                hazards=case.hazards,
            )
        ]
    return []


def decide(findings: Sequence[Finding], runs: Sequence[SuiteRun]) -> Outcome:
    """Decide the outcome: the worst finding, and never `qualified` without a passing run."""
    weights = {finding.weight for finding in findings}
    if Weight.REFUSES in weights:
        return Outcome.REFUSED
    candidate_ran = any(run.role is Role.CANDIDATE and run.completed for run in runs)
    if Weight.INCONCLUSIVE in weights or not candidate_ran:
        return Outcome.INCONCLUSIVE
    return Outcome.QUALIFIED
