"""The plan: the fewest fixes that meet the most value, within capacity and deadlines.

A plan goes by the month. Work may be spread over months: a set of fixes can be made in time where,
for each team and up to each month, what is due until then is not more than the team has until
then. Whoever solves this is behind a port; what was solved is checked here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import takewhile
from typing import Final, NamedTuple

from clinops.domain.fixes import Fix
from clinops.domain.rank import Ranked, Ranking
from clinops.domain.rank_case import Case
from clinops.errors import InfrastructureError

MONTHS: Final = 6
"""How far a plan reaches, unless somebody says otherwise."""

_MONTH = 365.25 / 12
_TENTHS: Final = 10
"""Person-days are counted in tenths: work is rounded up, capacity down."""


class Choice(NamedTuple):
    """A fix that may be made, and until when it must be."""

    meets: tuple[int, ...]
    """Requests, by their position."""
    due: int
    """The month, from 1, in which it must be done."""
    work: tuple[int, ...]
    """Tenths of a person-day of each team."""


class Wanted(NamedTuple):
    """What meeting a request is worth."""

    tier: int
    """What comes before every value: 1 first."""
    value: int


@dataclass(frozen=True)
class Problem:
    """What is to be solved, in whole numbers."""

    wanted: tuple[Wanted, ...]
    choices: tuple[Choice, ...]
    capacity: tuple[int, ...]
    """Tenths of a person-day that each team has in a month."""
    months: int

    def room(self, chosen: Iterable[int]) -> dict[tuple[int, int], int]:
        """Return what is left of each team up to each month, by team and month."""
        picked = [self.choices[one] for one in chosen]
        return {
            (team, month): each * month - sum(one.work[team] for one in picked if one.due <= month)
            for team, each in enumerate(self.capacity)
            for month in range(1, self.months + 1)
        }


class Solution(NamedTuple):
    """What a solver chose, and what nobody can do better than."""

    chosen: tuple[int, ...]
    """Choices, by their position."""
    value: int
    """Of the last tier, the values of what is met."""
    bound: int
    """No choice that does as well in the tiers before can have more value than this."""


class Made(NamedTuple):
    """A fix of the plan, and the month in which it is done."""

    fix: Fix
    month: int


class LeftOut(NamedTuple):
    """A request that the plan does not meet, and the constraint that left it out."""

    ranked: Ranked
    constraint: str
    """`deadline`, `capacity`, or `time`: the solver's ran out before it was sure."""
    team: str
    because: str


@dataclass(frozen=True)
class BoardPlan:
    """Which fixes are made when, and what is left out."""

    ranking: Ranking
    months: int
    made: tuple[Made, ...]
    left_out: tuple[LeftOut, ...]
    value: int
    """Tenths of points that are met of what no hard rule puts first; what one does comes before."""
    bound: int
    """What no plan that does as well by the hard rules can have more of."""

    @cached_property
    def met(self) -> tuple[Ranked, ...]:
        """The requests that it meets, in the order of their ranks."""
        found = {one.request.id: one for made in self.made for one in made.fix.meets}
        return tuple(sorted(found.values(), key=lambda one: one.place))

    @property
    def gap(self) -> float:
        """By how much, at most, another plan could have more value: 0.01 is a hundredth."""
        return (self.bound - self.value) / self.value if self.value else float(self.bound > 0)

    def json_value(self) -> dict[str, object]:
        """Return the plan with its inputs, plain."""
        return {
            "months": self.months,
            "capacity": dict(self.ranking.policy.capacity),
            "made": [{"month": one.month, **one.fix.json_value()} for one in self.made],
            "left_out": [
                {
                    "request": one.ranked.request.id,
                    "place": one.ranked.place,
                    "constraint": one.constraint,
                    "team": one.team,
                    "because": one.because,
                }
                for one in self.left_out
            ],
            "value": self.value,
            "bound": self.bound,
            "gap": self.gap,
        }


@dataclass(frozen=True)
class Planning:
    """A problem, and what its numbers stand for."""

    ranking: Ranking
    months: int
    fixes: tuple[Fix, ...]
    """By the position of their choice."""
    problem: Problem
    alone: tuple[Choice, ...]
    """What each request would take by itself, in the order of the ranks."""
    teams: tuple[str, ...]
    """By position."""


def planning(ranking: Ranking, fixes: Sequence[Fix], months: int = MONTHS) -> Planning:
    """Say what is to be solved.

    Args:
        ranking: The open requests.
        fixes: Every piece of work that may be chosen.
        months: How far the plan reaches.
    """
    capacity = _capacity(ranking)
    due = {one.request.id: _due(one.case, capacity, months) for one in ranking.ranked}
    position = {one.request.id: at for at, one in enumerate(ranking.ranked)}
    parts = {part.group: part for fix in fixes for part in _in_time(fix, due)}.values()
    choices = tuple(_choice(part, position, due, capacity) for part in parts)
    alone = (_choice(Fix((), (one,)), position, due, capacity) for one in ranking.ranked)
    wanted = tuple(Wanted(int(one.rule), _value(one)) for one in ranking.ranked)
    problem = Problem(wanted, choices, tuple(capacity.values()), months)
    return Planning(ranking, months, tuple(parts), problem, tuple(alone), tuple(capacity))


