"""The pages: each reads what it shows and renders it; none of them changes anything."""

from __future__ import annotations

import re
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from clinops.domain.dossier import Dossier
from clinops.domain.fold import ReleaseRecord
from clinops.domain.history import tell
from clinops.domain.outcome import State
from clinops.errors import NotFoundError
from clinops.gatehouse import wording
from clinops.gatehouse.actions import PAGE, required_actions
from clinops.gatehouse.books import Books, MadeOf
from clinops.gatehouse.live import UNDER_WAY
from clinops.gatehouse.mine import mine
from clinops.gatehouse.people import person_of
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from clinops.gatehouse.timeline import pictures

T = TypeVar("T")

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def actions(request: Request) -> Response:
    """Show what waits for whom."""
    number = page_number(request)
    found = required_actions(_reader(request), number)
    if number > 1 and not found.waiting:
        raise NotFoundError("there is no such page")
    pages = -(-found.number_waiting // PAGE)
    person = person_of(request)
    own = mine(found, person) if person else ()
    return page(request, "actions.html", actions=found, mine=own, number=number, pages=pages)


def releases(request: Request) -> Response:
    """Show all releases, newest first."""
    state, number = _state(request), page_number(request)
    found = _reader(request).wiring.ledger.releases(states={state} if state else None)
    shown, pages = one_page(found, number)
    return page(
        request,
        "releases.html",
        records=shown,
        total=len(found),
        state=state,
        states=list(State),
        number=number,
        pages=pages,
    )


def release(request: Request) -> Response:
    """Show one release: the page on which somebody takes responsibility."""
    dossier = _reader(request).dossier(_record(request))
    return page(
        request,
        "release.html",
        materials=materials_of(request, dossier),
        dossier=dossier,
        record=dossier.record,
        evidence=dossier.evidence,
        outcome=wording.outcome(dossier),
        pictures=pictures(dossier.entries),
        moves=dossier.record.state in UNDER_WAY,
    )


def materials_of(request: Request, dossier: Dossier) -> MadeOf | None:
    """Return what a release is made of; none before it was tested."""
    books: Books = request.app.state.books
    evidence = dossier.evidence
    return books.materials(dossier.record.id, evidence) if evidence else None


def release_history(request: Request) -> Response:
    """Show every entry about a release."""
    record = _record(request)
    told = [tell(entry) for entry in _reader(request).wiring.ledger.about(record.id)][::-1]
    number = page_number(request)
    shown, pages = one_page(told, number)
    return page(
        request,
        "history.html",
        record=record,
        product=record.product,
        told=shown,
        number=number,
        pages=pages,
        older=None,
    )


def systems(request: Request) -> Response:
    """Show what is live where, and the state of each line."""
    reader = _reader(request)
    number = page_number(request)
    live = reader.live()
    products = sorted({*reader.estate().products, *(one.product for one in live)})
    shown, pages = one_page(products, number)
    return page(
        request,
        "systems.html",
        products=shown,
        live={name: [one for one in live if one.product == name] for name in shown},
        stops={name: reader.stop(name) for name in shown},
        logs={name: reader.hazard_log(name) for name in shown},
        number=number,
        pages=pages,
    )


def system(request: Request) -> Response:
    """Show one system: what is live, its line, its releases."""
    reader, product = _reader(request), _product(request)
    found = reader.wiring.ledger.releases(product)
    handed, unreadable = reader.handover(product)
    return page(
        request,
        "system.html",
        product=product,
        handover=handed,
        unreadable=unreadable,
        live=reader.wiring.ledger.live(product),
        stop=reader.stop(product),
        log=reader.hazard_log(product),
        waivers=reader.waivers(product),
        records=found[:PAGE],
        total=len(found),
    )


def system_history(request: Request) -> Response:
    """Show what is on record about a system itself, newest first."""
    product = _product(request)
    before = _number(request, "before")
    reader = _reader(request)
    entries = reader.history_of_system(product, before, PAGE + 1)
    return page(
        request,
        "history.html",
        record=None,
        product=product,
        told=[tell(entry) for entry in entries[:PAGE]],
        number=1,
        pages=1,
        older=entries[PAGE - 1].sequence if len(entries) > PAGE else None,
    )


def healthz(request: Request) -> Response:
    """Say that the gatehouse answers; it tells nothing else to those who only knock."""
    del request
    return PlainTextResponse("ok\n")


def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader


def _record(request: Request) -> ReleaseRecord:
    return _reader(request).record(request.path_params["release"])


def _product(request: Request) -> str:
    product: str = request.path_params["product"]
    reader = _reader(request)
    if product not in reader.estate().products and not reader.wiring.ledger.releases(product):
        raise NotFoundError("there is no such system")
    return product


def _state(request: Request) -> State | None:
    asked = request.query_params.get("state", "")
    if asked and asked not in set(State):
        raise HTTPException(400, "there is no such state")
    return State(asked) if asked else None


def page_number(request: Request) -> int:
    """Return which page of a list is asked for, from 1; raises HTTPException."""
    return _number(request, "page") or 1


def one_page(found: list[T], number: int) -> tuple[list[T], int]:
    """Return one page of a list, and how many pages there are; raises NotFoundError."""
    shown = found[(number - 1) * PAGE :][:PAGE]
    if number > 1 and not shown:
        raise NotFoundError("there is no such page")
    return shown, -(-len(found) // PAGE)


def _number(request: Request, name: str) -> int | None:
    asked = request.query_params.get(name, "")
    if asked and not _NUMBER.fullmatch(asked):
        raise HTTPException(400, "pages are numbered from 1")
    return int(asked) if asked else None
