"""The dossier: everything that a page or a report says about one release, in plain values.

What can't be had is said, never left out: the reader must not take silence for good news.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from clinops.domain.behaviour import examples
from clinops.domain.comparison import Example
from clinops.domain.coverage import Coverage, HazardTest, coverage
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.finding import Finding, Weight
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import Acceptance, GatePolicy, GateReport
from clinops.domain.hazard import Hazard, HazardLog
from clinops.domain.history import Told, tell
from clinops.domain.ledger import Entry, Kind
from clinops.domain.manifest import Change, Manifest, Rollback
from clinops.domain.outcome import State
from clinops.domain.release import Release
from clinops.domain.site import LiveSystem
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict

_HEAVIEST_FIRST = (Weight.REFUSES, Weight.INCONCLUSIVE, Weight.NOTE)
_KINDS: dict[str, str] = {
    "data": "What is on record",
    "behaviour": "What it answers",
    "schema": "How the data is kept",
    "test-result": "Results of tests",
    "image-configuration": "How the image says that it is run",
}
_CAUSES = {
    State.ERRORED: Kind.QUALIFICATION_ERRORED,
    State.REJECTED: Kind.REJECTED,
    State.ROLLED_BACK: Kind.ROLLED_BACK,
    State.AWAITING_SIGN_OFF: Kind.PROMOTION_REFUSED,
}
_DECIDES_NOTHING = {
    Kind.REMINDED,
    Kind.QUESTION_ASKED,
    Kind.QUESTION_ANSWERED,
    Kind.SIGNATURE_REFUSED,
}


@dataclass(frozen=True)
class HazardFile:
    """One hazard of the log, what the evidence says about it, and whether somebody accepted it."""

    hazard: Hazard
    coverage: Coverage
    accepted: tuple[Acceptance, ...]
    findings: tuple[Finding, ...]

    @property
    def without_evidence(self) -> bool:
        """Whether a hazard that is still there has no passing evidence."""
        return not self.coverage.covered and self.hazard.status != "closed"

    @property
    def failed(self) -> bool:
        """Whether there are tests for it, and not all of them passed."""
        return self.without_evidence and bool(self.coverage.tests)

    @property
    def not_passed(self) -> list[HazardTest]:
        """The tests for it that did not pass on the candidate."""
        return [test for test in self.coverage.tests if test.candidate is not Verdict.PASSED]


@dataclass(frozen=True)
class SuiteFile:
    """One suite: its run on the candidate, held against the one on the baseline."""

    name: str
    candidate: SuiteRun | None
    baseline: SuiteRun | None

    @property
    def failures(self) -> list[CaseResult]:
        """What did not pass on the candidate."""
        cases = self.candidate.cases if self.candidate else ()
        return [case for case in cases if case.verdict is not Verdict.PASSED]

    @property
    def before(self) -> dict[str, Verdict]:
        """How each test ended on the baseline, by name."""
        return {case.name: case.verdict for case in (self.baseline.cases if self.baseline else ())}

    @property
    def complete(self) -> bool:
        """Whether it ran to its end on the candidate."""
        return self.candidate is not None and self.candidate.completed


@dataclass(frozen=True)
class Changed:
    """Differences of one kind; what refuses the release first, then what touches patients."""

    title: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Question:
    """What somebody wants to know before signing, and the answers."""

    id: str
    name: str
    role: str
    time: str
    text: str
    answers: tuple[Told, ...]


@dataclass(frozen=True)
class Dossier:
    """Everything about one release."""

    record: ReleaseRecord
    release: Release
    manifest: Manifest | None
    policy: GatePolicy | None
    evidence: Evidence | None
    log: HazardLog | None
    gate: GateReport | None
    entries: tuple[Entry, ...]
    live: tuple[LiveSystem, ...]
    sites: tuple[str, ...]
    """Where the release goes, in ring order."""
    changed: tuple[str, ...]
    """Inputs that changed on the protected branch since: then it is another release."""
    problems: tuple[str, ...] = field(default=())
    """What could not be read or does not hold."""

    @cached_property
    def history(self) -> list[Told]:
        """Every entry about the release, oldest first, each told in a sentence."""
        return [tell(entry) for entry in self.entries]

    @cached_property
    def cause(self) -> tuple[str, ...]:
        """What was given as the reason for the state that the release is in."""
        kind = _CAUSES.get(self.record.state)
        telling = [told for told in self.history if told.kind not in _DECIDES_NOTHING]
        if self.record.state is not State.AWAITING_SIGN_OFF:
            telling = [told for told in telling if told.kind is kind]
        # A refused promotion is news only until somebody signs.
        return telling[-1].words if telling and telling[-1].kind is kind else ()

    @property
    def successor(self) -> str | None:
        """The newer release that took its place, as long as it holds that place."""
        if self.record.state is not State.SUPERSEDED:
            return None
        said = [entry for entry in self.entries if entry.kind is Kind.SUPERSEDED]
        by = said[-1].body.get("by") if said else None
        return by if isinstance(by, str) else None

    @property
    def changes(self) -> Sequence[Change]:
        """What the vendor declares that it changed."""
        return self.manifest.changes if self.manifest else ()

    @property
    def other_baselines(self) -> list[LiveSystem]:
        """Systems in use that the evidence was not held against, while that still matters."""
        if self.evidence is None or self.record.state is not State.AWAITING_SIGN_OFF:
            return []
        tested = self.evidence.baseline_version
        return [one for one in self.live if one.site in self.sites and one.version != tested]

    @property
    def undeclared(self) -> list[Difference]:
        """Differences that were found and that no declared change covers."""
        found = self.evidence.differences if self.evidence else ()
        return [one for one in found if one.declared_by is None]

    @property
    def declared(self) -> list[Difference]:
        """Differences that were found and that the vendor declared."""
        found = self.evidence.differences if self.evidence else ()
        return [one for one in found if one.declared_by is not None]

    @property
    def undeclared_by_kind(self) -> list[Changed]:
        """The same as `undeclared`, kind by kind."""
        return _by_kind(self.undeclared)

    @property
    def declared_by_kind(self) -> list[Changed]:
        """The same as `declared`, kind by kind."""
        return _by_kind(self.declared)

    @cached_property
    def waived(self) -> dict[str, str]:
        """The waiver of each finding that has one, by what the finding is about."""
        found = self.evidence.findings if self.evidence else ()
        return {one.occurrence: one.waiver for one in found if one.waiver is not None}

    @cached_property
    def examples(self) -> dict[str, tuple[Example, ...]]:
        """Where a difference of behaviour shows, by its subject."""
        compared = self.evidence.comparison if self.evidence else None
        return examples(compared) if compared else {}

    @cached_property
    def findings(self) -> list[Finding]:
        """Findings by clinical weight: what decides first, then the graver hazards."""
        weights = {hazard.id: hazard.weight for hazard in (self.log.hazards if self.log else ())}

        def place(finding: Finding) -> tuple[int, int]:
            gravest = max((weights.get(hazard, 0) for hazard in finding.hazards), default=0)
            return _HEAVIEST_FIRST.index(finding.weight), -gravest

        return sorted(self.evidence.findings if self.evidence else (), key=place)

    @cached_property
    def hazards(self) -> list[HazardFile]:
        """The hazard log: those without evidence first, the graver ones before the others."""
        if self.log is None or self.evidence is None:
            return []
        accepted = self.gate.accepted if self.gate else ()
        files = [
            HazardFile(
                hazard,
                found,
                tuple(one for one in accepted if one.hazard == hazard.id),
                tuple(one for one in self.findings if hazard.id in one.hazards),
            )
            for hazard, found in zip(
                self.log.hazards, coverage(self.log, self.evidence.runs), strict=True
            )
        ]
        return sorted(files, key=_most_urgent_first)

    @cached_property
    def suites(self) -> list[SuiteFile]:
        """Every suite that was planned or ran; those with failures first."""
        if self.evidence is None:
            return []
        runs = {(run.suite, run.role): run for run in self.evidence.runs}
        names = dict.fromkeys(suite for suite, _ in (*self.evidence.plan, *runs))
        files = [
            SuiteFile(name, runs.get((name, Role.CANDIDATE)), runs.get((name, Role.BASELINE)))
            for name in names
        ]
        return sorted(files, key=lambda one: (one.complete and not one.failures, one.name))

    @property
    def tests(self) -> int:
        """How many tests ran on the candidate."""
        return sum(len(one.candidate.cases) for one in self.suites if one.candidate)

    @property
    def passed(self) -> int:
        """How many of them passed."""
        return self.tests - sum(len(one.failures) for one in self.suites)

    @property
    def rollback(self) -> Rollback | None:
        """The way back that the vendor declares."""
        return self.manifest.rollback if self.manifest else None

    @cached_property
    def questions(self) -> list[Question]:
        """Questions in the order in which they were asked, each with its answers."""
        answers = [e for e in self.entries if e.kind is Kind.QUESTION_ANSWERED]
        return [
            Question(
                id=str(entry.body["id"]),
                name=str(entry.body["name"]),
                role=str(entry.body.get("role", "")),
                time=entry.time,
                text=str(entry.body["text"]),
                answers=tuple(tell(a) for a in answers if a.body["id"] == entry.body["id"]),
            )
            for entry in self.entries
            if entry.kind is Kind.QUESTION_ASKED
        ]

    @property
    def valid_until(self) -> dt.datetime | None:
        """When the first of the sign-offs that count expires."""
        waits = self.record.state is State.AWAITING_SIGN_OFF
        if not waits or self.policy is None or self.gate is None or not self.gate.counted:
            return None
        first = min(dt.datetime.fromisoformat(one.time) for one in self.gate.counted)
        return first + dt.timedelta(days=self.policy.sign_offs_expire_after_days)


def _by_kind(differences: Sequence[Difference]) -> list[Changed]:
    ordered = sorted(differences, key=lambda one: (not one.refuses, not one.protected))
    found = {kind: tuple(one for one in ordered if one.kind == kind) for kind in _KINDS}
    return [Changed(_KINDS[kind], those) for kind, those in found.items() if those]


def _most_urgent_first(file: HazardFile) -> tuple[bool, bool, int, str]:
    closed = file.hazard.status == "closed"
    return closed, not file.without_evidence, -file.hazard.weight, file.hazard.id