def plan_of(found: Planning, solution: Solution) -> BoardPlan:
    """Make a plan of what was solved, and say of everything else what left it out.

    Raises:
        InfrastructureError: The solver's answer asks for more than there is.
    """
    room = found.problem.room(solution.chosen)
    if min(room.values(), default=0) < 0:
        raise InfrastructureError("the solver's plan asks for more than the teams have")
    met = {name for at in solution.chosen for name in found.fixes[at].group}
    left = [one for one in enumerate(found.ranking.ranked) if one[1].request.id not in met]
    made = sorted(_in_months(found, solution.chosen, room), key=lambda one: one.month)
    return BoardPlan(
        ranking=found.ranking,
        months=found.months,
        made=tuple(made),
        left_out=tuple(_left_out(one, found.alone[at], room, found) for at, one in left),
        value=solution.value,
        bound=max(solution.bound, solution.value),
    )


def _capacity(ranking: Ranking) -> dict[str, int]:
    """Return the tenths of each team; one to which the board gave nothing has nothing."""
    teams = [team for one in ranking.ranked for team in one.request.effort]
    given = {team: math.floor(days * _TENTHS) for team, days in ranking.policy.capacity.items()}
    return {**given, **{team: 0 for team in teams if team not in given}}


def _in_time(fix: Fix, due: Mapping[str, int]) -> list[Fix]:
    """Return a fix for each month in which it could be due: what is due earlier is not met."""
    months = sorted({due[one.request.id] for one in fix.meets})
    return [
        Fix(fix.names, tuple(one for one in fix.meets if due[one.request.id] >= month))
        for month in months
    ]


def _choice(
    fix: Fix, position: Mapping[str, int], due: Mapping[str, int], capacity: Mapping[str, int]
) -> Choice:
    return Choice(
        tuple(position[one.request.id] for one in fix.meets),
        min(due[one.request.id] for one in fix.meets),
        tuple(math.ceil(round(fix.effort.get(team, 0) * _TENTHS, 6)) for team in capacity),
    )


def _due(case: Case, capacity: Mapping[str, int], months: int) -> int:
    """Return the month in which a request must be done; the last one where nothing says so.

    What is late already must be done as soon as its effort allows.
    """
    if case.left is None:
        return months
    if case.left > 0:
        return min(months, math.ceil(case.left / _MONTH))
    needs = [
        math.ceil(days * _TENTHS / capacity[team])
        for team, days in case.request.effort.items()
        if capacity.get(team)
    ]
    return min(months, max(needs, default=1))


def _value(one: Ranked) -> int:
    return max(1, round(one.cost_of_delay * one.case.sureness * _TENTHS))


def _in_months(
    found: Planning, chosen: Iterable[int], room: Mapping[tuple[int, int], int]
) -> Iterator[Made]:
    """Put what ranks higher into the earliest month in which it makes nothing else late."""
    left = dict(room)
    for at in sorted(chosen, key=lambda at: found.fixes[at].meets[0].place):
        choice = found.problem.choices[at]
        earlier = range(choice.due - 1, 0, -1)
        fits = takewhile(partial(_fits, choice, left=left), earlier)
        month = min(fits, default=choice.due)
        for team, work in enumerate(choice.work):
            for taken in range(month, choice.due):
                left[team, taken] -= work
        yield Made(found.fixes[at], month)


def _fits(choice: Choice, month: int, left: Mapping[tuple[int, int], int]) -> bool:
    return all(not work or left[team, month] >= work for team, work in enumerate(choice.work))


def _left_out(
    one: Ranked, alone: Choice, room: Mapping[tuple[int, int], int], found: Planning
) -> LeftOut:
    """Say which constraint keeps a request out, by what it would take alone."""
    for constraint, team, month, there in _obstacles(one, alone, room, found):
        needs, has = alone.work[team] / _TENTHS, max(there, 0) / _TENTHS
        name = found.teams[team]
        by = f"until month {month}" if month < found.months else f"in {found.months} months"
        left = "" if constraint == "deadline" else "left "
        because = f"{name} has {has:g} person-days {left}{by}, and it takes {needs:g}"
        if constraint == "deadline" and one.request.deadline:
            because += f"; it is due on {one.request.deadline.by:%Y-%m-%d}"
        return LeftOut(one, constraint, name, because)
    because = "there is room for it: the solver's time was up before it was sure of the best plan"
    return LeftOut(one, "time", "", because)


def _obstacles(
    one: Ranked, alone: Choice, room: Mapping[tuple[int, int], int], found: Planning
) -> Iterable[tuple[str, int, int, int]]:
    """Yield what is in the way: constraint, team, month, and what is there; the worst first."""
    capacity = found.problem.capacity
    for team, work in enumerate(alone.work):
        if work > capacity[team] * alone.due:
            in_time = one.case.left is not None and alone.due < found.months
            constraint = "deadline" if in_time else "capacity"
            yield constraint, team, alone.due, capacity[team] * alone.due
    short = [
        (there - alone.work[team], team, month, there)
        for (team, month), there in room.items()
        if month >= alone.due and alone.work[team] > there
    ]
    yield from (("capacity", team, month, there) for _, team, month, there in sorted(short))
