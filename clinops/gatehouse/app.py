"""The application for people of the trust: its routes, and its work in the background.

Pages read; what people do goes through the forms of `ACTING`, each of which takes a POST, a token
that its form was given with, and somebody who is signed in or on their way to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from clinops.gatehouse import (
    board,
    commission,
    documents,
    enrolment,
    files,
    live,
    metrics,
    pages,
    picture,
    questions,
    report,
    scorecards,
    sign_in,
    sign_off,
    signing,
)
from clinops.gatehouse.actions import required_actions
from clinops.gatehouse.assembly import Door, assemble
from clinops.gatehouse.challenges import Challenges
from clinops.gatehouse.people import signer_behind
from clinops.gatehouse.reader import LIST_SECONDS
from clinops.gatehouse.watch import every
from clinops.wiring import Wiring

ROUTES: Sequence[BaseRoute] = (
    Route("/", pages.actions),
    Route("/releases", pages.releases),
    Route("/releases/{release:id}", pages.release),
    Route("/releases/{release:id}/history", pages.release_history),
    Route("/releases/{release:id}/live", live.changes),
    Route("/releases/{release:id}/safety-case", files.safety_case),
    Route("/releases/{release:id}/safety-case.html", report.as_page),
    Route("/releases/{release:id}/safety-case.pdf", report.as_file),
    Route("/releases/{release:id}/files/{name:path}", files.evidence_file),
    Route("/systems", pages.systems),
    Route("/systems/{product:id}", pages.system),
    Route("/systems/{product:id}/history", pages.system_history),
    Route("/board", board.board),
    Route("/board/plan", board.plan),
    Route("/board/clocks", board.clocks),
    Route("/vendors", scorecards.vendors),
    Route("/vendors/{vendor:id}", scorecards.scorecard),
    Route("/picture", picture.as_page),
    Route("/picture.pdf", picture.as_file),
    Route("/healthz", pages.healthz),
    Route("/metrics", metrics.metrics),
    Mount("/static", StaticFiles(packages=[("clinops.gatehouse", "static")])),
)
"""Every page that reads, by its address."""

ACTING: Sequence[BaseRoute] = (
    *sign_in.ROUTES,
    *enrolment.ROUTES,
    *sign_off.ROUTES,
    *documents.ROUTES,
    *signing.ROUTES,
    *questions.ROUTES,
    *commission.ROUTES,
)
"""Every page on which people do something, and where its form goes."""


NAV: Sequence[tuple[str, str]] = (
    ("/", "Required actions"),
    ("/releases", "Releases"),
    ("/systems", "Systems"),
    ("/vendors", "Vendors"),
    ("/board", "Board"),
    ("/picture", "Picture"),
)


def application(wiring: Wiring) -> Starlette:
    """Make the web application of an estate, for people of the trust."""
    door = Door("gatehouse", wiring.settings.gatehouse_address, NAV, signer_behind, frank=True)
    app = assemble(wiring, door, [*ROUTES, *ACTING], _lifespan)
    app.state.metrics = metrics.Metrics(wiring.ledger, wiring.clock)
    app.state.challenges = Challenges(wiring.clock)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        # Nobody shall wait for the first look at a long ledger, nor at fifty gates.
        tasks.start_soon(every, LIST_SECONDS / 2, lambda: required_actions(app.state.reader, 1))
        tasks.start_soon(app.state.watch.keep)
        yield
        tasks.cancel_scope.cancel()
