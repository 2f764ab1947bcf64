"""The judgement: whether the signatures on record open a gate.

Pure, so that the gate page, the promotion and an offline verification give the same answer.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from clinops.domain.evidence import Evidence
from clinops.domain.gate import Counted, GatePolicy, GateReport, Refused, Rule
from clinops.domain.objection import Bench, refuse
from clinops.domain.outcome import Outcome
from clinops.domain.seating import seat
from clinops.domain.signer import Signers, Vendor
from clinops.domain.signoff import BrokenSignature, CheckedSignature, Meaning, SignOff


def evaluate(
    policy: GatePolicy,
    signers: Signers,
    vendors: Mapping[str, Vendor],
    signatures: Sequence[CheckedSignature | BrokenSignature],
    *,
    evidence: Evidence,
    committer: str,
    contributors: Collection[str] = (),
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
        now: The time of the judgement; with its zone.
    """
    moment, others = now.astimezone(dt.UTC), frozenset(contributors)
    bench = Bench(policy, signers, vendors, evidence, committer, others, moment)
    judged = [bench.judge(signature) for signature in signatures]
    valid = [one for one in judged if isinstance(one, SignOff)]
    refused = [one for one in judged if isinstance(one, Refused)]
    rejections = [s for s in valid if s.meaning is Meaning.REJECTED]
    approvals, repeated = _once_each(policy, [s for s in valid if s.meaning is Meaning.APPROVED])
    missing = [*_closed_by(evidence.outcome, rejections), *_missing(policy, approvals)]
    if not signatures:
        missing.insert(0, "nobody has signed yet")
    return GateReport(
        open=not missing,
        counted=tuple(_counted(s) for s in (*rejections, *approvals)),
        refused=(*refused, *repeated),
        missing=tuple(missing),
    )


def _once_each(
    policy: GatePolicy, approvals: Sequence[SignOff]
) -> tuple[list[SignOff], list[Refused]]:
    """Count each person once: per role, or in one role of all where the policy says so."""
    alone = policy.separation.one_role_each
    offers: dict[str, list[str]] = {}
    for approval in approvals:
        offers.setdefault(_holder(approval, alone=alone), []).append(approval.role)
    roles = seat(offers, policy.places)
    counted: dict[tuple[str, str], SignOff] = {}
    refused: list[Refused] = []
    for approval in approvals:
        role = roles[_holder(approval, alone=alone)]
        if approval.role != role:
            why = f"{approval.name} already fills the role {role}; one person fills one role"
            refused.append(refuse(Rule.SAME_PERSON, why, approval))
        elif (approval.signer, role) in counted:
            why = f"{approval.name} has already signed off in the role {role}"
            refused.append(refuse(Rule.SAME_PERSON, why, approval))
        else:
            counted[approval.signer, role] = approval
    return list(counted.values()), refused


def _holder(approval: SignOff, *, alone: bool) -> str:
    return approval.signer if alone else f"{approval.signer} {approval.role}"


def _closed_by(outcome: Outcome, rejections: Sequence[SignOff]) -> Iterator[str]:
    if outcome is not Outcome.QUALIFIED:
        yield f"evidence that qualifies the release: this one's outcome is {outcome}"
    for rejection in rejections:
        yield (
            f"a new release: {rejection.signer} ({rejection.role}) rejected this one for good, "
            f"saying: {rejection.reason}"
        )


def _missing(policy: GatePolicy, approvals: Sequence[SignOff]) -> Iterator[str]:
    have = Counter(approval.role for approval in approvals)
    for role, count in policy.places.items():
        lacking = count - have[role]
        if lacking > 0:
            yield f"{lacking} more sign-off{'s' if lacking > 1 else ''} by role {role}"


def _counted(sign_off: SignOff) -> Counted:
    return Counted.model_validate(sign_off.model_dump(include=set(Counted.model_fields)))
