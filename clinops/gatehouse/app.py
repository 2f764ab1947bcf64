"""The application: routes, what guards them, and what happens to errors.

Pages read; what people do goes through the forms of `ACTING`, each of which takes a POST, a token
that its form was given with, and somebody who is signed in or on their way to it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from clinops.errors import (
    ClinOpsError,
    EvidenceError,
    InfrastructureError,
    NotFoundError,
    RefusedError,
)
from clinops.gatehouse import (
    documents,
    enrolment,
    files,
    live,
    metrics,
    pages,
    questions,
    report,
    sign_in,
    sign_off,
    signing,
)
from clinops.gatehouse.actions import required_actions
from clinops.gatehouse.challenges import Challenges, Throttle
from clinops.gatehouse.headers import SecurityHeaders
from clinops.gatehouse.people import FormTokens, Recognition
from clinops.gatehouse.reader import LIST_SECONDS, Reader
from clinops.gatehouse.rendering import page
from clinops.gatehouse.sessions import Sessions
from clinops.gatehouse.watch import LedgerWatch, every
from clinops.wiring import Wiring

_log = logging.getLogger(__name__)

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
)
"""Every page on which people do something, and where its form goes."""


def application(wiring: Wiring) -> Starlette:
    """Make the web application of an estate."""
    host = urlsplit(wiring.settings.gatehouse_address).hostname or "localhost"
    app = Starlette(
        routes=[*ROUTES, *ACTING],
        middleware=[
            Middleware(SecurityHeaders),
            # A page of a stranger that gets itself the name of this machine reads nothing here.
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=["localhost", "127.0.0.1", host],
                www_redirect=False,
            ),
            Middleware(Recognition),
        ],
        exception_handlers={
            HTTPException: _http_error,
            ClinOpsError: _own_error,
            Exception: _unforeseen_error,
        },
        lifespan=_lifespan,
    )
    app.state.wiring = wiring
    app.state.reader = Reader(wiring)
    app.state.watch = LedgerWatch(wiring)
    app.state.metrics = metrics.Metrics(wiring.ledger, wiring.clock)
    app.state.listeners = live.Listeners()
    app.state.sessions = Sessions(wiring.clock)
    app.state.challenges = Challenges(wiring.clock)
    app.state.throttle = Throttle(wiring.clock)
    app.state.form_tokens = FormTokens()
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        # Nobody shall wait for the first look at a long ledger, nor at fifty gates.
        tasks.start_soon(every, LIST_SECONDS / 2, lambda: required_actions(app.state.reader, 1))
        tasks.start_soon(app.state.watch.keep)
        yield
        tasks.cancel_scope.cancel()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
    status = HTTPStatus(error.status_code)
    what = "" if error.detail == status.phrase else error.detail
    return _error_page(request, status, what)


async def _own_error(request: Request, error: Exception) -> Response:
    if isinstance(error, NotFoundError):
        return _error_page(request, HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, RefusedError):
        return _error_page(request, HTTPStatus.FORBIDDEN, _with_mend(error))
    if isinstance(error, EvidenceError):
        return _error_page(request, HTTPStatus.CONFLICT, f"The evidence does not hold: {error}")
    _log.error(
        "%s: %s",
        request.url.path,
        error.diagnostics() if isinstance(error, ClinOpsError) else error,
    )
    outside = isinstance(error, InfrastructureError)
    status = HTTPStatus.SERVICE_UNAVAILABLE if outside else HTTPStatus.INTERNAL_SERVER_ERROR
    return _error_page(request, status, str(error))


def _with_mend(error: ClinOpsError) -> str:
    return f"{error}: {error.mend}" if error.mend else str(error)


async def _unforeseen_error(request: Request, error: Exception) -> Response:
    del error  # the server logs it; it is none of the reader's business
    return _error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "")


def _error_page(request: Request, status: HTTPStatus, what: str) -> Response:
    return page(
        request, "error.html", status.value, code=status.value, phrase=status.phrase, what=what
    )
