"""Forms about a product: its hazard log, a waiver, its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from clinops.domain.approval import judge_approvals, role_for
from clinops.domain.circumstances import HAZARD_LOG, WAIVERS, Wanted, document_of
from clinops.domain.digest import digest_bytes
from clinops.domain.gate import Approved
from clinops.domain.signoff import Approval, LineAction, LineOrder
from clinops.errors import BadInputError, NotFoundError, RefusedError
from clinops.gatehouse import signing
from clinops.gatehouse.forms import Form, by_person
from clinops.gatehouse.people import Person, person_of
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from clinops.wiring import Wiring
from flows.gate import prepare_approval, prepare_line_order
from flows.judgement import approvals, authors_of, register
from flows.signing import wanted_of


class _Matter(NamedTuple):
    """What one form is about."""

    template: str
    command: str
    roles: frozenset[str] | None
    """The roles that it takes; none where any role will do."""
    shown: dict[str, Any]
    prepare: Callable[[str, str, str], Approval | LineOrder]
    """Writes the statement down, for a signer's id, a role and a reason."""
    read: str = ""
    """The digest of the document as it is shown: nobody approves what they have not seen."""


class _Pages:
    """The form about a matter of a product, and what it leads to."""

    def __init__(self, matter: Callable[[Request], _Matter]) -> None:
        self._matter = matter

    def form(self, request: Request) -> Response:
        return self._page(request, {})

    def prepare(self, request: Request, person: Person, form: Form) -> Response:
        try:
            prepare = self._matter(request).prepare
            signed = prepare(person.id, form.get("role", ""), form.get("reason", ""))
            if isinstance(signed, Approval) and signed.digest != form.get("read"):
                raise RefusedError("it was changed while you read it: read it again")
            return signing.begin(request, person, signed, f"/systems/{signed.product}")
        except NotFoundError:
            raise
        except (BadInputError, RefusedError) as error:
            return self._page(request, form, str(error))

    def _page(self, request: Request, given: Form, problem: str = "") -> Response:
        matter, person = self._matter(request), person_of(request)
        held = person.signer.roles if person else []
        return page(
            request,
            matter.template,
            400 if problem else 200,
            product=_product(request),
            command=matter.command,
            asked=sorted(matter.roles or ()),
            roles=[role for role in held if matter.roles is None or role in matter.roles],
            given=given,
            problem=problem,
            read=matter.read,
            **matter.shown,
        )


def _hazard_log(request: Request) -> _Matter:
    product = _product(request)
    path = document_of(product, HAZARD_LOG)
    estate = _reader(request).estate()
    try:
        log = estate.hazard_log(product)
    except BadInputError:
        raise NotFoundError(f"{product} has no hazard log that can be read") from None
    command, read = f"approve {product} hazard-log", digest_bytes(estate.tree.read(path))
    return _approval(request, path, "", command, read, log=log)


def _waiver(request: Request) -> _Matter:
    product, item = _product(request), request.path_params["waiver"]
    found = [one for one in _reader(request).waivers(product) if one.id == item]
    if not found:
        raise NotFoundError(f"{product} has no such waiver")
    path, command = document_of(product, WAIVERS), f"approve {product} waiver {item}"
    return _approval(request, path, item, command, found[0].digest, waiver=found[0])


def _approval(
    request: Request, path: str, item: str, command: str, read: str, **shown: Any
) -> _Matter:
    wiring: Wiring = request.app.state.wiring
    product = _product(request)
    wanted = wanted_of(product, path, item, wiring)
    return _Matter(
        template="approve_waiver.html" if item else "approve_hazard_log.html",
        command=command,
        roles=frozenset({role_for(wanted, register(product, wiring))}),
        shown={"wanted": wanted, "approved": _approved(product, wanted, wiring), **shown},
        prepare=lambda who, role, reason: prepare_approval(
            product, path, item, wiring, who, role=role, reason=reason
        ),
        read=read,
    )


def _approved(product: str, wanted: Wanted, wiring: Wiring) -> list[Approved]:
    """Return the approvals of that very version that count."""
    found = approvals(wiring.ledger.entries(product), wiring.signatures)
    authors = authors_of(wanted.document, wiring.repository.head().commit, wiring)
    judged = judge_approvals(wanted, found, authors, register(product, wiring))
    return [one for one in judged if isinstance(one, Approved)]


def _stop(request: Request) -> _Matter:
    return _order(request, LineAction.STOP, None)


def _resume(request: Request) -> _Matter:
    policy = _reader(request).estate().gate(_product(request))
    return _order(request, LineAction.RESUME, frozenset({policy.hazards.approved_by}))


def _order(request: Request, action: LineAction, roles: frozenset[str] | None) -> _Matter:
    wiring: Wiring = request.app.state.wiring
    product = _product(request)
    return _Matter(
        template="line.html",
        command=f"{action} {product}",
        roles=roles,
        shown={"stopping": action is LineAction.STOP, "stop": _reader(request).stop(product)},
        prepare=lambda who, role, reason: prepare_line_order(
            product, action, wiring, who, role=role, reason=reason
        ),
    )


def _routes(address: str, matter: Callable[[Request], _Matter]) -> list[BaseRoute]:
    pages = _Pages(matter)
    path = f"/systems/{{product:id}}/{address}"
    return [Route(path, pages.form), Route(path, by_person(pages.prepare), methods=["POST"])]


ROUTES: Sequence[BaseRoute] = (
    *_routes("hazard-log/approve", _hazard_log),
    *_routes("waivers/{waiver}/approve", _waiver),
    *_routes("stop", _stop),
    *_routes("resume", _resume),
)


def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader


def _product(request: Request) -> str:
    product: str = request.path_params["product"]
    if product not in _reader(request).estate().products:
        raise NotFoundError("there is no such system")
    return product
