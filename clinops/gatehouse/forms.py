"""Forms: what must hold of every request that changes something, before anything is read of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from clinops.adapters.settings import Settings
from clinops.domain.signoff import SignOff, signed_from
from clinops.errors import ClinOpsError, RefusedError
from clinops.gatehouse.people import SESSION, VISIT, Person, person_of
from flows.gate import note_forged_form

MOST_BYTES: Final = 64 * 1024
_MOST_FIELDS: Final = 200
_URL_ENCODED: Final = "application/x-www-form-urlencoded"

Form = Mapping[str, str]
Endpoint = Callable[[Request], Awaitable[Response]]


def by_person(act: Callable[[Request, Person, Form], Response]) -> Endpoint:
    """Make an endpoint of what only somebody who is signed in may do."""

    async def endpoint(request: Request) -> Response:
        person = person_of(request)
        try:
            ensure_same_origin(request)
            if person is None:
                raise HTTPException(401, "you are not signed in, or not any more: nothing was done")
            form = await read_form(request, SESSION)
        except HTTPException as error:
            if person is not None and error.status_code == HTTPStatus.FORBIDDEN:
                await run_sync(_note_forgery, request, person, error.detail)
            raise
        return await run_sync(act, request, person, form)

    return endpoint


def by_visitor(act: Callable[[Request, str, Form], Response]) -> Endpoint:
    """Make an endpoint of what a browser does before anybody has signed in."""

    async def endpoint(request: Request) -> Response:
        ensure_same_origin(request)
        form = await read_form(request, VISIT)
        return await run_sync(act, request, request.cookies[VISIT], form)

    return endpoint


def origin_of(settings: Settings) -> str:
    """Return the origin of the gatehouse as browsers name it."""
    return origin_at(settings.gatehouse_address)


def origin_at(address: str) -> str:
    """Return the origin of an address as browsers name it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def ensure_same_origin(request: Request) -> None:
    """Refuse what another site's page had a browser send; raises HTTPException."""
    own = request.app.state.origin
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin") != own or site != "same-origin":
        raise HTTPException(403, f"this was not sent from a page of {own}")


def _note_forgery(request: Request, person: Person, why: str) -> None:
    release = request.path_params.get("release")
    if pending := request.path_params.get("pending"):
        try:
            signed = signed_from(person.session.look(pending).statement)
        except ClinOpsError:
            return
        release = signed.release if isinstance(signed, SignOff) else None
    if release:
        note_forged_form(release, person.id, why, request.app.state.wiring)


def answer_in(form: Form) -> dict[str, Any]:
    """Return a passkey's answer; raises RefusedError where there is none."""
    text = form.get("answer", "")
    if not text:
        raise RefusedError("no passkey has answered: it takes a browser that runs scripts")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise RefusedError("the passkey's answer can't be read")
    return answer


async def read_form(request: Request, cookie: str) -> Form:
    """Read a form that was given to whoever has this cookie; raises HTTPException."""
    body = await _bounded(request)
    if request.headers.get("content-type", "").split(";")[0].strip() != _URL_ENCODED:
        raise HTTPException(415, "this is no form")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise HTTPException(400, "the form can't be read") from None
    # Browsers send each line's end as two letters; what is signed has one.
    form = {name: text.replace("\r\n", "\n") for name, text in pairs}
    tokens = request.app.state.form_tokens
    if len(form) != len(pairs) or not tokens.fits(
        request.cookies.get(cookie, ""), form.pop("form_token", "")
    ):
        raise HTTPException(403, "the form is not one that was given to you: load the page again")
    return form


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "that is too much text")
    return bytes(body)
