"""Attestations, signed with the estate's own Ed25519 key, as other tools verify them.

The key says which engine measured something. It is no person's and opens no gate.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from clinops.adapters.evidence_files import write_durably
from clinops.domain.attestation import envelope_around, signature_in, statement_about
from clinops.domain.digest import digest_bytes
from clinops.domain.envelope import pre_authentication_encoding
from clinops.domain.evidence import Evidence
from clinops.errors import InfrastructureError, RefusedError


class EngineKey:
    """Signs what this estate's engine measured.

    Args:
        private: The key.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def kept_in(cls, path: Path) -> EngineKey:
        """Read the key from a file, or make it there on first use, with its public half beside it.

        Raises:
            InfrastructureError: The file can't be written or read, or holds another kind of key.
        """
        try:
            if not path.exists():
                _make(path)
            private = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _unusable(path, str(error)) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise _unusable(path, "it is no Ed25519 key")
        key, public = cls(private), path.with_suffix(".pub")
        if not public.exists() or public.read_bytes() != key.public:
            write_durably(public, key.public)
        return key

    @property
    def public(self) -> bytes:
        """The public half, as PEM."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(Encoding.PEM, form)

    def attest(self, evidence: Evidence) -> bytes:
        """Sign what follows from evidence; the same evidence always gives the same envelope."""
        statement = statement_about(evidence)
        signature = self._private.sign(pre_authentication_encoding(statement))
        return envelope_around(statement, keyid(self.public), signature)


def verify(envelope: bytes, public: bytes, evidence: Evidence) -> str:
    """Verify that a key attested just what follows from evidence, and return the key's id.

    Args:
        envelope: The attestation.
        public: The public key, as PEM.
        evidence: What it must be about.

    Raises:
        RefusedError: It is another key's, about something else, or says something else.
    """
    key, name, statement = _key(public), keyid(public), statement_about(evidence)
    signature = signature_in(envelope, statement, name)
    try:
        key.verify(signature, pre_authentication_encoding(statement))
    except InvalidSignature:
        raise RefusedError(f"the attestation's signature is not by the key {name[:16]}…") from None
    return name


def keyid(public: bytes) -> str:
    """Name a public key: the SHA-256, in hex, of its DER form; raises RefusedError."""
    form = PublicFormat.SubjectPublicKeyInfo
    return digest_bytes(_key(public).public_bytes(Encoding.DER, form)).removeprefix("sha256:")


def _key(public: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(public)
    except (ValueError, UnsupportedAlgorithm):
        raise RefusedError("the engine's key is no public key in PEM form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise RefusedError("the engine's key is no Ed25519 key")
    return key


def _make(path: Path) -> None:
    """Make a key that is there whole or not at all; whoever comes second takes the first one's."""
    form = PrivateFormat.PKCS8
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, form, NoEncryption())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".key-") as folder:
        whole = Path(folder, "key")
        write_durably(whole, made, mode=0o600)
        try:
            os.link(whole, path)
        except FileExistsError:
            return


def _unusable(path: Path, why: str) -> InfrastructureError:
    return InfrastructureError(
        f"the engine's key {path} can't be used: {why}",
        mend="mend its permissions or put it back from a backup; if it is lost, remove the file: "
        "a new one is made, whose public half verifiers must then be given",
    )
