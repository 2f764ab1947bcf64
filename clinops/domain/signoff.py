"""A sign-off: one person's signed statement about one evidence digest.

It is written as an in-toto Statement, so that anybody can verify it later without ClinOps.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from clinops.domain.digest import Digest, canonical
from clinops.domain.envelope import Envelope, VerifiedEnvelope, envelope_from, first_problem, read
from clinops.domain.evidence import Evidence
from clinops.domain.manifest import Name
from clinops.domain.signer import Registration, Signer
from clinops.domain.value import Value
from clinops.errors import BadInputError, RefusedError

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:clinops:sign-off:1"


def _is_utc(text: str) -> str:
    if dt.datetime.fromisoformat(text).utcoffset() != dt.timedelta(0):
        raise ValueError("the time is not in UTC")
    return text


def _is_readable(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    if not all(character.isprintable() or character in "\n\t" for character in text):
        raise ValueError("the text has invisible or control characters in it")
    return text


UtcTime = Annotated[str, AfterValidator(_is_utc)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_is_readable)
]


class Meaning(StrEnum):
    """What a signature says."""

    APPROVED = "approved"
    REJECTED = "rejected"


class SignOff(Value):
    """Who says what about which evidence, in which role, why and when."""

    release: str
    product: str
    version: str
    evidence: Digest
    images: dict[str, Digest]
    """The candidate's image digests by service: what would be deployed."""
    signer: Name
    """The signer's id in `environments/signers.yaml`."""
    name: str
    role: Name
    registration: Registration | None
    meaning: Meaning
    reason: Reason
    time: UtcTime
    demonstration: bool
    """Whether this is a labelled identity of a demonstration."""


def sign_off_for(
    evidence: Evidence,
    signer_id: str,
    signer: Signer,
    *,
    role: str,
    meaning: Meaning,
    reason: str,
    now: dt.datetime,
) -> SignOff:
    """Write down what a person is about to sign.

    Raises:
        BadInputError: The signer doesn't hold the role, or the reason can't be recorded.
    """
    if role not in signer.roles:
        raise BadInputError(
            f"{signer.name} does not hold the role {role}",
            mend=f"sign in one of these roles: {', '.join(signer.roles) or 'none is held'}",
        )
    try:
        return SignOff(
            release=evidence.release.id,
            product=evidence.release.product,
            version=evidence.release.version,
            evidence=evidence.digest,
            images=evidence.candidate_images(),
            signer=signer_id,
            name=signer.name,
            role=role,
            registration=signer.registration,
            meaning=meaning,
            reason=reason,
            time=now.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            demonstration=signer.demonstration,
        )
    except ValidationError as error:
        raise BadInputError(f"this can't be signed: {first_problem(error)}") from None


def statement(sign_off: SignOff) -> dict[str, Any]:
    """Put a sign-off into an in-toto Statement v1 about the evidence and each image."""
    digests = {"evidence": sign_off.evidence} | {
        f"image:{service}": image for service, image in sorted(sign_off.images.items())
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name, digest in digests.items()
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": sign_off.json_value(),
    }


def statement_bytes(sign_off: SignOff) -> bytes:
    """Return the bytes that are signed: the statement in canonical JSON."""
    return canonical(statement(sign_off))


class _Statement(Value):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Any]
    predicate_type: Literal["urn:clinops:sign-off:1"] = Field(alias="predicateType")
    predicate: SignOff


def sign_off_from(payload: bytes) -> SignOff:
    """Read a signed statement back.

    Raises:
        RefusedError: The bytes are anything but what `statement_bytes` makes of the sign-off.
    """
    found = read(_Statement, payload, "statement")
    if found.subject != statement(found.predicate)["subject"]:
        raise RefusedError("the statement's subjects are not the evidence and images it names")
    if payload != statement_bytes(found.predicate):
        raise RefusedError("the statement is not in canonical form")
    return found.predicate


class CheckedSignature(Value):
    """A sign-off whose signature holds. Whether it counts is the gate's to say."""

    sign_off: SignOff
    public_key: str
    recorded: UtcTime
    """When the ledger took it in."""


class BrokenSignature(Value):
    """An envelope on the ledger that does not verify."""

    problem: str
    recorded: UtcTime


def check(
    envelope: bytes, recorded: str, verify: Callable[[Envelope], VerifiedEnvelope]
) -> CheckedSignature | BrokenSignature:
    """Verify one recorded envelope; a refusal becomes a value, for the gate to report."""
    try:
        verified = verify(envelope_from(envelope))
        sign_off = sign_off_from(verified.statement)
    except RefusedError as error:
        return BrokenSignature(problem=str(error), recorded=recorded)
    return CheckedSignature(sign_off=sign_off, public_key=verified.public_key, recorded=recorded)
