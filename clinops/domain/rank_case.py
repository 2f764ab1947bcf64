"""Rank, one request: the raw inputs, and what a place among others follows from.

Cost of delay divided by effort and weighted by confidence; hard rules come before every score.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final, NamedTuple

from clinops.domain.board_policy import BoardPolicy, Weights
from clinops.domain.request import Request

PARTS: Final = ("risk", "clock", "statute", "benefit")
"""What the cost of delay consists of; each has a weight of that name."""
WORST: Final = 5
"""The worst class of risk."""
MOST_POINTS: Final = 10
"""The most benefit that an owner may see."""

_DAY = 24 * 60 * 60


class Rule(IntEnum):
    """What a request's place follows from; the first that applies."""

    ALERT = 1
    """An alert's clock: the nearest first."""
    RISK = 2
    """A residual risk that the board can't leave: the worst first."""
    STATUTE = 3
    """A day that the law sets and that is near: the nearest first."""
    SCORE = 4
    """None of these: the highest score first."""


class Residual(NamedTuple):
    """A hazard that a request lowers, as the log of its system has it."""

    system: str
    hazard: str
    name: str
    risk_class: int


@dataclass(frozen=True)
class Case:
    """A request with what the estate knows of it, under a policy, at a moment."""

    request: Request
    policy: BoardPolicy
    now: dt.datetime
    worst: Residual | None
    """The worst residual risk among the open hazards that it lowers."""

    @cached_property
    def left(self) -> float | None:
        """Days until its deadline, below 0 once it has passed; none without one."""
        deadline = self.request.deadline
        return (deadline.by - self.now).total_seconds() / _DAY if deadline else None

    @cached_property
    def shares(self) -> tuple[float, float, float, float]:
        """Each part between 0 and 1, as in `Weights`."""
        risk = self.worst.risk_class / WORST if self.worst else 0.0
        benefit = self.request.benefit.points / MOST_POINTS
        by_law = self.request.deadline and self.request.deadline.source == "statute"
        run = self._run
        return risk, 0.0 if by_law else run, run if by_law else 0.0, benefit

    @cached_property
    def horizon(self) -> float:
        """Days before its deadline at which the clock begins to count."""
        horizons = self.policy.horizons
        by_source = {
            "alert-48-hours": horizons.alert,
            "patch-14-days": horizons.patch,
            "end-of-support": horizons.support,
            "statute": horizons.statute,
        }
        return by_source[self.request.deadline.source] if self.request.deadline else 0.0

    @property
    def _run(self) -> float:
        return 0.0 if self.left is None else min(1.0, max(0.0, 1 - self.left / self.horizon))

    @cached_property
    def rule(self) -> Rule:
        """The hard rule that applies first."""
        source = self.request.deadline.source if self.request.deadline else None
        hard = self.policy.hard_rules
        if source == "alert-48-hours":
            return Rule.ALERT
        if self.worst and self.worst.risk_class >= hard.risk_from_class:
            return Rule.RISK
        near = self.left is not None and self.left <= hard.statute_within_days
        return Rule.STATUTE if source == "statute" and near else Rule.SCORE

    @property
    def sureness(self) -> float:
        """By how much cost of delay is taken, as its owner is sure of it."""
        by_confidence: float = getattr(self.policy.confidence, self.request.confidence)
        return by_confidence

    def cost_of_delay(self, weights: Weights) -> float:
        """What waiting costs, in the board's points."""
        risk, clock, statute, benefit = self.shares
        return (
            risk * weights.risk
            + clock * weights.clock
            + statute * weights.statute
            + benefit * weights.benefit
        )

    def score(self, weights: Weights) -> float:
        """What a person-day brings."""
        return self.cost_of_delay(weights) * self.sureness / self.request.days

    def key(self, weights: Weights) -> tuple[float, ...]:
        """Order by this, rising: rule, what the rule orders by, score."""
        first = 0.0
        if self.rule in {Rule.ALERT, Rule.STATUTE} and self.left is not None:
            first = self.left
        elif self.rule is Rule.RISK and self.worst:
            first = -float(self.worst.risk_class)
        return self.rule, first, -self.score(weights)
