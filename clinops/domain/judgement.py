"""The judgement: whether the signatures on record open a gate.

Pure, so that the gate page, the promotion and an offline verification give the same answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from clinops.domain.approval import judge_approvals, role_for
from clinops.domain.circumstances import Circumstances
from clinops.domain.evidence import Evidence
from clinops.domain.gate import (
    Acceptance,
    Approved,
    Counted,
    GatePolicy,
    GateReport,
    Owed,
    Refused,
)
from clinops.domain.identity import Register, moment
from clinops.domain.ledger import timestamp
from clinops.domain.objection import Bench
from clinops.domain.route import Block, Route, blocks, routes
from clinops.domain.signer import Signers, Vendor
from clinops.domain.signoff import BrokenSignature, ChangeType, CheckedSignature, Meaning
from clinops.domain.tally import Tally, tally


def evaluate(
    policy: GatePolicy,
    signers: Signers,
    vendors: Mapping[str, Vendor],
    signatures: Sequence[CheckedSignature | BrokenSignature],
    *,
    evidence: Evidence,
    committer: str,
    contributors: Collection[str] = (),
    circumstances: Circumstances,
    now: dt.datetime,
) -> GateReport:
    """Judge every signature on record, and from those that count whether the gate is open.

    Args:
        policy: The product's gate.
        signers: Everyone of the trust who may sign.
        vendors: Every vendor by the name of its folder.
        signatures: Everything recorded for this release, in the ledger's order.
        evidence: What the signatures must be about.
        committer: Who signed the release's commit: `vendor:<name>` or `trust:<signer id>`.
        contributors: Everybody who signed a commit that changed what the release is made of.
        circumstances: What else the gate must know.
        now: The time of the judgement; with its zone.
    """
    register = Register(policy, signers, vendors, now.astimezone(dt.UTC))
    bench = Bench(register, evidence, committer, frozenset(contributors), circumstances)
    judged = [bench.judge(signature) for signature in signatures]
    valid = [one for one in judged if not isinstance(one, Refused)]
    rejections = [one for one in valid if one.signed.meaning is Meaning.REJECTED]
    approvals = [one for one in valid if one.signed.meaning is Meaning.APPROVED]
    accepted = tuple(_accepted(approvals))
    approved, unapproved = _documents(bench)
    closed = [
        *_rejected(rejections),
        *blocks(bench),
        *unapproved,
        *_uncovered(bench, accepted),
    ]
    trials = [_try(route, approvals, closed, bench) for route in routes(bench)]
    trial = _choose(trials, approvals)
    nobody = () if signatures or trial.open else ("nobody has signed yet",)
    return GateReport(
        open=trial.open,
        route=trial.route.change if trial.open else None,
        counted=tuple(_counted(one) for one in (*rejections, *trial.tally.counted)),
        refused=(*(one for one in judged if isinstance(one, Refused)), *trial.tally.repeated),
        missing=(*nobody, *trial.missing),
        awaited=trial.tally.awaited,
        accepted=accepted,
        approved=approved,
        owed=_owed(trial, trials, bench),
    )


class _Trial(NamedTuple):
    """What came of one route."""

    route: Route
    tally: Tally
    missing: tuple[str, ...]

    @property
    def open(self) -> bool:
        return not self.missing


def _try(
    route: Route, approvals: Sequence[CheckedSignature], closed: Sequence[Block], bench: Bench
) -> _Trial:
    alone = bench.register.policy.separation.one_role_each
    counted = tally(route, approvals, bench.circumstances.sites, alone=alone)
    held_up = [block.sentence for block in closed if block.kind not in route.passes]
    overtaken = _overtaken(route, approvals) if counted.missing else ()
    return _Trial(route, counted, (*held_up, *route.bars, *overtaken, *counted.missing))


def _overtaken(route: Route, approvals: Iterable[CheckedSignature]) -> Iterator[str]:
    """Say whose word for an emergency does not stand against a stop that came after it."""
    meant = (one.signed for one in approvals if one.signed.change is ChangeType.EMERGENCY)
    names = dict.fromkeys(one.name for one in meant if route.is_overtaken(one))
    if names and route.stop is not None:
        yield (
            f"{', '.join(names)} signed as an emergency before the line was stopped; who still "
            f"wants it to go live signs again, knowing why: {route.stop.reason}"
        )


def _choose(trials: Sequence[_Trial], approvals: Sequence[CheckedSignature]) -> _Trial:
    """Take the first route that is open; where none is, the one that people are on."""
    by_change = {trial.route.change: trial for trial in trials}
    meant = {approval.signed.change for approval in approvals}
    closed = by_change[ChangeType.EMERGENCY if ChangeType.EMERGENCY in meant else ChangeType.NORMAL]
    return next((trial for trial in trials if trial.open), closed)


def _rejected(rejections: Iterable[CheckedSignature]) -> Iterator[Block]:
    for rejection in rejections:
        signed = rejection.signed
        yield Block(
            "always",
            f"a new release: {signed.signer} ({signed.role}) rejected this one for good, "
            f"saying: {signed.reason}",
        )


def _documents(bench: Bench) -> tuple[tuple[Approved, ...], list[Block]]:
    """Return which documents are approved, and a block for each that is not."""
    approved: list[Approved] = []
    unapproved: list[Block] = []
    for wanted in bench.circumstances.wanted(bench.evidence):
        authors = bench.circumstances.authors.get(wanted.document, frozenset())
        found = [*judge_approvals(wanted, bench.circumstances.approvals, authors, bench.register)]
        good = [one for one in found if isinstance(one, Approved)]
        approved += good
        if not good:
            why = [f"; not counted: {one.sentence}" for one in found if isinstance(one, Refused)]
            asked = f"an approval of {wanted} by role {role_for(wanted, bench.register)}"
            unapproved.append(Block("always", asked + "".join(dict.fromkeys(why))))
    return tuple(approved), unapproved


def _accepted(approvals: Iterable[CheckedSignature]) -> Iterator[Acceptance]:
    """Yield every acceptance of a hazard, whether its signer is needed for a place or not."""
    for approval in approvals:
        person = approval.signed.model_dump(
            include={"signer", "name", "role", "registration", "time"}
        )
        for hazard, reason in approval.signed.accepts.items():
            yield Acceptance(hazard=hazard, reason=reason, **person)


def _uncovered(bench: Bench, accepted: Collection[Acceptance]) -> Iterator[Block]:
    rules = bench.register.policy.hazards
    by_hand = {acceptance.hazard for acceptance in accepted}
    for hazard in bench.circumstances.coverage:
        weighs = hazard.status != "closed" and hazard.weight >= rules.evidence_from_class
        if weighs and not hazard.covered and hazard.hazard not in by_hand:
            what = f"passing evidence for the hazard {hazard.hazard} ({hazard.name}), "
            how = f"or its acceptance in writing by {rules.accepted_by}: {hazard.why}"
            yield Block("always", what + how)


def _owed(trial: _Trial, trials: Sequence[_Trial], bench: Bench) -> Owed | None:
    """Return what an emergency leaves to be signed, as long as it is not."""
    deployed, emergency = bench.circumstances.deployed, bench.register.policy.emergency
    route = deployed.route if deployed else trial.route.change
    normal = next(one.tally for one in trials if one.route.change is ChangeType.NORMAL)
    begun = not deployed.settled if deployed else trial.open
    if not begun or route is not ChangeType.EMERGENCY or emergency is None or not normal.missing:
        return None
    start = moment(deployed.time) if deployed else bench.register.now
    deadline = start + dt.timedelta(hours=emergency.owed_within_hours)
    return Owed(deadline=timestamp(deadline), missing=normal.missing, awaited=normal.awaited)


def _counted(signature: CheckedSignature) -> Counted:
    said = signature.signed.model_dump(include=set(Counted.model_fields))
    return Counted.model_validate({**said, "sequence": signature.sequence})
