"""What must hold between requests, the board's policy and the rest of an estate."""

from __future__ import annotations

from collections.abc import Iterator

from clinops.domain.board_policy import PATH, BoardPolicy
from clinops.domain.parsing import Parsed
from clinops.domain.request import Request, request_path
from clinops.domain.wording import nearest
from clinops.errors import Problem

_AHEAD_OF_ITS_SYSTEMS = frozenset({"new-system", "research"})


def request_is_in_place(request: Parsed[Request]) -> Iterator[Problem]:
    """A request lies at `requests/<id>.yaml`."""
    path = request_path(request.document.id)
    if request.file != path:
        yield request.problem(("id",), "the file is not named after its id", f"call it {path}")


def request_names_known_systems(request: Parsed[Request], products: list[str]) -> Iterator[Problem]:
    """A request is about products that the estate can stand up, or will be able to."""
    if request.document.kind in _AHEAD_OF_ITS_SYSTEMS:
        return
    for position, system in enumerate(request.document.systems):
        if system not in products:
            what = f"there is no product {system}"
            yield request.problem(("systems", position), what, nearest(system, products))


def request_names_known_hazards(request: Parsed[Request], logged: list[str]) -> Iterator[Problem]:
    """A hazard that none of its systems has in its log can't be lowered by it."""
    for position, hazard in enumerate(request.document.hazards):
        if hazard not in logged:
            what = f"no hazard log of its systems has {hazard}"
            yield request.problem(("hazards", position), what, nearest(hazard, logged))


def request_is_for_known_teams(request: Parsed[Request], policy: BoardPolicy) -> Iterator[Problem]:
    """Effort is that of teams whose capacity the board has set."""
    for team in request.document.effort:
        if team not in policy.capacity:
            what = f"{PATH} knows no team {team}"
            yield request.problem(("effort", team), what, nearest(team, list(policy.capacity)))


def policy_is_a_newer_version(
    policy: Parsed[BoardPolicy], before: BoardPolicy | None
) -> Iterator[Problem]:
    """Another policy has a higher version: people must be able to say which one they mean."""
    document = policy.document
    if before and document != before and document.version <= before.version:
        what = f"version {before.version} said something else"
        yield policy.problem(("version",), what, f"write `version: {before.version + 1}`")
