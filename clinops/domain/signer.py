"""Who may sign: `environments/signers.yaml`, and who may push: `vendor.yaml`."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from clinops.domain.manifest import Name
from clinops.domain.value import Document


def _is_a_key(text: str) -> str:
    kind, encoded = text.split()[:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("the key is damaged: its middle part is not base64") from None
    if base64.b64encode(blob).decode() != encoded or not blob.startswith(
        len(kind).to_bytes(4) + kind.encode()
    ):
        raise ValueError(f"the key is damaged: its middle part is no {kind} key")
    return text


PublicKey = Annotated[
    str,
    Shape(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-ssh-ed25519@openssh\.com"
        r"|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\n]*)?",
        "is not an SSH public key",
        "copy the one line of the `.pub` file",
    ),
]


class Key(Document):
    """One public key, in the form of a line of `authorized_keys`, with its validity."""

    public: PublicKey
    valid_from: dt.date
    valid_until: dt.date
    revoked: dt.date | None = None

    @property
    def identity(self) -> str:
        """The key itself, without its comment: two lines with one identity are one key."""
        return " ".join(self.public.split(" ")[:2])

    @model_validator(mode="after")
    def _valid_for_a_while(self) -> Key:
        if self.valid_until < self.valid_from:
            what = f"is before valid_from, {self.valid_from}"
            raise refuse(Fault(what, "swap the two", at=("valid_until",)))
        return self

    def usable_on(self, day: dt.date) -> bool:
        """Whether the key may be relied upon on that day."""
        return self.revoked is None and self.valid_from <= day <= self.valid_until


class Registration(Document):
    """A signer's professional registration."""

    body: str
    number: str


class Signer(Document):
    """A person of the trust: roles, registration, keys."""

    name: str
    roles: list[Name]
    registration: Registration | None = None
    keys: Annotated[list[Key], Field(min_length=1)]
    may_push: bool = False
    """Whether this person's commits may change environments, suites, gates and signers."""
    demonstration: bool = False
    """A labelled identity of a demonstration; never a clinician."""


class Signers(Document):
    """Everyone of the trust who may sign or push, by id."""

    schema_version: Literal[1] = Field(alias="schema")
    signers: dict[Name, Signer]


class Vendor(Document):
    """`vendor_manifests/<vendor>/vendor.yaml`: whose commits may touch that folder."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    contact: str | None = None
    keys: Annotated[list[Key], Field(min_length=1)]
