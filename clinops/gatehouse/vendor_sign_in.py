"""Signing in at the vendors' door: a text to be signed with the SSH key that one pushes with.

Nothing of ClinOps is needed for that, and no script: `ssh-keygen` signs, the signature is pasted.
"""

from __future__ import annotations

import base64
import datetime as dt
import shlex
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from clinops.adapters.ssh_signatures import SIGN_IN, key_that_signed_in
from clinops.errors import RefusedError
from clinops.gatehouse.forms import Form, by_visitor
from clinops.gatehouse.guests import Guest, by_guest, vendor_of
from clinops.gatehouse.people import SESSION, VISIT, drop_cookie, put_cookie, visit_of
from clinops.gatehouse.rendering import page

PATIENCE: Final = dt.timedelta(minutes=5)
"""How long the text waits for its signature."""
_PURPOSE: Final = "vendor-sign-in"


def sign_in_page(request: Request) -> Response:
    """Show what is to be signed."""
    return _page(request, visit_of(request))


def sign_in(request: Request, visit: str, form: Form) -> Response:
    """Begin a session for whoever signed the text that this browser was shown."""
    state = request.app.state
    state.throttle.admit(request.client.host if request.client else "")
    try:
        asked = _text(request, state.challenges.take(_PURPOSE, visit))
        public_key = key_that_signed_in(form.get("signature", "").strip(), asked)
        vendor = vendor_of(public_key, state.reader)
    except RefusedError as error:
        return _page(request, visit, str(error))
    state.sessions.end(request.cookies.get(SESSION, ""))
    response = RedirectResponse("/", status_code=303)
    put_cookie(response, SESSION, state.sessions.begin(vendor, public_key))
    drop_cookie(response, VISIT)
    return response


def sign_out(request: Request, guest: Guest, form: Form) -> Response:
    """End the session."""
    del guest, form
    request.app.state.sessions.end(request.cookies[SESSION])
    response = RedirectResponse("/sign-in", status_code=303)
    drop_cookie(response, SESSION)
    return response


ROUTES: Sequence[BaseRoute] = (
    Route("/sign-in", sign_in_page),
    Route("/sign-in", by_visitor(sign_in), methods=["POST"]),
    Route("/sign-out", by_guest(sign_out), methods=["POST"]),
)


def _page(request: Request, visit: str, problem: str = "") -> Response:
    asked = _text(request, request.app.state.challenges.issue(_PURPOSE, visit))
    signing = f"ssh-keygen -Y sign -n {SIGN_IN} -f ~/.ssh/id_ed25519"
    response = page(
        request,
        "vendor_sign_in.html",
        403 if problem else 200,
        form_token=request.app.state.form_tokens.of(visit),
        command=f"printf %s {shlex.quote(asked)} | {signing}",
        minutes=PATIENCE // dt.timedelta(minutes=1),
        problem=problem,
    )
    put_cookie(response, VISIT, visit)
    return response


def _text(request: Request, challenge: bytes) -> str:
    """Write a challenge so that whoever signs it can read where it signs them in."""
    letters = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    return f"Sign in at {request.app.state.origin} {letters}"
