"""The tally: who fills which place on one route, and what is missing there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clinops.domain.gate import Refused, Rule
from clinops.domain.identity import refuse
from clinops.domain.policy import ways
from clinops.domain.route import Route
from clinops.domain.seating import Lack, Offer, Seating, seat
from clinops.domain.signoff import CheckedSignature, SignOff


class Tally(NamedTuple):
    """Who counts on a route, who does not count again, and what is missing."""

    counted: tuple[CheckedSignature, ...]
    repeated: tuple[Refused, ...]
    missing: tuple[str, ...]
    awaited: tuple[str, ...]
    """The roles of which somebody is missing."""


def tally(
    route: Route, approvals: Sequence[CheckedSignature], sites: Sequence[str], *, alone: bool
) -> Tally:
    """Seat the people who approved, in the best of all the ways that a route offers.

    Args:
        route: What is asked for.
        approvals: Approvals without any objection to them, in the ledger's order.
        sites: The sites that the release goes to.
        alone: Whether one person fills one place only, whatever roles they sign in.
    """
    offers: dict[str, list[Offer]] = {}
    for approval in approvals:
        if route.takes(approval.signed):
            offers.setdefault(_holder(approval.signed, alone=alone), []).append(
                _offer(approval.signed)
            )
    tried = [seat(offers, way, sites) for way in ways(route.needs)]
    least = min(seating.empty for seating in tried)
    best = [seating for seating in tried if seating.empty == least]
    counted, repeated = _once_each(route, approvals, best[0], alone=alone)
    return Tally(
        tuple(counted),
        tuple(repeated),
        tuple(_missing(best)),
        tuple(dict.fromkeys(lack.requirement.role for one in best for lack in one.lacks)),
    )


def _holder(approval: SignOff, *, alone: bool) -> str:
    return approval.signer if alone else f"{approval.signer} {approval.role}"


def _offer(approval: SignOff) -> Offer:
    return Offer(approval.role, approval.site)


def _once_each(
    route: Route, approvals: Sequence[CheckedSignature], seating: Seating, *, alone: bool
) -> tuple[list[CheckedSignature], list[Refused]]:
    """Count each person once, by the newest of their approvals for the place that they fill."""
    newest_first = sorted(
        approvals, key=lambda approval: (not route.takes(approval.signed), -approval.sequence)
    )
    places = dict(seating.seats)
    # Who is not needed for any place still counts, in the role that they signed in first.
    for approval in approvals:
        places.setdefault(_holder(approval.signed, alone=alone), _offer(approval.signed))
    counted: dict[str, CheckedSignature] = {}
    repeated: list[Refused] = []
    for approval in newest_first:
        holder, signed = _holder(approval.signed, alone=alone), approval.signed
        if _offer(signed) != places[holder]:
            filled = _named(places[holder])
            why = f"{signed.name} already fills {filled}; one person fills one role"
            repeated.append(refuse(Rule.SAME_PERSON, why, approval))
        elif holder in counted:
            why = f"{signed.name} has signed off again in the role {signed.role}"
            repeated.append(refuse(Rule.SAME_PERSON, why, approval))
        else:
            counted[holder] = approval
    return (
        sorted(counted.values(), key=lambda approval: approval.sequence),
        sorted(repeated, key=lambda one: one.sequence),
    )


def _named(offer: Offer) -> str:
    return f"the role {offer.role}" + (f" for {offer.site}" if offer.site else "")


def _missing(best: Sequence[Seating]) -> Iterable[str]:
    """Say what is missing; where several ways lack as little, what they have in common first."""
    ways_out = [tuple(map(_sentence, seating.lacks)) for seating in best]
    common = [one for one in ways_out[0] if all(one in way for way in ways_out)]
    yield from common
    rest = (" and ".join(one for one in way if one not in common) for way in ways_out)
    if either := list(dict.fromkeys(one for one in rest if one)):
        yield "either " + ", or ".join(either) if len(either) > 1 else either[0]


def _sentence(lack: Lack) -> str:
    role, number = lack.requirement.role, lack.people
    if lack.requirement.sites is not None:
        return (
            f"1 more sign-off by role {role} for another site"
            if number == 1
            else (f"{number} more sign-offs by role {role}, each for another site")
        )
    return f"{number} more sign-off{'s' if number > 1 else ''} by role {role}"
