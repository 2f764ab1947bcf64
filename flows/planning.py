"""Planning: which fixes meet most of what was commissioned, and what is left out by what."""

from __future__ import annotations

from collections.abc import Mapping

from clinops.domain.board_plan import MONTHS, BoardPlan, plan_of, planning
from clinops.domain.fixes import Fix, built_from, possible_fixes, shared_fixes
from clinops.wiring import Wiring
from flows.board import ranking


def fixes(wiring: Wiring) -> list[Fix]:
    """Find the requests that one fix would meet, each group as one piece of work.

    Raises:
        NotFoundError: The board has not decided anything.
    """
    return shared_fixes(ranking(wiring).ranked, _bills(wiring))


def plan(wiring: Wiring, months: int = MONTHS) -> BoardPlan:
    """Plan the fewest fixes that meet the most value, within capacity and deadlines.

    Args:
        wiring: The estate.
        months: How far the plan reaches, from now.

    Raises:
        NotFoundError: The board has not decided anything.
        InfrastructureError: No plan was found in time.
    """
    found = ranking(wiring)
    problem = planning(found, possible_fixes(found.ranked, _bills(wiring)), months)
    return plan_of(problem, wiring.planner.solve(problem.problem))


def _bills(wiring: Wiring) -> Mapping[str, Mapping[str, str]]:
    """Read what the packages of live systems are built from, as far as they were ever listed."""
    found: dict[str, dict[str, str]] = {}
    for live in wiring.ledger.live():
        for image in live.images.values():
            if bill := wiring.materials.known(image):
                found.setdefault(live.product, {}).update(built_from(bill))
    return found
