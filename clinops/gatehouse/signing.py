"""Signing: a statement is shown in words, a passkey signs exactly its bytes, the gate judges it.

The server keeps the bytes between the steps, and the browser never sends them: what was shown is
what is signed. The two steps are the same for a sign-off, an approval and an order about a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from clinops.adapters.passkeys import credential_of, options_for_signing, rp_of, sealed
from clinops.domain.digest import digest_bytes
from clinops.domain.plain_words import harmless
from clinops.domain.signer import PASSKEY, Key
from clinops.domain.signoff import Approval, LineOrder, SignOff, in_words, signed_from
from clinops.domain.signoff import statement_bytes as bytes_of
from clinops.errors import BadInputError, EvidenceError, LedgerError, RefusedError
from clinops.gatehouse.consequences import consequences
from clinops.gatehouse.forms import Form, answer_in, by_person
from clinops.gatehouse.people import Person, person_of
from clinops.gatehouse.rendering import TEMPLATES, page
from clinops.gatehouse.sessions import Outcome, Pending
from clinops.gatehouse.terminal import command_for
from clinops.wiring import Wiring
from flows.gate import record

_DIGEST = re.compile(r"(sha256:[0-9a-f]{64})")


def with_digests(sentence: str) -> Markup:
    """Set the digests in a sentence apart from its words."""
    parts = _DIGEST.split(sentence)
    code = Markup('<code class="digest">{}</code>')
    return Markup().join(
        code.format(part) if place % 2 else harmless(part) for place, part in enumerate(parts)
    )


TEMPLATES.filters["with_digests"] = with_digests


def begin(
    request: Request, person: Person, signed: SignOff | Approval | LineOrder, back: str
) -> Response:
    """Keep a statement, and lead to the page on which it is signed.

    Args:
        request: The request that it was written down for.
        person: Who is to sign.
        signed: What they would sign.
        back: The page that it is about.

    Raises:
        RefusedError: The ledger does not hold, so that nothing may be signed upon it.
    """
    watch = request.app.state.watch.last
    if watch is not None and watch.problems:
        raise RefusedError("the ledger does not hold: nothing may be signed upon it")
    pending = person.session.put(bytes_of(signed), back)
    return RedirectResponse(f"/signing/{pending.id}", status_code=303)


def statement(request: Request) -> Response:
    """Show what would be signed, or what became of it."""
    person = person_of(request)
    if person is None:
        raise HTTPException(401, "you are not signed in, or not any more: nothing was signed")
    pending = person.session.look(request.path_params["pending"])
    signed = signed_from(pending.statement)
    return page(
        request,
        "signing.html",
        pending=pending,
        signed=signed,
        words=in_words(signed),
        digest_of_statement=digest_bytes(pending.statement),
        command=command_for(signed),
        late=person.session.clock() >= pending.until,
    )


def challenge(request: Request, person: Person, form: Form) -> Response:
    """Ask the person's passkeys for a signature over the statement."""
    del form
    pending = person.session.waiting(request.path_params["pending"])
    return JSONResponse(
        options_for_signing(pending.statement, person.signer.keys, _rp(request.app.state.wiring))
    )


def sign(request: Request, person: Person, form: Form) -> Response:
    """Put the passkey's answer around the statement that was kept, and have it judged."""
    wiring: Wiring = request.app.state.wiring
    answer = answer_in(form)
    pending = person.session.take(request.path_params["pending"])
    pending.outcome = _judged(pending, person, answer, wiring)
    return RedirectResponse(f"/signing/{pending.id}", status_code=303)


ROUTES: Sequence[BaseRoute] = (
    Route("/signing/{pending}", statement),
    Route("/signing/{pending}", by_person(sign), methods=["POST"]),
    Route("/signing/{pending}/challenge", by_person(challenge), methods=["POST"]),
)


def _judged(pending: Pending, person: Person, answer: Mapping[str, Any], wiring: Wiring) -> Outcome:
    try:
        key = _key_that_answered(person, answer, wiring)
        entry = record(sealed(pending.statement, key.public, answer), wiring)
    except (BadInputError, EvidenceError, LedgerError, RefusedError) as error:
        return Outcome(None, (str(error),))
    return Outcome(entry.sequence, tuple(consequences(signed_from(pending.statement), wiring)))


def _key_that_answered(person: Person, answer: Mapping[str, Any], wiring: Wiring) -> Key:
    """Return the person's own key that answered: nobody else's signature is theirs.

    Where another passkey answered, the signature is held against one of theirs all the same, so
    that the attempt is refused where all refusals are put on record.
    """
    own = [key for key in person.signer.keys if key.public.startswith(f"{PASSKEY}{_rp(wiring)} ")]
    if not own:
        raise RefusedError("you have no passkey for this address any more")
    credential = credential_of(answer)
    return next((key for key in own if key.credential == credential), own[0])


def _rp(wiring: Wiring) -> str:
    return rp_of(wiring.settings.gatehouse_address)
