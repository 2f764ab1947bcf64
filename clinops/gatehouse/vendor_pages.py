"""What a vendor sees: its systems, its releases with what was found, and its scorecard.

Whether a page is the vendor's own was decided before any of these is called (`vendors.OWN`). They
name nobody of the trust, and give no file: what the vendor needs to mend stands on the page.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from clinops.domain.dossier import Dossier
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.gatehouse import wording
from clinops.gatehouse.actions import PAGE
from clinops.gatehouse.guests import Guest, guest_of
from clinops.gatehouse.pages import materials_of
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from flows.promote import GAVE_UP


def home(request: Request) -> Response:
    """Show what is the vendor's: its systems and its newest releases."""
    reader, guest = _reader(request), _guest(request)
    manifests = [
        reader.estate().manifest(path)
        for path in reader.estate().manifest_paths()
        if path.split("/")[1] == guest.vendor
    ]
    products = sorted(one.product for one in manifests if one.vendor == guest.vendor)
    found = [
        record
        for product in products
        for record in reader.wiring.ledger.releases(product)
        if record.release["vendor"] == guest.vendor
    ]
    found.sort(key=lambda record: record.since, reverse=True)
    live = reader.live()
    return page(
        request,
        "vendor_home.html",
        guest=guest,
        live={name: [one for one in live if one.product == name] for name in products},
        stopped={name: reader.stop(name) is not None for name in products},
        records=found[:PAGE],
        total=len(found),
    )


def release(request: Request) -> Response:
    """Show what was found about one release."""
    reader = _reader(request)
    dossier = reader.dossier(reader.record(request.path_params["release"]))
    return page(
        request,
        "vendor_release.html",
        dossier=dossier,
        record=dossier.record,
        evidence=dossier.evidence,
        materials=materials_of(request, dossier),
        outcome=wording.outcome(dossier),
        cause=_cause(dossier),
    )


def _cause(dossier: Dossier) -> tuple[str, ...]:
    """Return why it was rejected or rolled back, where that names nobody who signed or stopped."""
    state = dossier.record.state
    if state is State.ROLLED_BACK:
        ends = [entry.body for entry in dossier.entries if entry.kind is Kind.ROLLED_BACK]
        by_its_check = ends and ends[-1]["site"] and not ends[-1]["cause"].startswith(GAVE_UP)
        return dossier.cause if by_its_check else ("The trust ended its deployment.",)
    return dossier.cause if state is State.REJECTED else ()


def system(request: Request) -> Response:
    """Show how one system is tested, and what of it is live where."""
    reader, product = _reader(request), request.path_params["product"]
    vendor, (handover, _) = _guest(request).vendor, reader.handover(product)
    records = [
        one for one in reader.wiring.ledger.releases(product) if one.release["vendor"] == vendor
    ]
    return page(
        request,
        "vendor_system.html",
        product=product,
        live=reader.wiring.ledger.live(product),
        stopped=reader.stop(product) is not None,
        handover=handover,
        records=records[:PAGE],
        total=len(records),
    )


def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader


def _guest(request: Request) -> Guest:
    guest = guest_of(request)
    assert guest is not None  # noqa: S101  # no page is shown to anybody else
    return guest
