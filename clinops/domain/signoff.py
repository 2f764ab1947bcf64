"""Signed statements as they are written, read back and checked.

Each is an in-toto Statement in a DSSE envelope, so that anybody can verify it later without
ClinOps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, Literal

from pydantic import ConfigDict, Field

from clinops.domain.digest import canonical
from clinops.domain.envelope import Envelope, VerifiedEnvelope, envelope_from, read
from clinops.domain.saying import in_words
from clinops.domain.signed import (
    Approval,
    ChangeType,
    LineAction,
    LineOrder,
    Meaning,
    S,
    Signed,
    SignOff,
    UtcTime,
    approval_for,
    line_order_for,
    sign_off_for,
)
from clinops.domain.value import Value
from clinops.errors import RefusedError

__all__ = [
    "Approval",
    "BrokenSignature",
    "ChangeType",
    "Checked",
    "CheckedSignature",
    "LineAction",
    "LineOrder",
    "Meaning",
    "SignOff",
    "Signed",
    "approval_for",
    "check",
    "in_words",
    "line_order_for",
    "sign_off_for",
    "signed_from",
    "statement",
    "statement_bytes",
]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"


def statement(signed: Signed) -> dict[str, Any]:
    """Put what is signed into an in-toto Statement v1 about its subjects."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name, digest in signed.subjects().items()
        ],
        "predicateType": signed.predicate_type,
        "predicate": signed.json_value(),
    }


def statement_bytes(signed: Signed) -> bytes:
    """Return the bytes that are signed: the statement in canonical JSON."""
    return canonical(statement(signed))


class _Named(Value):
    """Just enough of a statement to tell which it is."""

    model_config = ConfigDict(extra="ignore")
    predicate_type: str = Field(alias="predicateType")


class _Statement(Value, Generic[S]):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Any]
    predicate_type: str = Field(alias="predicateType")
    predicate: S


_FORMS: dict[str, type[SignOff | Approval | LineOrder]] = {
    form.predicate_type: form for form in (SignOff, Approval, LineOrder)
}


def signed_from(payload: bytes) -> SignOff | Approval | LineOrder:
    """Read a signed statement back.

    Raises:
        RefusedError: The bytes are anything but what `statement_bytes` makes of what they say.
    """
    form = _FORMS.get(read(_Named, payload, "statement").predicate_type)
    if form is None:
        raise RefusedError("the statement is refused: predicateType: none that ClinOps makes")
    found = read(_Statement[form], payload, "statement")  # type: ignore[valid-type]
    if found.subject != statement(found.predicate)["subject"]:
        raise RefusedError("the statement's subjects are not those that its predicate names")
    if payload != statement_bytes(found.predicate):
        raise RefusedError("the statement is not in canonical form")
    return found.predicate


class Checked(Value, Generic[S]):
    """A statement whose signature holds. Whether it counts is the gate's to say."""

    signed: S
    public_key: str
    recorded: UtcTime
    """When the ledger took it in."""
    sequence: int
    """The number of that entry."""


class BrokenSignature(Value):
    """An envelope on the ledger that does not verify, or holds another kind of statement."""

    problem: str
    recorded: UtcTime
    sequence: int


CheckedSignature = Checked[SignOff]


def check(
    form: type[S],
    envelope: bytes,
    recorded: str,
    sequence: int,
    verify: Callable[[Envelope], VerifiedEnvelope],
) -> Checked[S] | BrokenSignature:
    """Verify one recorded envelope; a refusal becomes a value, for the gate to report."""
    try:
        verified = verify(envelope_from(envelope))
        signed = signed_from(verified.statement)
    except RefusedError as error:
        return BrokenSignature(problem=str(error), recorded=recorded, sequence=sequence)
    if not isinstance(signed, form):
        problem = f"what was signed is another statement, {signed.predicate_type}"
        return BrokenSignature(problem=problem, recorded=recorded, sequence=sequence)
    return Checked(
        signed=signed, public_key=verified.public_key, recorded=recorded, sequence=sequence
    )
