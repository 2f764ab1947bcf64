"""Signing in and out: a passkey says who is there, for a while. It signs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from clinops.adapters.passkeys import (
    credential_of,
    options_for_sign_in,
    rp_of,
    verify_sign_in,
)
from clinops.domain.signer import Key, Signers, without_comment
from clinops.errors import RefusedError
from clinops.gatehouse.forms import Form, answer_in, by_person, by_visitor, origin_of
from clinops.gatehouse.people import (
    SESSION,
    VISIT,
    Person,
    drop_cookie,
    put_cookie,
    visit_of,
)
from clinops.gatehouse.rendering import page
from clinops.wiring import Wiring

_PURPOSE = "sign-in"
_OWN_PAGE = re.compile(r"/([a-z0-9][A-Za-z0-9.+~_/-]{0,300})?")


def sign_in_page(request: Request) -> Response:
    """Offer to sign in."""
    return _page(request, visit_of(request), request.query_params.get("next", ""))


def challenge(request: Request, visit: str, form: Form) -> Response:
    """Give this browser something for a passkey to sign."""
    del form
    request.app.state.throttle.admit(request.client.host if request.client else "")
    settings = request.app.state.wiring.settings
    made = request.app.state.challenges.issue(_PURPOSE, visit)
    return JSONResponse(options_for_sign_in(made, rp_of(settings.gatehouse_address)))


def sign_in(request: Request, visit: str, form: Form) -> Response:
    """Begin a session for whoever has the passkey; one that was there before ends."""
    state = request.app.state
    back = form.get("next", "")
    try:
        found = _who_answered(request, visit, form)
    except RefusedError as error:
        return _page(request, visit, back, problem=str(error))
    state.sessions.end(request.cookies.get(SESSION, ""))
    response = RedirectResponse(_own_page(back), status_code=303)
    put_cookie(response, SESSION, state.sessions.begin(*found))
    drop_cookie(response, VISIT)
    return response


def sign_out(request: Request, person: Person, form: Form) -> Response:
    """End the session."""
    del person, form
    request.app.state.sessions.end(request.cookies[SESSION])
    response = RedirectResponse("/", status_code=303)
    drop_cookie(response, SESSION)
    return response


ROUTES: Sequence[BaseRoute] = (
    Route("/sign-in", sign_in_page),
    Route("/sign-in", by_visitor(sign_in), methods=["POST"]),
    Route("/sign-in/challenge", by_visitor(challenge), methods=["POST"]),
    Route("/sign-out", by_person(sign_out), methods=["POST"]),
)


def _who_answered(request: Request, visit: str, form: Form) -> tuple[str, str]:
    wiring: Wiring = request.app.state.wiring
    answer = answer_in(form)
    asked = request.app.state.challenges.take(_PURPOSE, visit)
    people = wiring.estate(wiring.repository.head()).signers()
    signer_id, key = _owner(credential_of(answer), people)
    verify_sign_in(answer, asked, origin_of(wiring.settings), key)
    if not key.usable_on(wiring.clock().date()):
        raise RefusedError(f"this passkey is {key.validity}")
    return signer_id, without_comment(key.public)


def _owner(credential: str, people: Signers) -> tuple[str, Key]:
    found = [
        (signer_id, key)
        for signer_id, signer in people.signers.items()
        for key in signer.keys
        if key.credential == credential
    ]
    if len(found) != 1:
        raise RefusedError("nobody on file has this passkey; perhaps it was not let in yet")
    return found[0]


def _own_page(address: str) -> str:
    return address if _OWN_PAGE.fullmatch(address) else "/"


def _page(request: Request, visit: str, back: str, problem: str = "") -> Response:
    wiring: Wiring = request.app.state.wiring
    response = page(
        request,
        "sign_in.html",
        403 if problem else 200,
        form_token=request.app.state.form_tokens.of(visit),
        back=_own_page(back),
        problem=problem,
        elsewhere=request.headers.get("host") != urlsplit(origin_of(wiring.settings)).netloc,
    )
    put_cookie(response, VISIT, visit)
    return response
