"""A DSSE envelope: a payload and one signature over it, by an SSH key or a passkey.

An envelope has exactly one byte form; any other is refused, so that two people who look at the
same signature always look at the same bytes.
"""

from __future__ import annotations

import base64
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from clinops.domain.digest import canonical
from clinops.domain.value import Value
from clinops.errors import RefusedError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

V = TypeVar("V", bound=Value)


def _is_canonical_base64(text: str) -> str:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return text


Base64 = Annotated[
    str, StringConstraints(min_length=4, max_length=262_144), AfterValidator(_is_canonical_base64)
]


class EnvelopeSignature(Value):
    """One signature of an envelope."""

    keyid: Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
    """The signing key's fingerprint."""
    sig: Base64
    """An SSHSIG blob (OpenSSH's PROTOCOL.sshsig) without armour, or a passkey's assertion."""


class Envelope(Value):
    """A DSSE envelope with exactly one signature."""

    payloadType: Literal["application/vnd.in-toto+json"] = PAYLOAD_TYPE  # noqa: N815 - DSSE's name
    payload: Base64
    signatures: Annotated[list[EnvelopeSignature], Field(min_length=1, max_length=1)]

    @classmethod
    def around(cls, payload: bytes, *, keyid: str, signature: bytes) -> Envelope:
        """Put a payload and its signature into an envelope."""
        signed = EnvelopeSignature(keyid=keyid, sig=base64.b64encode(signature).decode())
        return cls(payload=base64.b64encode(payload).decode(), signatures=[signed])

    @property
    def statement(self) -> bytes:
        """The payload, decoded; to be trusted only after verification."""
        return base64.b64decode(self.payload)

    def to_bytes(self) -> bytes:
        """Return the envelope's one byte form, canonical JSON."""
        return canonical(self.json_value())


def envelope_from(data: bytes) -> Envelope:
    """Read an envelope; raises RefusedError where it is not exactly what `to_bytes` makes."""
    envelope = read(Envelope, data, "envelope")
    if envelope.to_bytes() != data:
        raise RefusedError("the envelope is not in canonical form")
    return envelope


def pre_authentication_encoding(payload: bytes) -> bytes:
    """Encode a payload with its type and lengths, as DSSE signs it (protocol v1, PAE)."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


class VerifiedEnvelope(Value):
    """An envelope whose signature holds: which key made it, over what."""

    public_key: str
    """`type base64`, without a comment."""
    statement: bytes


def read(form: type[V], data: bytes, what: str) -> V:
    """Read a value from foreign JSON; raises RefusedError with the first problem named."""
    try:
        return form.model_validate_json(data)
    except ValidationError as error:
        raise RefusedError(f"the {what} is refused: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """Say where validation failed first, and why, in one line."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
