"""Routes through a gate: what each asks of people, and what bars it whoever signs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from clinops.domain.circumstances import Circumstances
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.line import Stop
from clinops.domain.objection import Bench
from clinops.domain.outcome import Outcome
from clinops.domain.policy import Need
from clinops.domain.reuse import forbidden
from clinops.domain.signoff import ChangeType, SignOff

SERIOUS = 3
"""The class of hazard from which a change is no standard change (DCB0160's risk matrix)."""

_LINKED = frozenset({"test-result", "behaviour"})
"""Kinds of differences whose hazards are known: those of the tests and probes that show them."""


class Block(NamedTuple):
    """Something that keeps a gate closed, whoever signs."""

    kind: Literal["always", "stop", "freeze", "overdue"]
    sentence: str


class Route(NamedTuple):
    """One way through a gate."""

    change: ChangeType
    needs: Sequence[Need]
    passes: Collection[str] = ()
    """The kinds of blocks that don't hold it up."""
    bars: tuple[str, ...] = ()
    """Why this change may not take it."""
    stop: Stop | None = None
    """A stop of the line that it passes; whoever signs must have known of it."""

    def takes(self, sign_off: SignOff) -> bool:
        """Whether a sign-off was meant for this route, too.

        Who approves an emergency has said that this may go live at once, so that it also counts
        where there is time. Nobody's ordinary approval is taken for an emergency.
        """
        meant = self.change is not ChangeType.EMERGENCY or sign_off.change is self.change
        return meant and not self.is_overtaken(sign_off)

    def is_overtaken(self, sign_off: SignOff) -> bool:
        """Whether the line was stopped since, so that the signer could not weigh why."""
        return self.stop is not None and sign_off.ledger.sequence < self.stop.sequence


def routes(bench: Bench) -> Iterator[Route]:
    """Yield the routes that a policy has; the first that is open is taken."""
    policy = bench.register.policy
    if policy.standard is not None:
        bars = tuple(_bars_from_standard(bench.evidence, bench.circumstances))
        yield Route(ChangeType.STANDARD, policy.standard.requires, bars=bars)
    yield Route(ChangeType.NORMAL, policy.requires)
    if policy.emergency is not None:
        passes = policy.emergency.passes
        stop = bench.circumstances.stop if "stop" in passes else None
        yield Route(ChangeType.EMERGENCY, policy.emergency.requires, passes, stop=stop)


def _bars_from_standard(evidence: Evidence, circumstances: Circumstances) -> Iterator[str]:
    """Say why a change is no standard change; where nobody can tell, it is none."""
    yield from _never_tried(evidence)
    for path in circumstances.changed:
        yield f"a standard change: {path} is not as it was for the version in use"
    for finding in evidence.findings:
        yield f"a standard change: there is a finding, {finding.summary}"
    mild = {one.hazard for one in circumstances.coverage if one.weight < SERIOUS}
    for difference in evidence.differences:
        touched = _hazards_of(evidence, difference)
        if difference.kind == "schema":
            yield f"a standard change: the data is kept otherwise, {difference.subject}"
        elif difference.declared_by is None:
            yield f"a standard change: the vendor did not declare that {difference.subject} differs"
        elif difference.kind not in _LINKED or not touched:
            yield f"a standard change: nobody can tell which hazards {difference.subject} touches"
        for hazard in sorted(touched - mild):
            yield f"a standard change: {difference.subject} touches the hazard {hazard}"


def _never_tried(evidence: Evidence) -> Iterator[str]:
    if evidence.baseline_version is None:
        yield "a standard change: there is no version in use to hold this one against"
    if evidence.rehearsal is None:
        yield "a standard change: the way up and the way back were not rehearsed"
    if evidence.comparison is None:
        yield "a standard change: behaviour was not compared with the version in use"


def _hazards_of(evidence: Evidence, difference: Difference) -> set[str]:
    return {
        *difference.hazards,
        *(
            hazard
            for run in evidence.runs
            for case in run.cases
            if f"{run.suite}: {case.name}" == difference.subject
            for hazard in case.hazards
        ),
    }


def blocks(bench: Bench) -> Iterator[Block]:
    """Yield what keeps the gate closed apart from signatures under the release."""
    evidence, circumstances = bench.evidence, bench.circumstances
    if evidence.outcome is not Outcome.QUALIFIED:
        outcome = f"evidence that qualifies the release: this one's outcome is {evidence.outcome}"
        yield Block("always", outcome)
    if circumstances.hazard_log is None:
        yield Block("always", "a hazard log: there is none in the evidence")
    elif circumstances.hazard_log.demonstration and not bench.register.policy.accept_demonstration:
        what = "a hazard log that a clinician scored: this one is marked as a demonstration's"
        yield Block("always", what)
    used = {finding.waiver for finding in evidence.findings}
    for waiver in evidence.waivers:
        if waiver.id in used and not waiver.holds(
            evidence.release.version, bench.register.now.date()
        ):
            yield Block("always", f"a waiver that holds: {waiver.id} expired on {waiver.expires}")
    for sentence in (*forbidden(evidence, bench.register.policy), *circumstances.dropped):
        yield Block("always", sentence)
    if circumstances.stop is not None:
        stop, role = circumstances.stop, bench.register.policy.hazards.approved_by
        why = f"{stop.name} stopped the line at {stop.time}, saying: {stop.reason}"
        yield Block("stop", f"an order to go on by {role}: {why}")
    for freeze in circumstances.freezes:
        until = freeze.until.isoformat(timespec="minutes")
        yield Block("freeze", f"the end of the freeze until {until}: {freeze.reason}")
    for sentence in circumstances.overdue:
        yield Block("overdue", sentence)
