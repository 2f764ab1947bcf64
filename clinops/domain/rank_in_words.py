"""Rank in words: every number of a request's place, with the inputs that it came from."""

from __future__ import annotations

from typing import Final, NamedTuple

from clinops.domain.plain_words import RISK_CLASSES
from clinops.domain.rank_case import MOST_POINTS, PARTS, WORST, Case, Rule

_MOMENT: Final = "%Y-%m-%d %H:%M %Z"


class Part(NamedTuple):
    """One part of the cost of delay, with what it came from."""

    name: str
    share: float
    """Between 0 and 1."""
    weight: float
    because: str
    """The inputs in words."""

    @property
    def points(self) -> float:
        """What it adds to the cost of delay."""
        return self.share * self.weight


def parts_of(case: Case) -> tuple[Part, ...]:
    """Unfold the cost of delay."""
    because = (_risk(case), *_clocks(case), _benefit(case))
    return tuple(
        Part(name, share, getattr(case.policy.weights, name), why)
        for name, share, why in zip(PARTS, case.shares, because, strict=True)
    )


def breakdown_of(case: Case) -> dict[str, str]:
    """Say everything that a place follows from: a line each, by what it is about."""
    request, cost = case.request, case.cost_of_delay(case.policy.weights)
    effort = ", ".join(f"{team} {days:g}" for team, days in request.effort.items())
    return {
        "rule": _RULES[case.rule].format_map(_words(case)),
        **{
            part.name: f"{part.share:.2f} times {part.weight:g} is {part.points:.1f}: "
            f"{part.because}"
            for part in parts_of(case)
        },
        "cost of delay": f"{cost:.1f}, the sum of these four",
        "confidence": f"{request.confidence}, which counts {case.sureness:g}",
        "effort": f"{count_days(request.days)}: {effort}",
        "score": f"{cost:.1f} times {case.sureness:g}, divided by {request.days:g}, is "
        f"{case.score(case.policy.weights):.2f}",
    }


def count_days(days: float) -> str:
    """Write an effort."""
    return f"{days:g} person-day" if days == 1 else f"{days:g} person-days"


_RULES: Final = {
    Rule.ALERT: "an alert's clock runs until {by}: before everything else, the nearest first",
    Rule.RISK: "a residual risk of class {risk}, from {from_class} on: after alerts, the worst "
    "first",
    Rule.STATUTE: "the law sets {by}, within {near} days: after alerts and such risks, the nearest "
    "first",
    Rule.SCORE: "no hard rule applies: the highest score first",
}


def _words(case: Case) -> dict[str, object]:
    deadline = case.request.deadline
    return {
        "by": f"{deadline.by:{_MOMENT}}" if deadline else "",
        "risk": case.worst.risk_class if case.worst else 0,
        "from_class": case.policy.hard_rules.risk_from_class,
        "near": f"{case.policy.hard_rules.statute_within_days:g}",
    }


def _risk(case: Case) -> str:
    if case.worst is None:
        return "it names no open hazard"
    system, hazard, name, risk_class = case.worst
    what = RISK_CLASSES[risk_class]
    return f"class {risk_class} of {WORST}, {hazard} of {system}: {name} ({what})"


def _clocks(case: Case) -> tuple[str, str]:
    deadline = case.request.deadline
    if deadline is None or case.left is None:
        return "no clock runs", "the law sets no day"
    passed = f"{-case.left:.1f} days past" if case.left < 0 else f"{case.left:.1f} days left of"
    said = f"{passed} {deadline.by:{_MOMENT}}, counting from {case.horizon:g} days before"
    said = f"{said} ({deadline.reference})"
    return (
        ("no other clock runs", said)
        if deadline.source == "statute"
        else (said, "the law sets no day")
    )


def _benefit(case: Case) -> str:
    benefit = case.request.benefit
    return f"{benefit.points} of {MOST_POINTS} points: {'; '.join(benefit.reasons)}"
