"""Signatures without cryptography or processes, for tests of what comes after them."""

from __future__ import annotations

import base64
import hashlib
import secrets

from clinops.domain.envelope import Envelope, VerifiedEnvelope, pre_authentication_encoding
from clinops.domain.signer import fingerprint
from clinops.errors import BadInputError, RefusedError

_KIND = b"ssh-ed25519"
_SALT = 16


class FakeSignatures:
    """Keys are names; a signature is a keyed hash that anybody who reads this can forge."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def public_key(self, key: str) -> str:
        if key not in self._keys:
            raise BadInputError(f"there is no key file {key}", mend="name another")
        blob = _string(_KIND) + _string(hashlib.sha256(key.encode()).digest())
        return f"{_KIND.decode()} {base64.b64encode(blob).decode()}"

    def sign(self, statement: bytes, key: str) -> Envelope:
        public_key = self.public_key(key)
        signature = public_key.encode() + _mac(public_key, statement)
        return Envelope.around(statement, keyid=fingerprint(public_key), signature=signature)

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        (signature,) = envelope.signatures
        blob = base64.b64decode(signature.sig)
        public_key = blob[:-32].decode(errors="replace")
        if blob[-32:] != _mac(public_key, envelope.statement):
            raise RefusedError("the signature does not match what it is said to sign")
        if signature.keyid != fingerprint(public_key):
            raise RefusedError("the envelope's keyid is not that of the key that signed")
        return VerifiedEnvelope(public_key=public_key, statement=envelope.statement)


class RandomisedSignatures(FakeSignatures):
    """Makes another signature of the same message each time, as ECDSA keys do; each holds."""

    def sign(self, statement: bytes, key: str) -> Envelope:
        envelope = super().sign(statement, key)
        blob = secrets.token_bytes(_SALT) + base64.b64decode(envelope.signatures[0].sig)
        return Envelope.around(statement, keyid=envelope.signatures[0].keyid, signature=blob)

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        (signature,) = envelope.signatures
        blob = base64.b64decode(signature.sig)
        if not blob.startswith(_KIND):
            blob = blob[_SALT:]
        plain = Envelope.around(envelope.statement, keyid=signature.keyid, signature=blob)
        return super().verify(plain)


def _mac(public_key: str, statement: bytes) -> bytes:
    return hashlib.sha256(public_key.encode() + pre_authentication_encoding(statement)).digest()


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data
