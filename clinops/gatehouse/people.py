"""Who is behind a request: cookies, and the person whose session it is."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from clinops.domain.signer import Signer, without_comment
from clinops.errors import ClinOpsError
from clinops.gatehouse.sessions import Session

SESSION: Final = "__Host-clinops-session"
VISIT: Final = "__Host-clinops-visit"
"""Of who has not signed in yet: ties a form and a challenge to the browser that asked for them."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in, as `signers.yaml` has them now."""

    id: str
    signer: Signer
    session: Session
    form_token: str

    @property
    def name(self) -> str:
        """Their name."""
        return self.signer.name


Recognise = Callable[[HTTPConnection, str], object]
"""Tells who has the session with a token; None where nobody has."""


class FormTokens:
    """Tokens that a form must bring along, each tied to one cookie."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, cookie: str) -> str:
        """Return the token for forms of whoever has this cookie."""
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def fits(self, cookie: str, token: str) -> bool:
        """Whether a form was made for whoever has this cookie."""
        # NOTE: of texts, it compares ASCII only, and throws at a stranger's other letters.
        return bool(cookie) and hmac.compare_digest(self.of(cookie).encode(), token.encode())


class Recognition:
    """Finds out who is behind each request, and puts them into `request.state.person`."""

    def __init__(self, app: ASGIApp, recognise: Recognise) -> None:
        self._app = app
        self._recognise = recognise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Recognise the person, and pass the request on."""
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            request = HTTPConnection(scope)
            token = request.cookies.get(SESSION, "")
            person = await run_sync(self._recognise, request, token) if token else None
            scope.setdefault("state", {})["person"] = person
        await self._app(scope, receive, send)


def signer_behind(request: HTTPConnection, token: str) -> Person | None:
    """Return the person of the trust whose session this is."""
    app: Starlette = request.app
    session = app.state.sessions.find(token, used=is_a_click(request))
    if session is None:
        return None
    try:
        signer = app.state.reader.estate().signers().signers.get(session.signer)
    except ClinOpsError:
        return None
    if signer is None or not _may_still(signer, session, app.state.wiring.clock().date()):
        app.state.sessions.end(token)
        return None
    return Person(session.signer, signer, session, app.state.form_tokens.of(token))


def is_a_click(request: HTTPConnection) -> bool:
    """Tell a click from a page that keeps itself up to date."""
    by_script = request.headers.get("sec-fetch-mode") in {"cors", "same-origin", "no-cors"}
    return not by_script or request.scope["method"] == "POST"


def _may_still(signer: Signer, session: Session, today: dt.date) -> bool:
    return any(
        without_comment(key.public) == session.public_key and key.usable_on(today)
        for key in signer.keys
    )


def person_of(request: Request) -> Person | None:
    """Return who has signed in."""
    person: Person | None = getattr(request.state, "person", None)
    return person


def visit_of(request: Request) -> str:
    """Return the token of a visit, a new one where there is none."""
    found = request.cookies.get(VISIT, "")
    return found if _TOKEN.fullmatch(found) else secrets.token_urlsafe(32)


def put_cookie(response: Response, name: str, token: str) -> None:
    """Tell a browser a token: for this origin, over a secure channel, and for no script."""
    response.set_cookie(name, token, path="/", secure=True, httponly=True, samesite="strict")


def drop_cookie(response: Response, name: str) -> None:
    """Have a browser forget a token."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
