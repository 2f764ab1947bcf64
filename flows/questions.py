"""Questions about a release, and answers: on record, and deciding nothing."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from clinops.domain.envelope import first_problem
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Entry, Kind
from clinops.domain.signed import Reason
from clinops.errors import BadInputError, NotFoundError, RefusedError
from clinops.wiring import Wiring
from flows.signing import person

MAX_QUESTIONS = 200
"""How many questions, and how many answers, go on record per release."""

_TEXT: TypeAdapter[str] = TypeAdapter(Reason)


def ask(release: ReleaseRecord, wiring: Wiring, signer_id: str, text: str) -> Entry:
    """Put a question about a release on record; raises BadInputError where nobody could read it.

    A question is not signed: it decides nothing.
    """
    asked = _conversation(release, wiring, Kind.QUESTION_ASKED)
    who = person(signer_id, wiring)
    body = {
        "id": f"Q{len(asked) + 1}",
        "signer": signer_id,
        "name": who.name,
        "role": ", ".join(who.roles),
        "text": _readable(text),
    }
    return wiring.ledger.append(Kind.QUESTION_ASKED, release.id, body)


def answer(
    release: ReleaseRecord, wiring: Wiring, signer_id: str, question_id: str, text: str
) -> Entry:
    """Put an answer to a question on record; raises BadInputError, NotFoundError."""
    asked = [entry.body["id"] for entry in _conversation(release, wiring, Kind.QUESTION_ASKED)]
    _conversation(release, wiring, Kind.QUESTION_ANSWERED)
    if question_id not in asked:
        known = ", ".join(asked) or "none was asked"
        raise NotFoundError(f"{release.id} has no question {question_id}", mend=known)
    body = {
        "id": question_id,
        "signer": signer_id,
        "name": person(signer_id, wiring).name,
        "text": _readable(text),
    }
    return wiring.ledger.append(Kind.QUESTION_ANSWERED, release.id, body)


def _conversation(release: ReleaseRecord, wiring: Wiring, kind: Kind) -> list[Entry]:
    said = [entry for entry in wiring.ledger.entries(release.id) if entry.kind is kind]
    if len(said) >= MAX_QUESTIONS:
        raise RefusedError(f"{release.id} has {len(said)} of them: talk to each other")
    return said


def _readable(text: str) -> str:
    try:
        return _TEXT.validate_python(text)
    except ValidationError as error:
        raise BadInputError(f"this can't be recorded: {first_problem(error)}") from None
