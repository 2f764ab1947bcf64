"""The vendors' door: an application of its own, where a vendor sees its own and nobody else's.

Every page but the sign-in is in `OWN`, with the rule that says whose it is. There is no other way
to put a page behind this door, so what nobody thought of is not there, and not open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from clinops.errors import BadInputError, NotFoundError
from clinops.gatehouse import pages, scorecards, vendor_pages, vendor_sign_in
from clinops.gatehouse.assembly import Door, assemble
from clinops.gatehouse.challenges import Challenges
from clinops.gatehouse.forms import Endpoint
from clinops.gatehouse.guests import guest_behind, guest_of
from clinops.gatehouse.reader import Reader
from clinops.wiring import Wiring

Owner = Callable[[Request], str | None]
"""Says which vendor a page is about; None where it is nobody's, or several claim it."""


class Own(NamedTuple):
    """A page that only one vendor may see, and how to tell which."""

    path: str
    show: Callable[[Request], Response]
    owner: Owner


def _the_guest(request: Request) -> str | None:
    """Of pages that list what is the guest's, and take nothing from their address."""
    guest = guest_of(request)
    return guest.vendor if guest else None


def _of_release(request: Request) -> str | None:
    record = _reader(request).wiring.ledger.release(request.path_params["release"])
    if record is None or record.release["vendor"] != _vendor_of(record.product, request):
        return None
    return str(record.release["vendor"])


def _of_product(request: Request) -> str | None:
    return _vendor_of(request.path_params["product"], request)


def _of_vendor(request: Request) -> str | None:
    vendor: str = request.path_params["vendor"]
    return vendor if vendor in _reader(request).estate().vendors() else None


def _vendor_of(product: str, request: Request) -> str | None:
    try:
        path, manifest = _reader(request).estate().manifest_for(product)
    except (NotFoundError, BadInputError):
        return None
    return manifest.vendor if path.split("/")[1] == manifest.vendor else None


OWN: Final[Sequence[Own]] = (
    Own("/", vendor_pages.home, _the_guest),
    Own("/releases/{release:id}", vendor_pages.release, _of_release),
    Own("/systems/{product:id}", vendor_pages.system, _of_product),
    Own("/vendors/{vendor:id}", scorecards.scorecard, _of_vendor),
)
"""Every page of a vendor's."""

OPEN: Final[Sequence[BaseRoute]] = (
    Route("/healthz", pages.healthz),
    *vendor_sign_in.ROUTES,
    Mount("/static", StaticFiles(packages=[("clinops.gatehouse", "static")])),
)
"""What anybody may reach: nothing of it says anything about a release, a system or a vendor."""

_NAV: Final = (("/", "Yours"),)


def vendors_application(wiring: Wiring) -> Starlette:
    """Make the web application for vendors' people."""
    door = Door("for vendors", wiring.settings.vendors_address, _NAV, guest_behind, frank=False)
    app = assemble(wiring, door, [*OPEN, *(Route(one.path, _guarded(one)) for one in OWN)])
    app.state.challenges = Challenges(wiring.clock, vendor_sign_in.PATIENCE)
    return app


def _guarded(own: Own) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        guest = guest_of(request)
        if guest is None:
            # Said of every address alike: whether there is such a release is told to nobody.
            return RedirectResponse("/sign-in", status_code=303)
        if await run_sync(own.owner, request) != guest.vendor:
            raise NotFoundError("there is no such page")
        return await run_sync(own.show, request)

    return endpoint


def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader
