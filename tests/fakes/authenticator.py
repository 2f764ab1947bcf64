"""A browser with a passkey, in software: honest by default, with a switch for each way to cheat."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn.helpers import encode_cbor

from clinops.adapters.passkeys import (
    envelope_from_assertion,
    options_for_enrolment,
    options_for_signing,
)
from clinops.domain.envelope import Envelope
from clinops.domain.signer import Key

KINDS = ("ES256", "EdDSA", "RS256")
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40
_NOBODYS_MODEL = bytes(16)


@dataclass(frozen=True)
class Cheat:
    """What an answer says instead of the truth; whatever is not set is honest."""

    purpose: str | None = None
    """`type` of the client data."""
    challenge: bytes | None = None
    origin: str | None = None
    cross_origin: object = False
    """None leaves it out, as old browsers do."""
    client_data: Mapping[str, Any] | bytes | None = None
    """More keys for the client data, or all of its bytes."""
    rp: str | None = None
    """The site whose hash the authenticator puts in."""
    present: bool = True
    verified: bool = True
    signature: Callable[[bytes], bytes] = bytes
    """Changes the signature."""
    behind: bytes = b""
    """Bytes behind the end of the authenticator data."""
    attestation: str = "none"
    cose: bytes | None = None
    """Another public key at enrolment."""


HONEST = Cheat()


class Authenticator:
    """One passkey for one site, and the browser in front of it."""

    def __init__(
        self, rp: str = "localhost", origin: str = "http://localhost:4201", kind: str = "ES256"
    ) -> None:
        self.rp = rp
        self.origin = origin
        self.credential = secrets.token_bytes(32)
        self._sign, self.cose = _MAKE[kind]()
        self._count = 0

    @property
    def public(self) -> str:
        """The public key as `signers.yaml` has it."""
        return f"webauthn@{self.rp} {base64.b64encode(self.cose).decode()}"

    @property
    def credential_id(self) -> str:
        return _url(self.credential)

    def entry(self, **validity: Any) -> dict[str, Any]:
        """The key as a document has it."""
        return {"public": self.public, "credential": self.credential_id, **validity}

    def create(self, options: Mapping[str, Any], cheat: Cheat = HONEST) -> dict[str, Any]:
        """Answer `credentials.create`."""
        attested = _NOBODYS_MODEL + len(self.credential).to_bytes(2) + self.credential
        data = self._data(cheat, _ATTESTED, attested + (cheat.cose or self.cose))
        attestation = {"fmt": cheat.attestation, "attStmt": {}, "authData": data}
        client_data = self._client_data("webauthn.create", options["challenge"], cheat)
        return self._answer(clientDataJSON=client_data, attestationObject=encode_cbor(attestation))

    def get(self, options: Mapping[str, Any], cheat: Cheat = HONEST) -> dict[str, Any]:
        """Answer `credentials.get`."""
        client_data = self._client_data("webauthn.get", options["challenge"], cheat)
        data = self._data(cheat)
        signature = cheat.signature(self._sign(data + hashlib.sha256(client_data).digest()))
        return self._answer(clientDataJSON=client_data, authenticatorData=data, signature=signature)

    def sign(self, statement: bytes, cheat: Cheat = HONEST) -> Envelope:
        """Sign a statement as the gatehouse's page does."""
        key = Key.model_validate_json(
            json.dumps(self.entry(valid_from="2025-01-01", valid_until="2025-12-31"))
        )
        options = options_for_signing(statement, [key], self.rp)
        return envelope_from_assertion(statement, self.public, self.get(options, cheat))

    def enrol(self, challenge: bytes, cheat: Cheat = HONEST) -> dict[str, Any]:
        """Make the passkey as the enrolment page does."""
        return self.create(options_for_enrolment("joy", "Dr Joy", self.rp, challenge), cheat)

    def _answer(self, **response: bytes) -> dict[str, Any]:
        return {
            "id": self.credential_id,
            "rawId": self.credential_id,
            "type": "public-key",
            "response": {name: _url(data) for name, data in response.items()},
        }

    def _client_data(self, purpose: str, challenge: str, cheat: Cheat) -> bytes:
        if isinstance(cheat.client_data, bytes):
            return cheat.client_data
        found: dict[str, Any] = {
            "type": cheat.purpose or purpose,
            "challenge": _url(cheat.challenge) if cheat.challenge else challenge,
            "origin": cheat.origin or self.origin,
        }
        if cheat.cross_origin is not None:
            found["crossOrigin"] = cheat.cross_origin
        return json.dumps({**found, **(cheat.client_data or {})}).encode()

    def _data(self, cheat: Cheat, flags: int = 0, attested: bytes = b"") -> bytes:
        self._count += 1
        flags |= _PRESENT * cheat.present | _VERIFIED * cheat.verified
        site = hashlib.sha256((cheat.rp or self.rp).encode()).digest()
        return site + bytes([flags]) + self._count.to_bytes(4) + attested + cheat.behind


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


Maker = tuple[Callable[[bytes], bytes], bytes]


def _es256() -> Maker:
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_numbers()
    cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
    return lambda data: private.sign(data, ec.ECDSA(SHA256())), encode_cbor(cose)


def _eddsa() -> Maker:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return private.sign, encode_cbor({1: 1, 3: -8, -1: 6, -2: raw})


def _rs256() -> Maker:
    private = rsa.generate_private_key(65537, 2048)
    modulus = private.public_key().public_numbers().n.to_bytes(256)
    cose = encode_cbor({1: 3, 3: -257, -1: modulus, -2: b"\1\0\1"})
    return lambda data: private.sign(data, padding.PKCS1v15(), SHA256()), cose


_MAKE: dict[str, Callable[[], Maker]] = {"ES256": _es256, "EdDSA": _eddsa, "RS256": _rs256}
