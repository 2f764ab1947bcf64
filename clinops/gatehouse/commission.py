"""The form on which a person of the trust writes a request."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from clinops.domain.request import Confidence, RequestKind, Source
from clinops.domain.request import Request as Commission
from clinops.errors import BadInputError
from clinops.gatehouse.forms import Form, by_person
from clinops.gatehouse.people import Person
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from flows.commission import NotARequestError, Wrong, commission

_ASKERS: Final = get_args(Commission.model_fields["commissioned_by"].annotation)
_EFFORT: Final = "effort."
_ALWAYS: Final = frozenset(
    {"id", "title", "commissioned_by", "owner", "kind", "benefit", "effort", "confidence"}
)
"""What each request says: an empty one is wrong where it stands, not missing somewhere."""


def form(request: Request) -> Response:
    """Show an empty form."""
    return _page(request, {}, ())


def write(request: Request, person: Person, filled: Form) -> Response:
    """Put what was written on a branch, or say what is wrong beside each field."""
    wiring = request.app.state.wiring
    try:
        made = commission(
            _content(filled, wiring.clock().date()), f"{person.name} ({person.id})", wiring
        )
    except NotARequestError as error:
        return _page(request, filled, error.wrong)
    return page(request, "commissioned.html", made=made, branch=wiring.settings.branch)


ROUTES: Sequence[BaseRoute] = (
    Route("/requests/new", form),
    Route("/requests/new", by_person(write), methods=["POST"]),
)


def _content(filled: Form, today: dt.date) -> dict[str, Any]:
    """Make the document of a form: what was left empty is left out."""

    def said(name: str) -> str:
        return filled.get(name, "").strip()

    effort = {
        name.removeprefix(_EFFORT): _number(filled[name])
        for name in sorted(filled)
        if name.startswith(_EFFORT) and said(name)
    }
    deadline = {
        "by": f"{said('deadline.by')}:00Z" if said("deadline.by") else "",
        "source": said("deadline.source"),
        "reference": said("deadline.reference"),
    }
    fix = {name: said(f"fix.{name}") for name in ("component", "versions", "cve", "interface")}
    content: dict[str, Any] = {
        "schema": 1,
        "id": said("id"),
        "title": said("title"),
        "commissioned_by": said("commissioned_by"),
        "commissioned": today.isoformat(),
        "owner": said("owner"),
        "kind": said("kind"),
        "systems": _lines(said("systems")),
        "hazards": _lines(said("hazards")),
        "benefit": {
            "points": _number(said("benefit.points")),
            "reasons": _lines(said("benefit.reasons")),
        },
        "deadline": deadline if any(deadline.values()) else None,
        "effort": effort,
        "fix": {name: text for name, text in fix.items() if text},
        "confidence": said("confidence"),
        "releases": [_release(line) for line in _lines(said("releases"))],
    }
    return {name: value for name, value in content.items() if value or name in _ALWAYS}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _release(line: str) -> dict[str, str]:
    product, _, version = line.partition(" ")
    return {"product": product, "version": version.strip()}


def _page(request: Request, given: Form, wrong: Sequence[Wrong]) -> Response:
    return page(
        request,
        "request_new.html",
        400 if wrong else 200,
        given=given,
        wrong=_beside(wrong),
        askers=_ASKERS,
        kinds=get_args(RequestKind),
        sources=get_args(Source),
        confidences=get_args(Confidence),
        teams=_teams(request),
        products=_reader(request).estate().products,
    )


_FIELDS: Final = {
    *("id", "title", "commissioned_by", "owner", "kind", "systems", "hazards", "confidence"),
    *("benefit.points", "benefit.reasons", "deadline.by", "deadline.source"),
    *("deadline.reference", "fix.component", "fix.versions", "fix.cve", "fix.interface"),
    *("releases", "effort"),
}


def _beside(wrong: Sequence[Wrong]) -> Mapping[str, list[Wrong]]:
    """Put what is wrong beside a field that is on the page; the rest goes to the top."""
    found: defaultdict[str, list[Wrong]] = defaultdict(list)
    for one in wrong:
        first = one.at.partition(".")[0]
        field = next((name for name in (one.at, first) if name in _FIELDS), "")
        found[field or _INSTEAD.get(first, "")].append(one)
    return found


_INSTEAD: Final = {"benefit": "benefit.points", "deadline": "deadline.by", "fix": "fix.component"}


def _teams(request: Request) -> list[str]:
    try:
        return sorted(_reader(request).estate().board().capacity)
    except BadInputError:
        return []


def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader
