"""Evidence: everything that a qualification produced, with one digest for the whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from clinops.domain import behaviour, fault_trial
from clinops.domain.comparison import Comparison
from clinops.domain.difference import Difference, differing_results, undeclared
from clinops.domain.digest import Digest, canonical, digest_bytes, digest_of
from clinops.domain.fault_trial import FaultsTried
from clinops.domain.finding import Finding, Weight
from clinops.domain.measured import Measured, Origin, of_suite, of_version
from clinops.domain.measured import findings as of_measurements
from clinops.domain.outcome import Outcome
from clinops.domain.rehearsal import Rehearsal
from clinops.domain.rehearsal import findings as rehearsal_findings
from clinops.domain.release import Release
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.domain.value import Value
from clinops.domain.waiver import Waiver, apply

SCHEMA: Final = "urn:clinops:evidence:1"

COMPARISON: Final = "comparison.json"
"""The comparison among the evidence files."""

FileName = Annotated[
    str,
    StringConstraints(
        pattern=r"^\.?[A-Za-z0-9_][A-Za-z0-9_.-]*(/\.?[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
        max_length=200,
    ),
]
"""A relative path that is harmless in an archive, in a shell and in a line of SHA256SUMS."""


class Images(Value):
    """Image digests of one role, by Compose service."""

    role: Role
    services: dict[str, Digest]


class Evidence(Value):
    """What was run on what, what came out, and the digest of every file behind it."""

    schema_uri: Literal["urn:clinops:evidence:1"] = SCHEMA
    release: Release
    baseline_version: str | None
    """The version in use that the candidate was held against; none for a new system."""
    images: tuple[Images, ...]
    plan: tuple[tuple[str, Role], ...] = ()
    """What should have run, so that a reader can see what did not."""
    runs: tuple[SuiteRun, ...]
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...] = Field(default=(), exclude_if=lambda found: not found)
    """What is not as in the version in use, declared by the vendor or not."""
    waivers: tuple[Waiver, ...] = Field(default=(), exclude_if=lambda found: not found)
    """Every waiver of the product at the release's commit, whether it waives anything or not."""
    rehearsal: Rehearsal | None = Field(default=None, exclude_if=lambda found: found is None)
    """The way up and the way back, tried on a copy of the data; none without a version in use."""
    comparison: Comparison | None = Field(default=None, exclude_if=lambda found: found is None)
    """What two baselines and the candidate answered; none where there are no probes."""
    faults: FaultsTried | None = Field(default=None, exclude_if=lambda found: found is None)
    """What broke around the system while it was written to; none where nothing was to break."""
    measured: tuple[Measured, ...] = Field(default=(), exclude_if=lambda found: not found)
    """Where each result comes from; empty where none could be carried over, nor may be later."""
    outcome: Outcome
    files: dict[FileName, Digest]
    """Every evidence file by its name in the bundle."""
    engine: str
    """Version of ClinOps that produced it."""
    started: str
    ended: str

    @property
    def digest(self) -> str:
        """The one digest that sign-offs bind to."""
        return digest_of(self.json_value())

    @property
    def carried(self) -> tuple[tuple[Measured, Origin], ...]:
        """The results that were not measured for this evidence, and where each was."""
        return tuple((one, one.carried) for one in self.measured if one.carried is not None)

    def origin_of(self, what: str) -> Origin | None:
        """Return where a result was carried over from; none where it was measured for this."""
        return next((one.carried for one in self.measured if one.what == what), None)

    def candidate_images(self) -> dict[str, Digest]:
        """Image digests of the candidate, by service."""
        return next((i.services for i in self.images if i.role is Role.CANDIDATE), {})

    @property
    def day(self) -> dt.date:
        """The day on which it was decided; where none is to be read, all waivers have expired."""
        try:
            return dt.datetime.fromisoformat(self.ended).date()
        except ValueError:
            return dt.date.max

    def contradictions(self) -> list[str]:
        """Derive findings and outcome again; one sentence per thing that does not agree."""
        derived = findings_from(
            self.plan,
            self.runs,
            self.differences,
            self.waivers,
            version=self.release.version,
            day=self.day,
            rehearsal=self.rehearsal,
            comparison=self.comparison,
            faults=self.faults,
            measured=self.measured,
        )
        outcome = decide([*self.findings, *derived], self.runs)
        found = [
            *self._strange_runs(),
            *self._strange_comparison(),
            *self._strange_measurements(),
            *self._strange_findings(derived),
        ]
        if outcome is not self.outcome:
            found.append(f"the outcome is {self.outcome}, but the runs and findings say {outcome}")
        return found

    def _strange_runs(self) -> list[str]:
        listed = {difference.subject for difference in self.differences}
        return [
            *(
                f"the {run.suite} suite was not planned on the {run.role} version, yet it ran"
                for run in self.runs
                if (run.suite, run.role) not in self.plan
            ),
            *(
                f"a file of the {run.suite} run on the {run.role} version is not among the files"
                for run in self.runs
                if not {run.log, run.junit or run.log} <= set(self.files.values())
            ),
            *(
                f"the difference in {difference.subject} is left out"
                for difference in differing_results(self.runs)
                if difference.subject not in listed
            ),
        ]

    def _strange_comparison(self) -> list[str]:
        compared = self.comparison
        file = None if compared is None else digest_bytes(canonical(compared.json_value()))
        if self.files.get(COMPARISON) != file:
            return [f"{COMPARISON} does not say what the evidence says of the comparison"]
        if compared is None:
            return []
        # Whatever covers one may be left out: who declared what, the manifest says.
        listed = {one.model_copy(update={"declared_by": None}) for one in self.differences}
        return [
            f"the difference in {difference.subject} is left out, or told otherwise"
            for difference in behaviour.differing_behaviour(compared)
            if difference not in listed
        ]

    def _strange_measurements(self) -> list[str]:
        names = [one.what for one in self.measured]
        return [
            *(
                f"the {name} is said to be measured twice"
                for name in {*names}
                if names.count(name) > 1
            ),
            *(
                f"the {one.what} is said to be carried over and measured again"
                for one, _ in self.carried
                if one.sampled is not None
            ),
            *(
                f"the {one.what} came out otherwise than nothing"
                for one in self.measured
                if one.differs and one.sampled is None
            ),
            *(
                f"the {one.what} is said to be of another {name} than the release's"
                for one in self.measured
                for name, digest in self._depended_on(one.what).items()
                if one.inputs.get(name) != digest
            ),
        ]

    def _depended_on(self, what: str) -> dict[str, str]:
        """Return what a result of this release must depend on, as far as evidence can tell."""
        versions = {Role.BASELINE: self.baseline_version, Role.CANDIDATE: self.release.version}
        found = {
            one.role.value: of_version(versions[one.role] or "", one.services)
            for one in self.images
        }
        if what in {of_suite(suite, Role.BASELINE) for suite, _ in self.plan}:
            found.pop(Role.CANDIDATE, None)
        product = digest_of(self.release.product)
        return {**found, "product": product, "suites": self.release.inputs.suites}

    def _strange_findings(self, derived: Sequence[Finding]) -> list[str]:
        # By what a reader sees of a finding: older evidence does not know occurrences.
        listed = {(finding.kind, finding.summary, finding.waiver) for finding in self.findings}
        following = set(derived)
        return [
            *(
                f"a finding is left out: {finding.summary}"
                for finding in derived
                if (finding.kind, finding.summary, finding.waiver) not in listed
            ),
            *(
                f"no waiver in force is for this finding: {finding.summary}"
                for finding in self.findings
                if finding.waiver is not None and finding not in following
            ),
        ]


