"""The gate's policy in plain sentences, for whoever must judge whether it is the right one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clinops.domain.gate import GatePolicy
from clinops.domain.policy import AllOf, AnyOf, Need, Requirement


def rules_in_words(policy: GatePolicy) -> list[str]:
    """Say what a policy asks for and whom it keeps out, one rule a sentence."""
    return [*_routes(policy), *_documents(policy), *_separation(policy)]


def _routes(policy: GatePolicy) -> Iterator[str]:
    days = policy.sign_offs_expire_after_days
    yield f"Before a release goes live it must be signed off by {_all(policy.requires)}."
    if policy.standard is not None:
        yield (
            "Where nothing undeclared changed, the data is kept as before and no hazard of class 3 "
            "or more is touched, it is enough that it is signed off by "
            f"{_all(policy.standard.requires)}."
        )
    if policy.emergency is not None:
        emergency = policy.emergency
        passes = f"; it passes what holds others up: {', '.join(emergency.passes)}"
        yield (
            f"In an emergency it may go live when signed off by {_all(emergency.requires)}"
            f"{passes if emergency.passes else ''}. The other sign-offs are then owed within "
            f"{_count(emergency.owed_within_hours, 'hour')}."
        )
    yield f"A sign-off expires {_count(days, 'day')} after it was given."


def _documents(policy: GatePolicy) -> Iterator[str]:
    hazards = policy.hazards
    approver = _role(hazards.approved_by)
    yield f"Each version of the hazard log must be approved by signature as {approver}."
    yield (
        f"A hazard of class {hazards.evidence_from_class} or more, before or after its controls, "
        "needs passing tests that name it; without them it must be accepted, in writing and with "
        f"a reason, by somebody who signs off as {_role(hazards.accepted_by)}."
    )
    yield (
        f"A waiver counts once it is approved by signature as {_role(policy.waivers.approved_by)}, "
        "for one finding of one version, until the day that is written in it."
    )


def _separation(policy: GatePolicy) -> Iterator[str]:
    rules = policy.separation
    said = {
        "No key of a vendor may sign off.": rules.vendor,
        "Whoever committed the release, or changed what it is tested with, may not sign it off.": (
            rules.committer
        ),
        "Whoever may change people, policy and tests may not sign off.": rules.administrators,
        "One person fills one role only.": rules.one_role_each,
    }
    yield from (sentence for sentence, holds in said.items() if holds)
    off = [sentence for sentence, holds in said.items() if not holds]
    yield from (f"NOT enforced here: {sentence}" for sentence in off)
    if policy.accept_demonstration:
        yield "Identities of a demonstration count here, which they must never do in earnest."


def _all(needs: Sequence[Need]) -> str:
    return _listed([_need(need) for need in needs])


def _need(need: Need) -> str:
    if isinstance(need, Requirement):
        return _requirement(need)
    if isinstance(need, AllOf):
        return f"({_all(need.all_of)})" if need.all_of[1:] else _all(need.all_of)
    if isinstance(need, AnyOf):
        return f"({' or '.join(_need(one) for one in need.any_of)})"
    among = "; ".join(_need(one) for one in need.n_of.among)
    return f"{need.n_of.count} of these {len(need.n_of.among)}: ({among})"


def _requirement(need: Requirement) -> str:
    role = _role(need.role)
    if need.sites is not None:
        return f"people as {role} who speak for {_count(need.sites, 'site')} that it goes to"
    return f"{'one person' if need.count == 1 else f'{need.count} people'} as {role}"


def _role(role: str) -> str:
    return role.replace("-", " ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
