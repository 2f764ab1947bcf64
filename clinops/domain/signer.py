"""Who may sign: `environments/signers.yaml`, and who may push: `vendor.yaml`."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.manifest import Name
from clinops.domain.value import Document

PASSKEY: Final = "webauthn@"
"""How the type of a passkey begins; behind it stands the name of the site it was made for."""

_COSE = re.compile(
    rb"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20.{32}\x22\x58\x20.{32}"  # ES256, P-256
    rb"|\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20.{32}"  # EdDSA, Ed25519
    rb"|\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00.{256}\x21\x43\x01\x00\x01",  # RS256
    re.DOTALL,
)
"""COSE keys (RFC 9052) in CTAP2's canonical form: one key, one text."""


def _is_a_key(text: str) -> str:
    kind, encoded = text.split()[:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("the key is damaged: its middle part is not base64") from None
    if base64.b64encode(blob).decode() != encoded or not _is_of(kind, blob):
        raise ValueError(f"the key is damaged: its middle part is no {kind} key")
    return text


def _is_of(kind: str, blob: bytes) -> bool:
    if kind.startswith(PASSKEY):
        return _COSE.fullmatch(blob) is not None
    return blob.startswith(len(kind).to_bytes(4) + kind.encode())


def _is_credential(text: str) -> str:
    padded = text + "=" * (-len(text) % 4)
    try:
        same = base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).decode() == padded
    except binascii.Error:
        same = False
    if not same:
        raise ValueError("the credential is damaged: it is not base64url")
    return text


PublicKey = Annotated[
    str,
    Shape(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-ssh-ed25519@openssh\.com"
        r"|sk-ecdsa-sha2-nistp256@openssh\.com|webauthn@[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)"
        r" [A-Za-z0-9+/]+={0,3}( [^\n]*)?",
        "is not an SSH public key, and no passkey either",
        "copy the one line of the `.pub` file; passkeys come by `clinops signer enrol`",
    ),
    AfterValidator(_is_a_key),
]
Credential = Annotated[
    str,
    Shape(r"[A-Za-z0-9_-]{2,1364}", "is not a passkey's credential id in base64url"),
    AfterValidator(_is_credential),
]


def is_passkey(public: str) -> bool:
    """Whether a public key is a passkey's: it signs in a browser, and never a commit."""
    return public.startswith(PASSKEY)


def without_comment(public: str) -> str:
    """Return a public key as `type base64`: what two spellings of one key have in common."""
    return " ".join(public.split()[:2])


def fingerprint(public: str) -> str:
    """Return a public key's fingerprint as `ssh-keygen -l` prints it: `SHA256:…`."""
    blob = base64.b64decode(public.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def key_code(public: str) -> str:
    """Return a public key's code: 25 digits, for one person to read out and another to compare."""
    digest = hashlib.sha256(without_comment(public).encode()).digest()
    digits = f"{int.from_bytes(digest) % 10**25:025}"
    return " ".join(digits[start : start + 5] for start in range(0, 25, 5))


class Key(Document):
    """One public key, in the form of a line of `authorized_keys`, with its validity.

    A passkey's is `webauthn@<site> <base64 of its COSE key>`, and has its credential id as well.
    """

    public: PublicKey
    credential: Credential | None = None
    """What a browser finds a passkey by; of no meaning for the signature."""
    valid_from: dt.date
    valid_until: dt.date
    revoked: dt.date | None = None

    @model_validator(mode="after")
    def _valid_for_a_while(self) -> Key:
        if self.valid_until < self.valid_from:
            what = f"is before valid_from, {self.valid_from}"
            raise refuse(Fault(what, "swap the two", at=("valid_until",)))
        return self

    @model_validator(mode="after")
    def _passkey_with_credential(self) -> Key:
        if is_passkey(self.public) is (self.credential is None):
            what = "belongs to a passkey, and each passkey has one"
            raise refuse(Fault(what, "enrol the key with `clinops signer enrol`", ("credential",)))
        return self

    def usable_on(self, day: dt.date) -> bool:
        """Whether the key may be relied upon on that day."""
        return self.revoked is None and self.valid_from <= day <= self.valid_until

    @property
    def validity(self) -> str:
        """When the key is good, in words."""
        revoked = f", REVOKED on {self.revoked}" if self.revoked else ""
        return f"valid from {self.valid_from} until {self.valid_until}{revoked}"


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
    sites: list[Name] = []
    """The sites that this person may speak for, where a gate asks for people of several sites."""
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

    @model_validator(mode="after")
    def _keys_that_can_push(self) -> Vendor:
        what, mend = "is a passkey, which can't sign commits", "file an SSH key"
        keys = enumerate(self.keys)
        places = [("keys", place, "public") for place, key in keys if is_passkey(key.public)]
        if places:
            raise refuse(*(Fault(what, mend, place) for place in places))
        return self
