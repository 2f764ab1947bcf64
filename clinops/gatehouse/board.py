"""The board's pages: what comes first and why, what fits into the plan, which clocks run."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from clinops.domain.board_plan import BoardPlan
from clinops.domain.plain_words import count
from clinops.gatehouse.actions import PAGE
from clinops.gatehouse.books import Books
from clinops.gatehouse.charts import Chart, stacked
from clinops.gatehouse.pages import one_page, page_number
from clinops.gatehouse.rendering import page

TOP = 10
"""Requests whose cost of delay is drawn side by side."""


def board(request: Request) -> Response:
    """Show every open request in its place, with what the place follows from."""
    books: Books = request.app.state.books
    ranking = books.ranking()
    number = page_number(request)
    ranked = list(ranking.ranked) if ranking else []
    shown, pages = one_page(ranked, number)
    first = ranked[:TOP] if number == 1 else []
    chart = stacked(
        "What waiting costs, by part, for those that come first",
        [
            (f"{one.place}. {one.request.id}", {part.name: part.points for part in one.parts})
            for one in first
        ],
        "points",
    )
    done = [one for one in books.standings() if not one.is_open]
    return page(
        request,
        "board.html",
        ranking=ranking,
        shown=shown,
        total=len(ranked),
        chart=chart,
        fixes=books.fixes()[:PAGE] if number == 1 else [],
        sensitivity=ranking.sensitivity() if ranking and number == 1 else (),
        done=done[:PAGE],
        number_done=len(done),
        number=number,
        pages=pages,
    )


def clocks(request: Request) -> Response:
    """Show by when each system that is live must be mended, and what nobody can tell."""
    books: Books = request.app.state.books
    return page(request, "clocks.html", found=books.clocks())


def plan(request: Request) -> Response:
    """Show which fixes meet the most, by month, and what is left out by which constraint."""
    books: Books = request.app.state.books
    found = books.plan()
    return page(
        request,
        "plan.html",
        plan=found,
        chart=_load(found) if found else None,
        months=sorted({made.month for made in found.made}) if found else [],
    )


def _load(found: BoardPlan) -> Chart | None:
    """Draw what each month takes of which team."""
    teams = found.ranking.policy.capacity
    rows = []
    for month in range(1, found.months + 1):
        fixes = [made.fix for made in found.made if made.month == month]
        takes = {team: sum(fix.effort.get(team, 0) for fix in fixes) for team in teams}
        rows.append((f"month {month}, {count(len(fixes), 'fix', 'fixes')}", takes))
    return stacked("What is done in each month, by team", rows, "person-days")
