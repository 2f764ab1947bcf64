"""Signatures of every kind that a signer may have on file: SSH keys and passkeys."""

from __future__ import annotations

import base64

from clinops.adapters.ssh_signatures import SshSignatures
from clinops.domain.envelope import Envelope, VerifiedEnvelope


class AnySignatures:
    """Signs with SSH keys; verifies an envelope by the kind of signature that is in it."""

    def __init__(self) -> None:
        self._ssh = SshSignatures()

    def public_key(self, key: str) -> str:
        """Return the public half of an SSH key file."""
        return self._ssh.public_key(key)

    def sign(self, statement: bytes, key: str) -> Envelope:
        """Sign a statement with an SSH key; passkeys sign in a browser."""
        return self._ssh.sign(statement, key)

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        """Verify an envelope, and name the key; raises RefusedError."""
        blob = base64.b64decode(envelope.signatures[0].sig)
        # An assertion is JSON; nothing else begins like that.
        if not blob.startswith(b"{"):
            return self._ssh.verify(envelope)
        from clinops.adapters.passkeys import PasskeySignatures

        return PasskeySignatures().verify(envelope)
