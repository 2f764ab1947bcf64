"""How long ranks, groups and a plan take on an estate with a best plan that is known.

300 systems and 5,000 requests. The plan is planted: the capacity is what its fixes take, each of
them brings more a person-day than anything else, so that by duality nothing can have more value.
Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any, NamedTuple, TypeVar

from clinops.adapters.ortools_planner import OrToolsPlanner
from clinops.domain.board_plan import BoardPlan, plan_of, planning
from clinops.domain.board_policy import BoardPolicy
from clinops.domain.fixes import BuiltFrom, possible_fixes, shared_fixes
from clinops.domain.rank import Ranking, rank
from clinops.domain.rank_case import Case, Residual, Rule
from clinops.domain.request import Request

T = TypeVar("T")

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
SYSTEMS, REQUESTS, MONTHS = 300, 5000, 6
TEAMS = ("clinical-safety", "infrastructure", "integration", "testing")
PLANTED, HARD = 120, 40
"""Groups whose fixes are the best plan, and requests that come before every score."""
DENSITY = 10.0
"""Points a person-day, in tenths, that part what is planted from everything else."""


@dataclass
class Estate:
    """What was generated, and what must be found in it."""

    requests: list[Request] = field(default_factory=list)
    residuals: dict[str, dict[str, Residual]] = field(default_factory=dict)
    built_from: dict[str, dict[str, str]] = field(default_factory=dict)
    groups: set[frozenset[str]] = field(default_factory=set)
    """Every group of requests that one fix meets."""
    best: set[str] = field(default_factory=set)
    """Every request that the best plan meets."""
    capacity: dict[str, float] = field(default_factory=dict)

    @property
    def policy(self) -> BoardPolicy:
        """The board's policy, with just the capacity that the best plan takes."""
        return BoardPolicy.model_validate({**POLICY, "capacity": self.capacity})


POLICY: dict[str, Any] = {
    "schema": 1,
    "version": 1,
    "decided": "generated",
    "weights": {"risk": 40, "clock": 25, "statute": 20, "benefit": 15},
    "confidence": {"low": 0.5, "medium": 0.8, "high": 1},
    "capacity": dict.fromkeys(TEAMS, 1),
}


