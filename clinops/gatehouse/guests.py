"""Guests: a vendor's people at the vendors' door, known by an SSH key of their `vendor.yaml`.

Whose key it is, is judged as for a push: a key that is on file for more than one signer, out of
time or revoked is nobody's. It is judged anew at every request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from clinops.errors import ClinOpsError, RefusedError
from clinops.gatehouse.forms import Endpoint, Form, ensure_same_origin, read_form
from clinops.gatehouse.people import SESSION, is_a_click
from clinops.gatehouse.reader import Reader

_VENDOR: Final = "vendor:"


@dataclass(frozen=True)
class Guest:
    """Somebody of a vendor who has signed in."""

    vendor: str
    """The name of their folder below `vendor_manifests`."""
    name: str
    form_token: str


def guest_behind(request: HTTPConnection, token: str) -> Guest | None:
    """Return the guest whose session this is; it ends as soon as its key is good no more."""
    state = request.app.state
    session = state.sessions.find(token, used=is_a_click(request))
    if session is None:
        return None
    try:
        vendor = vendor_of(session.public_key, state.reader)
        if vendor == session.signer:
            name = state.reader.estate().vendor(vendor).name
            return Guest(vendor, name, state.form_tokens.of(token))
    except ClinOpsError:
        return None
    state.sessions.end(token)
    return None


def vendor_of(public_key: str, reader: Reader) -> str:
    """Return the one vendor whose key it is; raises RefusedError where it is nobody's."""
    holder = reader.keyring().holders.get(public_key, "")
    if not holder.startswith(_VENDOR):
        raise RefusedError("no vendor has this key on file, or it is not valid today")
    return holder.removeprefix(_VENDOR)


def guest_of(request: Request) -> Guest | None:
    """Return the guest who has signed in."""
    guest: Guest | None = getattr(request.state, "person", None)
    return guest


def by_guest(act: Callable[[Request, Guest, Form], Response]) -> Endpoint:
    """Make an endpoint of what only a guest who is signed in may do."""

    async def endpoint(request: Request) -> Response:
        ensure_same_origin(request)
        guest = guest_of(request)
        if guest is None:
            raise HTTPException(401, "you are not signed in, or not any more: nothing was done")
        return await run_sync(act, request, guest, await read_form(request, SESSION))

    return endpoint
