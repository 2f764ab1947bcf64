"""A planner that tries everything: right beyond doubt, and only for a few choices."""

from __future__ import annotations

from itertools import combinations

from clinops.domain.board_plan import Problem, Solution


class ExhaustivePlanner:
    """Implements Planner by looking at every set of choices."""

    def solve(self, problem: Problem) -> Solution:
        sets = [
            chosen
            for count in range(len(problem.choices) + 1)
            for chosen in combinations(range(len(problem.choices)), count)
            if min(problem.room(chosen).values(), default=0) >= 0
        ]
        best = max(sets, key=lambda chosen: (self.values(problem, chosen), -len(chosen)))
        value = (self.values(problem, best) or [0])[-1]
        return Solution(best, value, value)

    @staticmethod
    def values(problem: Problem, chosen: tuple[int, ...]) -> list[int]:
        """Add up what is met of each tier, the first one first."""
        met = {request for one in chosen for request in problem.choices[one].meets}
        return [
            sum(w.value for at, w in enumerate(problem.wanted) if w.tier == tier and at in met)
            for tier in sorted({one.tier for one in problem.wanted})
        ]
