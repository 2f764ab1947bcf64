"""What every door of the gatehouse is made of: its guards, its state, and its page for errors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from clinops.errors import (
    ClinOpsError,
    EvidenceError,
    InfrastructureError,
    NotFoundError,
    RefusedError,
)
from clinops.gatehouse.books import Books
from clinops.gatehouse.challenges import Throttle
from clinops.gatehouse.forms import origin_at
from clinops.gatehouse.headers import SecurityHeaders
from clinops.gatehouse.live import Listeners
from clinops.gatehouse.people import FormTokens, Recognise, Recognition
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from clinops.gatehouse.sessions import Sessions
from clinops.gatehouse.watch import LedgerWatch
from clinops.wiring import Wiring

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """One way into the gatehouse, and whom it is for."""

    name: str
    address: str
    """As people reach it."""
    nav: Sequence[tuple[str, str]]
    """The main pages: address and name."""
    recognise: Recognise
    frank: bool
    """Whether people behind it may read what went wrong inside."""


def assemble(
    wiring: Wiring,
    door: Door,
    routes: Sequence[BaseRoute],
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Make the application behind a door."""
    host = urlsplit(door.address).hostname or "localhost"
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(SecurityHeaders),
            # A page of a stranger that gets itself the name of this machine reads nothing here.
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=["localhost", "127.0.0.1", host],
                www_redirect=False,
            ),
            Middleware(Recognition, recognise=door.recognise),
        ],
        exception_handlers={
            HTTPException: _http_error,
            ClinOpsError: _own_error,
            Exception: _unforeseen_error,
        },
        lifespan=lifespan,
    )
    app.state.wiring = wiring
    app.state.door = door
    app.state.origin = origin_at(door.address)
    app.state.reader = Reader(wiring)
    app.state.books = Books(app.state.reader)
    app.state.watch = LedgerWatch(wiring)
    app.state.sessions = Sessions(wiring.clock)
    app.state.throttle = Throttle(wiring.clock)
    app.state.listeners = Listeners()
    app.state.form_tokens = FormTokens()
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
    status = HTTPStatus(error.status_code)
    what = "" if error.detail == status.phrase else error.detail
    return _error_page(request, status, what)


async def _own_error(request: Request, error: Exception) -> Response:
    door: Door = request.app.state.door
    if isinstance(error, NotFoundError):
        what = str(error) if door.frank else "there is no such page"
        return _error_page(request, HTTPStatus.NOT_FOUND, what)
    if isinstance(error, RefusedError):
        return _error_page(request, HTTPStatus.FORBIDDEN, _with_mend(error) if door.frank else "")
    if isinstance(error, EvidenceError) and door.frank:
        return _error_page(request, HTTPStatus.CONFLICT, f"The evidence does not hold: {error}")
    _log.error(
        "%s: %s",
        request.url.path,
        error.diagnostics() if isinstance(error, ClinOpsError) else error,
    )
    outside = isinstance(error, InfrastructureError)
    status = HTTPStatus.SERVICE_UNAVAILABLE if outside else HTTPStatus.INTERNAL_SERVER_ERROR
    return _error_page(request, status, str(error) if door.frank else "")


def _with_mend(error: ClinOpsError) -> str:
    return f"{error}: {error.mend}" if error.mend else str(error)


async def _unforeseen_error(request: Request, error: Exception) -> Response:
    del error  # the server logs it; it is none of the reader's business
    return _error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "")


def _error_page(request: Request, status: HTTPStatus, what: str) -> Response:
    return page(
        request, "error.html", status.value, code=status.value, phrase=status.phrase, what=what
    )