def findings_from(
    plan: Sequence[tuple[str, Role]],
    runs: Sequence[SuiteRun],
    differences: Sequence[Difference],
    waivers: Sequence[Waiver],
    *,
    version: str,
    day: dt.date,
    rehearsal: Rehearsal | None = None,
    comparison: Comparison | None = None,
    faults: FaultsTried | None = None,
    measured: Sequence[Measured] = (),
) -> tuple[Finding, ...]:
    """Return everything that follows from what was done, with the waivers of that day applied."""
    found = [
        *missing_runs(plan, runs),
        *compare_runs(runs),
        *undeclared(differences),
        *(rehearsal_findings(rehearsal) if rehearsal else ()),
        *(behaviour.findings(comparison) if comparison else ()),
        *(fault_trial.findings(faults) if faults else ()),
        *of_measurements(measured),
    ]
    return apply(found, waivers, version, day)


def missing_runs(planned: Sequence[tuple[str, Role]], runs: Sequence[SuiteRun]) -> list[Finding]:
    """Find what was planned but did not really run: missing evidence never passes.

    A run that broke off counts as missing even where another run of the same suite did not.
    """
    done = {(run.suite, run.role) for run in runs if run.completed}
    broken = {(run.suite, run.role) for run in runs if not run.completed}
    return [
        Finding(
            kind="evidence-missing",
            weight=Weight.INCONCLUSIVE,
            summary=f"The {suite} suite did not run to its end on the {role} version",
        )
        for suite, role in planned
        if (suite, role) not in done - broken
    ]


