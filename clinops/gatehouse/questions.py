"""Questions about a release, and answers: on record, unsigned, and deciding nothing."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from clinops.domain.fold import ReleaseRecord
from clinops.errors import BadInputError, RefusedError
from clinops.gatehouse.forms import Form, by_person
from clinops.gatehouse.people import Person
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from flows import gate


def conversation(request: Request) -> Response:
    """Show what was asked and answered, with a box for more."""
    return _page(request, {})


def ask(request: Request, person: Person, form: Form) -> Response:
    """Put a question on record."""
    record = _record(request)
    try:
        gate.ask(record, request.app.state.wiring, person.id, form.get("text", ""))
    except (BadInputError, RefusedError) as error:
        return _page(request, form, str(error))
    return RedirectResponse(f"/releases/{record.id}/ask", status_code=303)


def answer(request: Request, person: Person, form: Form) -> Response:
    """Put an answer on record."""
    record, question = _record(request), form.get("question", "")
    try:
        gate.answer(record, request.app.state.wiring, person.id, question, form.get("text", ""))
    except (BadInputError, RefusedError) as error:
        return _page(request, form, str(error))
    return RedirectResponse(f"/releases/{record.id}/ask#{question}", status_code=303)


ROUTES: Sequence[BaseRoute] = (
    Route("/releases/{release:id}/ask", conversation),
    Route("/releases/{release:id}/ask", by_person(ask), methods=["POST"]),
    Route("/releases/{release:id}/answer", by_person(answer), methods=["POST"]),
)


def _record(request: Request) -> ReleaseRecord:
    reader: Reader = request.app.state.reader
    return reader.record(request.path_params["release"])


def _page(request: Request, given: Form, problem: str = "") -> Response:
    dossier = request.app.state.reader.dossier(_record(request))
    return page(
        request,
        "ask.html",
        400 if problem else 200,
        dossier=dossier,
        record=dossier.record,
        given=given,
        problem=problem,
    )
