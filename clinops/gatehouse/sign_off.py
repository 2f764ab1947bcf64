"""The form for signing a release off, or for rejecting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from clinops.domain.dossier import Dossier, HazardFile
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import GatePolicy
from clinops.domain.policy import requirements
from clinops.domain.rules_in_words import rules_in_words
from clinops.domain.signoff import ChangeType, Meaning
from clinops.errors import BadInputError, RefusedError
from clinops.gatehouse import signing
from clinops.gatehouse.forms import Form, by_person
from clinops.gatehouse.people import Person, person_of
from clinops.gatehouse.reader import Reader
from clinops.gatehouse.rendering import page
from clinops.gatehouse.wording import outcome
from flows.gate import prepare_sign_off

_ACCEPT = "accept "
"""Before a hazard's id: the field with the reason why it is accepted."""


_PASSED = {
    "freeze": "a freeze",
    "stop": "a stopped line",
    "overdue": "sign-offs that an earlier emergency still owes",
}
"""What may not hold an emergency up, by its name in the policy."""


class SignOffPages:
    """The form for one meaning, and what it leads to.

    Args:
        meaning: What the signature would say.
    """

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning

    def form(self, request: Request) -> Response:
        """Show the form, or how to sign, to who has not signed in."""
        return self._page(request, {})

    def prepare(self, request: Request, person: Person, form: Form) -> Response:
        """Write down what the form says, for the person to read and sign."""
        record = _record(request)
        try:
            policy = _reader(request).estate().gate(record.product)
            signed = prepare_sign_off(
                record,
                request.app.state.wiring,
                person.id,
                role=form.get("role", ""),
                meaning=self._meaning,
                reason=form.get("reason", ""),
                change=ChangeType.EMERGENCY if "emergency" in form else ChangeType.NORMAL,
                accepts=_accepted(form, policy),
                site=form.get("site") or None,
            )
            if signed.evidence != form.get("read"):
                raise RefusedError("it was tested again while you read it: read it again")
            return signing.begin(request, person, signed, f"/releases/{record.id}")
        except (BadInputError, RefusedError) as error:
            return self._page(request, form, str(error))

    def _page(self, request: Request, given: Form, problem: str = "") -> Response:
        dossier = _reader(request).dossier(_record(request))
        person = person_of(request)
        return page(
            request,
            "sign.html",
            400 if problem else 200,
            dossier=dossier,
            record=dossier.record,
            outcome=outcome(dossier),
            rejecting=self._meaning is Meaning.REJECTED,
            given=given,
            problem=problem,
            rules=rules_in_words(dossier.policy) if dossier.policy else [],
            asked=sorted(dossier.policy.roles) if dossier.policy else [],
            **_choices(dossier, dossier.policy, person),
        )


_approving, _rejecting = SignOffPages(Meaning.APPROVED), SignOffPages(Meaning.REJECTED)

ROUTES: Sequence[BaseRoute] = (
    Route("/releases/{release:id}/sign", _approving.form),
    Route("/releases/{release:id}/sign", by_person(_approving.prepare), methods=["POST"]),
    Route("/releases/{release:id}/reject", _rejecting.form),
    Route("/releases/{release:id}/reject", by_person(_rejecting.prepare), methods=["POST"]),
)


def _choices(
    dossier: Dossier, policy: GatePolicy | None, person: Person | None
) -> Mapping[str, Any]:
    if policy is None or person is None:
        return {"roles": []}
    roles = [role for role in person.signer.roles if role in policy.roles]
    routes = (policy, policy.standard, policy.emergency)
    asked = [need for route in routes if route for need in requirements(route.requires)]
    by_site = any(need.sites and need.role in roles for need in asked)
    accepts = policy.hazards.accepted_by in roles
    return {
        "roles": roles,
        "sites": [one for one in dossier.sites if one in person.signer.sites] if by_site else [],
        "by_site": by_site,
        "to_accept": _to_accept(dossier, policy) if accepts else [],
        "accept": _ACCEPT,
        "passes": [_PASSED[one] for one in policy.emergency.passes] if policy.emergency else [],
    }


def _to_accept(dossier: Dossier, policy: GatePolicy) -> list[HazardFile]:
    least = policy.hazards.evidence_from_class
    return [one for one in dossier.hazards if one.without_evidence and one.hazard.weight >= least]


def _accepted(form: Form, policy: GatePolicy) -> dict[str, str]:
    found = {
        name.removeprefix(_ACCEPT): text
        for name, text in form.items()
        if name.startswith(_ACCEPT) and text.strip()
    }
    if found and form.get("role") != policy.hazards.accepted_by:
        raise BadInputError(f"hazards are accepted by who signs as {policy.hazards.accepted_by}")
    return found


def _reader(request: Request) -> Reader:
    reader: Reader = request.app.state.reader
    return reader


def _record(request: Request) -> ReleaseRecord:
    return _reader(request).record(request.path_params["release"])
