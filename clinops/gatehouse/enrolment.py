"""Enrolment: the page behind a one-time link, on which somebody makes their passkey.

It lets nobody in: what comes out is a key that waits for two people of the trust.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from clinops.adapters.passkeys import enrolled, options_for_enrolment, rp_of
from clinops.errors import RefusedError
from clinops.gatehouse.forms import Form, answer_in, by_visitor, origin_of
from clinops.gatehouse.people import VISIT, put_cookie, visit_of
from clinops.gatehouse.rendering import page
from clinops.wiring import Wiring
from flows import enrolment as flow


def invitation(request: Request) -> Response:
    """Show what a link invites to."""
    return _page(request, visit_of(request))


def challenge(request: Request, visit: str, form: Form) -> Response:
    """Ask the browser to make a passkey."""
    del form
    wiring: Wiring = request.app.state.wiring
    invited = flow.invitation(_token(request), wiring)
    known = wiring.estate(wiring.repository.head()).signers().signers.get(invited.signer)
    return JSONResponse(
        options_for_enrolment(
            invited.signer,
            invited.name,
            rp_of(wiring.settings.gatehouse_address),
            request.app.state.challenges.issue(_purpose(request), visit),
            [key.credential for key in known.keys if key.credential] if known else [],
        )
    )


def enrol(request: Request, visit: str, form: Form) -> Response:
    """Take the passkey, and show the digits that the person reads out."""
    wiring: Wiring = request.app.state.wiring
    address = wiring.settings.gatehouse_address
    flow.invitation(_token(request), wiring)
    try:
        answer = answer_in(form)
        asked = request.app.state.challenges.take(_purpose(request), visit)
        new_key = enrolled(answer, asked, origin_of(wiring.settings), rp_of(address))
    except RefusedError as error:
        return _page(request, visit, problem=str(error))
    proposal = flow.complete(_token(request), new_key, wiring)
    return page(request, "enrolled.html", proposal=proposal)


ROUTES: Sequence[BaseRoute] = (
    Route("/enrol/{token}", invitation),
    Route("/enrol/{token}", by_visitor(enrol), methods=["POST"]),
    Route("/enrol/{token}/challenge", by_visitor(challenge), methods=["POST"]),
)


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token


def _purpose(request: Request) -> str:
    return f"enrol {hashlib.sha256(_token(request).encode()).hexdigest()}"


def _page(request: Request, visit: str, problem: str = "") -> Response:
    response = page(
        request,
        "enrol.html",
        403 if problem else 200,
        invited=flow.invitation(_token(request), request.app.state.wiring),
        token=_token(request),
        form_token=request.app.state.form_tokens.of(visit),
        problem=problem,
    )
    put_cookie(response, VISIT, visit)
    return response
