"""Who may sign: `environments/signers.yaml`, and who may push: `vendor.yaml`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from clinops.domain.manifest import Name
from clinops.domain.value import Document

PublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-ssh-ed25519@openssh\.com"
        r"|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\n]*)?$"
    ),
]


class Key(Document):
    """One public key, in the form of a line of `authorized_keys`, with its validity."""

    public: PublicKey
    valid_from: dt.date
    valid_until: dt.date
    revoked: dt.date | None = None

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