def compare_runs(runs: Sequence[SuiteRun]) -> list[Finding]:
    """Hold the candidate's tests against the baseline's.

    A test that fails on the candidate only is the product's fault. One that fails on both says
    nothing about this release: the suite can't tell the versions apart. One that is skipped on
    the candidate, or is in the baseline's run but not in the candidate's, is missing evidence.
    So is a run that ended as failed and does not say which test did.
    """
    findings = [
        _failed_without_a_test(run) for run in runs if run.exit_code == 1 and not _any_failed(run)
    ]
    baselines = {run.suite: _by_name(run) for run in runs if run.role is Role.BASELINE}
    for run in runs:
        if run.role is Role.CANDIDATE:
            findings += _compare_run(run, baselines.get(run.suite, {}))
    return findings


def _failed_without_a_test(run: SuiteRun) -> Finding:
    return Finding(
        kind="evidence-missing",
        weight=Weight.INCONCLUSIVE,
        summary=f"The {run.suite} suite failed on the {run.role} version without a failing test",
    )


def _compare_run(run: SuiteRun, before: dict[str, CaseResult]) -> list[Finding]:
    after = _by_name(run)
    return [
        *(
            finding
            for case in run.cases
            for finding in _compare_case(run.suite, case, before.get(case.name))
        ),
        *(
            Finding(
                kind="evidence-missing",
                weight=Weight.INCONCLUSIVE,
                summary=f"{run.suite}: {name} is in the baseline's run, not in the candidate's",
                hazards=case.hazards,
                occurrence=f"{run.suite}: {name}",
            )
            for name, case in before.items()
            if name not in after
        ),
    ]


def _by_name(run: SuiteRun) -> dict[str, CaseResult]:
    return {case.name: case for case in run.cases}


def _failed(case: CaseResult | None) -> bool:
    return case is not None and case.verdict in {Verdict.FAILED, Verdict.ERROR}


def _any_failed(run: SuiteRun) -> bool:
    return any(_failed(case) for case in run.cases)


def _compare_case(suite: str, case: CaseResult, was: CaseResult | None) -> list[Finding]:
    if _failed(case):
        if _failed(was):
            how = "test-failed-on-both", Weight.INCONCLUSIVE, "fails on both versions"
        else:
            how = "test-failed", Weight.REFUSES, "fails on the candidate"
    elif case.verdict is Verdict.SKIPPED:
        how = "test-skipped", Weight.INCONCLUSIVE, "was skipped on the candidate"
    elif _failed(was):
        how = "test-mended", Weight.NOTE, "fails on the version in use and passes now"
    else:
        return []
    kind, weight, what = how
    return [
        Finding(
            kind=kind,
            weight=weight,
            summary=f"{suite}: {case.name} {what}",
            detail=case.message,
            hazards=case.hazards,
            occurrence=f"{suite}: {case.name}",
        )
    ]


def decide(findings: Sequence[Finding], runs: Sequence[SuiteRun]) -> Outcome:
    """Decide the outcome: the worst finding, and never `qualified` without a passing run."""
    weights = {finding.weight for finding in findings}
    if Weight.REFUSES in weights:
        return Outcome.REFUSED
    candidate_ran = any(run.role is Role.CANDIDATE and run.completed for run in runs)
    if Weight.INCONCLUSIVE in weights or not candidate_ran:
        return Outcome.INCONCLUSIVE
    return Outcome.QUALIFIED
