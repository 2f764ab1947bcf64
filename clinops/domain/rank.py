"""Rank: what comes first among all open requests, and what that order depends on.

Nothing of this is stored: it is derived from raw inputs and the board's policy whenever somebody
asks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from clinops.domain.board_policy import BoardPolicy, Weights
from clinops.domain.rank_case import PARTS, Case, Residual, Rule
from clinops.domain.rank_in_words import Part, breakdown_of, parts_of
from clinops.domain.request import Request
from clinops.domain.wording import nearest
from clinops.errors import NotFoundError

TOP: Final = 10
"""How many a board reads."""
STEP: Final = 0.2
"""By how much weights are moved to see what depends on them."""


@dataclass(frozen=True)
class Ranked:
    """A request in its place. Every number unfolds to what it came from."""

    place: int
    of: int
    case: Case

    @property
    def request(self) -> Request:
        """The request."""
        return self.case.request

    @property
    def rule(self) -> Rule:
        """What its place follows from."""
        return self.case.rule

    @property
    def cost_of_delay(self) -> float:
        """What waiting costs, in the board's points."""
        return self.case.cost_of_delay(self.case.policy.weights)

    @property
    def score(self) -> float:
        """What a person-day brings."""
        return self.case.score(self.case.policy.weights)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the cost of delay, each with its inputs in words."""
        return parts_of(self.case)

    @property
    def breakdown(self) -> dict[str, str]:
        """Everything that its place follows from, in words: a line each, by what it is about."""
        return breakdown_of(self.case)

    def json_value(self) -> dict[str, object]:
        """Return the rank with all of its inputs, plain."""
        case = self.case
        return {
            "place": self.place,
            "of": self.of,
            "request": self.request.id,
            "title": self.request.title,
            "rule": self.rule.name.lower(),
            "score": self.score,
            "cost_of_delay": self.cost_of_delay,
            "parts": [{**part._asdict(), "points": part.points} for part in self.parts],
            "confidence": {"given": self.request.confidence, "counts": case.sureness},
            "effort": dict(self.request.effort),
            "worst_residual_risk": case.worst and case.worst._asdict(),
            "days_left": case.left,
            "breakdown": self.breakdown,
        }


class Move(NamedTuple):
    """A request that would change places."""

    request: str
    before: int
    after: int


class Sensitivity(NamedTuple):
    """What would change among the first if one weight were another."""

    weight: str
    was: float
    becomes: float
    moves: tuple[Move, ...]
    """Of the first, and of what would come among them; none where the order stays."""


@dataclass(frozen=True)
class Ranking:
    """All open requests in order, under one policy, at one moment."""

    policy: BoardPolicy
    now: dt.datetime
    ranked: tuple[Ranked, ...]

    @cached_property
    def places(self) -> Mapping[str, Ranked]:
        """The ranks by request."""
        return {one.request.id: one for one in self.ranked}

    def of(self, request_id: str) -> Ranked:
        """Return a request's rank; raises NotFoundError where it is not open."""
        if request_id not in self.places:
            mend = nearest(request_id, list(self.places))
            raise NotFoundError(f"no open request is called {request_id}", mend=mend)
        return self.places[request_id]

    def sensitivity(self, top: int = TOP, step: float = STEP) -> tuple[Sensitivity, ...]:
        """Say what would change among the first if each weight were larger or smaller."""
        weights = self.policy.weights
        found = []
        for name in PARTS:
            was = getattr(weights, name)
            for factor in (1 - step, 1 + step):
                # Beyond what a policy may say, so that the largest weight can be moved as well.
                other = weights.model_copy(update={name: was * factor})
                found.append(Sensitivity(name, was, was * factor, self._moves(other, top)))
        return tuple(found)

    def _moves(self, weights: Weights, top: int) -> tuple[Move, ...]:
        cases = [one.case for one in self.ranked]
        order = {case.request.id: at for at, case in enumerate(_in_order(cases, weights), 1)}
        return tuple(
            Move(one.request.id, one.place, order[one.request.id])
            for one in self.ranked
            if one.place != order[one.request.id] and min(one.place, order[one.request.id]) <= top
        )


def rank(
    requests: Iterable[Request],
    policy: BoardPolicy,
    residuals: Mapping[str, Mapping[str, Residual]],
    now: dt.datetime,
) -> Ranking:
    """Rank open requests.

    Args:
        requests: What waits.
        policy: What counts how much.
        residuals: The open hazards of each system's log, by system and id.
        now: When it is asked; clocks run.
    """
    cases = [Case(one, policy, now, _worst(one, residuals)) for one in requests]
    ordered = _in_order(cases, policy.weights)
    ranked = (Ranked(place, len(cases), case) for place, case in enumerate(ordered, 1))
    return Ranking(policy, now, tuple(ranked))


def _in_order(cases: Iterable[Case], weights: Weights) -> list[Case]:
    # What is equal in everything else is in the order of its ids, so that two answers agree.
    return sorted(cases, key=lambda case: (*case.key(weights), case.request.id))


def _worst(request: Request, residuals: Mapping[str, Mapping[str, Residual]]) -> Residual | None:
    found = [
        residuals[system][hazard]
        for system in request.systems
        for hazard in request.hazards
        if hazard in residuals.get(system, {})
    ]
    return max(found, key=lambda one: one.risk_class, default=None)
