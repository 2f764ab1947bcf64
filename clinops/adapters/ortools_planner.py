"""Plans by OR-Tools' CP-SAT solver."""

from __future__ import annotations

from collections import defaultdict
from time import monotonic
from typing import Final

from ortools.sat.python import cp_model

from clinops.domain.board_plan import Problem, Solution
from clinops.errors import InfrastructureError

SECONDS: Final = 8.0
"""How long a plan may take, unless somebody says otherwise."""

_SEED: Final = 7
_FOUND: Final = frozenset({cp_model.OPTIMAL, cp_model.FEASIBLE})


class OrToolsPlanner:
    """Implements Planner: one tier after the other, then value, then the fewest fixes."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    def solve(self, problem: Problem) -> Solution:
        """Choose the fewest fixes that meet the most value, and prove how good that is."""
        return _Solving(problem, monotonic() + self._seconds).solved()


class _Solving:
    """One problem on its way through the solver."""

    def __init__(self, problem: Problem, until: float) -> None:
        self._problem = problem
        self._until = until
        self._model = cp_model.CpModel()
        self._chosen = [self._model.new_bool_var("") for _ in problem.choices]
        self._met = self._met_by_chosen()
        self._keep_capacity()

    def solved(self) -> Solution:
        tiers = sorted({one.tier for one in self._problem.wanted}) or [0]
        for done, tier in enumerate(tiers[:-1]):
            value = self._value_of(tier)
            self._model.maximize(value)
            solver = self._run(len(tiers) - done)
            self._model.add(value >= solver.value(value))
            self._begin_from(solver)
        value = self._value_of(tiers[-1])
        # One more of value is worth more than any number of fixes.
        weight = len(self._chosen) + 1
        fixes = cp_model.LinearExpr.sum(self._chosen)
        self._model.maximize(cp_model.LinearExpr.weighted_sum([value, fixes], [weight, -1]))
        solver = self._run(1)
        chosen = [at for at, one in enumerate(self._chosen) if solver.boolean_value(one)]
        bound = (round(solver.best_objective_bound) + len(self._chosen)) // weight
        return Solution(tuple(chosen), solver.value(value), bound)

    def _met_by_chosen(self) -> list[cp_model.IntVar]:
        by: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        for choice, one in zip(self._problem.choices, self._chosen, strict=True):
            for request in choice.meets:
                by[request].append(one)
        return [self._any_of(by[request]) for request in range(len(self._problem.wanted))]

    def _any_of(self, chosen: list[cp_model.IntVar]) -> cp_model.IntVar:
        if len(chosen) == 1:
            return chosen[0]
        met = self._model.new_bool_var("")
        self._model.add(cp_model.LinearExpr.sum(chosen) >= met)
        return met

    def _keep_capacity(self) -> None:
        choices = list(zip(self._problem.choices, self._chosen, strict=True))
        dues = sorted({choice.due for choice, _ in choices})
        for team, each in enumerate(self._problem.capacity):
            for month in dues:
                due = [(choice.work[team], one) for choice, one in choices if choice.due <= month]
                self._model.add(_weighed(due) <= each * month)

    def _value_of(self, tier: int) -> cp_model.LinearExpr:
        met = zip(self._problem.wanted, self._met, strict=True)
        return _weighed([(one.value, by) for one, by in met if one.tier == tier])

    def _run(self, parts: int) -> cp_model.CpSolver:
        """Solve within an equal part of the time that is left."""
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = max(0.1, (self._until - monotonic()) / parts)
        # One worker that leans on the relaxation proves these bounds in a tenth of the time of a
        # portfolio, and gives the same plan every time.
        solver.parameters.num_workers = 1
        solver.parameters.linearization_level = 2
        solver.parameters.random_seed = _SEED
        if solver.solve(self._model) not in _FOUND:
            raise InfrastructureError("no plan was found in time", mend="give it more seconds")
        return solver

    def _begin_from(self, solver: cp_model.CpSolver) -> None:
        self._model.clear_hints()  # type: ignore[no-untyped-call]
        for one in self._chosen:
            self._model.add_hint(one, solver.boolean_value(one))


def _weighed(terms: list[tuple[int, cp_model.IntVar]]) -> cp_model.LinearExpr:
    return cp_model.LinearExpr.weighted_sum([one for _, one in terms], [by for by, _ in terms])