class Generator:
    """Makes an estate; the same seed makes the same one."""

    def __init__(self, seed: int, systems: int = SYSTEMS, requests: int = REQUESTS) -> None:
        self._random = random.Random(seed)  # noqa: S311  # nothing here is secret
        self._systems = [f"system-{number:03}" for number in range(systems)]
        self._wanted = requests
        self._scale = requests / REQUESTS
        self.estate = Estate()

    def made(self) -> Estate:
        """Make it."""
        estate = self.estate
        for system in self._systems:
            estate.residuals[system] = {
                f"SYS-00{risk}": Residual(system, f"SYS-00{risk}", "A hazard", risk)
                for risk in range(1, 6)
            }
            estate.built_from[system] = {}
        work: dict[str, int] = dict.fromkeys(TEAMS, 0)
        for number in range(round(HARD * self._scale)):
            self._hard(number, work)
        for number in range(round(PLANTED * self._scale)):
            self._group(number, work)
        while len(estate.requests) < self._wanted:
            self._decoys(len(estate.requests))
        # What is planted takes all that there is: a multiple of the months, to the tenth.
        for team, days in work.items():
            rest = -days % MONTHS
            if rest:
                self._filler(team, rest)
            estate.capacity[team] = (days + rest) / MONTHS / 10
        return estate

    def _hard(self, number: int, work: dict[str, int]) -> None:
        """A request that comes before every score, however little it brings."""
        kind = number % 3
        source = ("alert-48-hours", "end-of-support", "statute")[kind]
        made = self._request(
            f"hard-{number:04}",
            risk=4 if kind == 1 else 0,
            left=(1.5, 900.0, 20.0)[kind],
            source=source,
            effort={self._team(): self._random.randint(1, 20)},
        )
        self._plant([made], work)

    def _group(self, number: int, work: dict[str, int]) -> None:
        """Requests that one fix meets; apart, none of them is worth it."""
        count = self._random.randint(3, 6)
        system, risk = self._system(), self._random.randint(1, 3)
        names = [f"planted-{number:04}-{one}" for one in range(count)]
        fixes = self._same_fix(number, system, count)
        drafts = [
            self._request(name, systems=[system], risk=risk, fix=fix)
            for name, fix in zip(names, fixes, strict=True)
        ]
        values = [value_of(one) for one in drafts]
        # Together above the line that parts them from the rest, one by one below it.
        least = math.ceil(max(values) / DENSITY * 1.1)
        most = math.floor(sum(values) / DENSITY / 1.2)
        total = self._random.randint(min(least, most), most)
        effort = self._shares(total)
        self._plant([self._with(one, effort) for one in drafts], work, count)

    def _plant(self, made: list[Request], work: dict[str, int], shared: int = 1) -> None:
        estate = self.estate
        estate.requests += made
        estate.best |= {one.id for one in made}
        if shared > 1:
            estate.groups.add(frozenset(one.id for one in made))
        for team, days in made[0].effort.items():
            work[team] += round(days * 10)

    def _same_fix(self, number: int, system: str, count: int) -> list[dict[str, Any]]:
        """Say one fix in as many ways as there are requests for it."""
        name = f"component-{number}"
        ranges = [f">=2.{one},<3" for one in range(count)]
        packages = [f"lib{name}-{one}" for one in range(count)]
        ways = (
            [{"cve": f"CVE-2026-{number:05}"}] * count,
            [{"release": {"product": system, "version": f"{number}.0"}}] * count,
            [{"interface": f"interface-{number}"}] * count,
            [{"component": name, "versions": one} for one in ranges],
            [{"component": package, "versions": one}
             for package, one in zip(packages, ranges, strict=True)],
        )  # fmt: skip
        self.estate.built_from[system] |= dict.fromkeys(packages, name)
        return ways[number % len(ways)]

    def _decoys(self, number: int) -> None:
        """Requests that are worth less a person-day, and what only looks like a group."""
        for name, fix in self._lookalikes(number):
            draft = self._request(
                name, systems=[self._system()], risk=self._random.randint(0, 3), fix=fix,
                left=self._random.choice([None, None, 200.0, 60.0, 5.0, -10.0]),
                confidence=self._random.choice(["low", "medium", "high"]),
            )  # fmt: skip
            total = math.ceil(value_of(draft) / DENSITY * self._random.uniform(1.1, 3))
            self.estate.requests.append(self._with(draft, self._shares(total)))

    def _lookalikes(self, number: int) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Yield fixes beside each other, such as of one component in versions that never meet."""
        apart = {"component": f"apart-{number}", "versions": ">=1.0,<1.5"}
        ways = (
            apart,
            {"cve": f"CVE-2025-{number:05}"},
            {"release": {"product": self._systems[0], "version": f"0.{number}"}},
            {"interface": f"other-{number}"},
            None,
        )
        fix = ways[number % len(ways)]
        yield f"decoy-{number:05}", fix
        if fix is apart:
            yield f"decoy-{number:05}-b", {**apart, "versions": ">=1.5,<2"}

    def _filler(self, team: str, rest: int) -> None:
        """Take what is left of a team, for what is worth it."""
        draft = self._request(f"filler-{team}", risk=3, effort={team: rest})
        self.estate.requests.append(draft)
        self.estate.best.add(draft.id)

    def _request(self, name: str, **changes: Any) -> Request:
        risk, left = changes.pop("risk"), changes.pop("left", None)
        source = changes.pop("source", "patch-14-days")
        effort = changes.pop("effort", {TEAMS[0]: 10})
        deadline = left is not None and {
            "by": NOW + dt.timedelta(days=left), "source": source, "reference": "generated"
        }  # fmt: skip
        return Request.model_validate(
            {
                "schema": 1,
                "id": name,
                "title": name,
                "commissioned_by": "operations",
                "commissioned": NOW.date(),
                "owner": "generated",
                "kind": "patch",
                "systems": [self._systems[0]],
                "hazards": [f"SYS-00{risk}"] if risk else [],
                "benefit": {"points": self._random.randint(1, 10), "reasons": ["generated"]},
                "deadline": deadline or None,
                "effort": {team: days / 10 for team, days in effort.items()},
                "confidence": "high",
                **changes,
            }
        )

    def _with(self, request: Request, effort: dict[str, int]) -> Request:
        days = {team: tenths / 10 for team, tenths in effort.items()}
        return request.model_copy(update={"effort": days})

    def _shares(self, total: int) -> dict[str, int]:
        first = self._random.randint(0, total)
        one, other = self._random.sample(TEAMS, 2)
        return {team: days for team, days in ((one, first), (other, total - first)) if days}

    def _system(self) -> str:
        return self._random.choice(self._systems)

    def _team(self) -> str:
        return self._random.choice(TEAMS)


def value_of(request: Request) -> float:
    """What a plan reckons a request with, in tenths."""
    policy = BoardPolicy.model_validate(POLICY)
    worst = int(request.hazards[0][-1]) if request.hazards else 0
    residual = Residual("", "", "", worst) if worst else None
    case = Case(request, policy, NOW, residual)
    return round(case.cost_of_delay(policy.weights) * case.sureness * 10)


def ranked(estate: Estate) -> Ranking:
    """Rank what was generated."""
    return rank(estate.requests, estate.policy, estate.residuals, NOW)


def planned(found: Ranking, built_from: BuiltFrom, seconds: float) -> BoardPlan:
    """Plan what was ranked."""
    problem = planning(found, possible_fixes(found.ranked, built_from), MONTHS)
    return plan_of(problem, OrToolsPlanner(seconds).solve(problem.problem))


class Took(NamedTuple):
    """What something took, in seconds; of the processor, whoever else works on this machine."""

    wall: float
    processor: float


def timed(work: Callable[[], T]) -> tuple[Took, T]:
    """Do something, and say how long it took."""
    wall, processor = perf_counter(), process_time()
    done = work()
    took = Took(round(perf_counter() - wall, 2), round(process_time() - processor, 2))
    return took, done


def measured(estate: Estate, seconds: float) -> dict[str, Any]:
    """Time each step, and hold what was found against what was planted."""
    ranking_took, found = timed(lambda: ranked(estate))
    grouping_took, fixes = timed(lambda: shared_fixes(found.ranked, estate.built_from))
    planning_took, plan = timed(lambda: planned(found, estate.built_from, seconds))
    groups = {frozenset(fix.group) for fix in fixes}
    value = sum(
        round(one.cost_of_delay * one.case.sureness * 10)
        for one in found.ranked
        if one.rule is Rule.SCORE and one.request.id in estate.best
    )
    return {
        "what": "the board",
        "systems": len(estate.residuals),
        "requests": len(estate.requests),
        "ranking_seconds": ranking_took.wall,
        "grouping_seconds": grouping_took.wall,
        "planning_seconds": planning_took.wall,
        "processor_seconds": {
            "ranking": ranking_took.processor,
            "grouping": grouping_took.processor,
            "planning": planning_took.processor,
        },
        "groups_missed": len(estate.groups - groups),
        "groups_false": len(groups - estate.groups),
        "planted_value": value,
        "plan_value": plan.value,
        "gap_percent": round(100 * plan.gap, 3),
        "fixes": len(plan.made),
        "left_out": len(plan.left_out),
    }


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    print(json.dumps(measured(Generator(options.seed).made(), options.seconds)))


if __name__ == "__main__":
    main()
