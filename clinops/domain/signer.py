"""Who may sign: `environments/signers.yaml`, and who may push: `vendor.yaml`."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from clinops.domain.fault import Fault, Shape, refuse
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
    AfterValidator(_is_a_key),
]


def without_comment(public: str) -> str:
    """Return a public key as `type base64`: what two spellings of one key have in common."""
    return " ".join(public.split()[:2])


def fingerprint(public: str) -> str:
    """Return a public key's fingerprint as `ssh-keygen -l` prints it: `SHA256:…`."""
    blob = base64.b64decode(public.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class Key(Document):
    """One public key, in the form of a line of `authorized_keys`, with its validity."""

    public: PublicKey
    valid_from: dt.date
    valid_until: dt.date
    revoked: dt.date | None = None

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
    keys: list[Key] = []
    """None yet: then nobody can push as this vendor."""
