"""Sign-offs with SSH keys: files, agents and hardware keys, by OpenSSH's own `ssh-keygen -Y`.

ClinOps holds no key and sees no passphrase. The format is OpenSSH's PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from clinops.domain.envelope import Envelope, VerifiedEnvelope, pre_authentication_encoding
from clinops.domain.signer import fingerprint
from clinops.errors import BadInputError, InfrastructureError, RefusedError

NAMESPACE = "clinops-sign-off"
"""Part of what is signed, so that a git signature (namespace `git`) never passes for a sign-off."""

SIGN_IN: Final = "clinops-sign-in"
"""The same for who only says who they are: it is no sign-off and no commit."""

_MAGIC = b"SSHSIG" + (1).to_bytes(4)
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_USER_PRESENT = 0x01
_VERIFY_SECONDS = 30


class SshSignatures:
    """Signs and verifies envelopes with `ssh-keygen`."""

    def public_key(self, key: str) -> str:
        """Return the public half of a key file, `type base64`; no passphrase is needed for it."""
        done = _ssh_keygen("-e", "-m", "RFC4716", "-f", str(_existing(key)))
        if done.returncode:
            raise BadInputError(
                f"{key} is not a usable SSH key: {_last_line(done.stderr)}",
                mend="name a private key file, or the .pub file of a key in your agent",
            )
        lines = done.stdout.decode().splitlines()
        return _public_key(base64.b64decode("".join(x for x in lines if set(x).isdisjoint("-:"))))

    def sign(self, statement: bytes, key: str) -> Envelope:
        """Sign a statement; `ssh-keygen` itself asks for a passphrase, a PIN or a touch."""
        self.public_key(key)
        message = pre_authentication_encoding(statement)
        signing = ("-Y", "sign", "-n", NAMESPACE, "-f", str(_existing(key)))
        done = _ssh_keygen(*signing, message=message, prompts=True)
        if done.returncode:
            raise BadInputError(
                f"{key} did not sign: {_last_line(done.stderr)}",
                mend="check the passphrase, or with `ssh-add -l` that the agent holds the key",
            )
        blob = base64.b64decode("".join(done.stdout.decode().splitlines()[1:-1]))
        keyid = fingerprint(_public_key(_Parts.of(blob).key))
        envelope = Envelope.around(statement, keyid=keyid, signature=blob)
        self.verify(envelope)
        return envelope

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        """Verify an envelope against the public key inside its own signature, and name that key."""
        (signature,) = envelope.signatures
        blob = base64.b64decode(signature.sig)
        parts = _Parts.of(blob)
        parts.ensure_acceptable()
        public_key = _public_key(parts.key)
        if signature.keyid != fingerprint(public_key):
            raise RefusedError("the envelope's keyid is not that of the key that signed")
        _ensure_signed(public_key, blob, pre_authentication_encoding(envelope.statement))
        return VerifiedEnvelope(public_key=public_key, statement=envelope.statement)


def key_that_signed_in(armoured: str, text: str) -> str:
    """Return the public key that signed a text to sign in, `type base64`; raises RefusedError.

    Args:
        armoured: What `ssh-keygen -Y sign` wrote, as somebody pasted it.
        text: What they were asked to sign.
    """
    head, *lines, last = armoured.split("\n") if "\n" in armoured else ("", "")
    try:
        blob = base64.b64decode("".join(lines), validate=True)
    except ValueError:
        blob = b""
    if not blob or (head, last) != (_BEGIN, _END):
        raise RefusedError(f"this is no SSH signature: it goes from {_BEGIN} to {_END}")
    parts = _Parts.of(blob)
    parts.ensure_acceptable(SIGN_IN)
    public_key = _public_key(parts.key)
    _ensure_signed(public_key, blob, text.encode(), SIGN_IN)
    return public_key


class _Parts(NamedTuple):
    """The fields of an SSHSIG blob."""

    key: bytes
    namespace: bytes
    reserved: bytes
    hash_algorithm: bytes
    signature: bytes

    @classmethod
    def of(cls, blob: bytes) -> _Parts:
        if not blob.startswith(_MAGIC):
            raise RefusedError("the signature is not an SSH signature of version 1")
        rest = blob.removeprefix(_MAGIC)
        fields = []
        for _ in cls._fields:
            field, rest = _take_string(rest)
            fields.append(field)
        if rest:
            raise RefusedError("the signature has data behind its end")
        return cls(*fields)

    def ensure_acceptable(self, namespace: str = NAMESPACE) -> None:
        """Refuse what `ssh-keygen` would let pass, or would refuse without a reason."""
        if self.namespace != namespace.encode():
            wanted = "a sign-off" if namespace == NAMESPACE else f"`-n {namespace}`"
            raise RefusedError(f"the signature was made for {self.namespace!r}, not for {wanted}")
        if self.reserved:
            raise RefusedError("the signature uses a reserved field")
        algorithm, rest = _take_string(self.signature)
        if algorithm == b"ssh-rsa":
            raise RefusedError("the signature rests on SHA-1")
        if algorithm.startswith(b"sk-"):
            _, rest = _take_string(rest)
            if not rest or not rest[0] & _USER_PRESENT:
                raise RefusedError("the hardware key signed without a touch (no-touch-required)")


def _take_string(data: bytes) -> tuple[bytes, bytes]:
    """Split an SSH string (RFC 4251, section 5) off the front of some bytes."""
    end = 4 + int.from_bytes(data[:4])
    if len(data) < end:
        raise RefusedError("the signature is cut short")
    return data[4:end], data[end:]


def _public_key(blob: bytes) -> str:
    kind, _ = _take_string(blob)
    if not kind.isascii() or not kind.decode().isprintable() or b" " in kind:
        raise RefusedError("the signature names no type of key")
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


def _ensure_signed(
    public_key: str, blob: bytes, message: bytes, namespace: str = NAMESPACE
) -> None:
    with tempfile.TemporaryDirectory(prefix="clinops-verify-") as folder:
        allowed, signature = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text(f'signer namespaces="{namespace}" {public_key}\n')
        armour = base64.encodebytes(blob).decode()
        signature.write_text(f"{_BEGIN}\n{armour}{_END}\n")
        about = ("-n", namespace, "-I", "signer", "-f", str(allowed), "-s", str(signature))
        if _ssh_keygen("-Y", "verify", *about, message=message).returncode:
            raise RefusedError("the signature does not match what it is said to sign")


def _existing(key: str) -> Path:
    path = Path(key).expanduser()
    if not path.is_file():
        raise BadInputError(
            f"there is no key file {key}",
            mend="make one with `ssh-keygen -t ed25519`, or name another with --key",
        )
    return path


def _ssh_keygen(
    *arguments: str, message: bytes = b"", prompts: bool = False
) -> subprocess.CompletedProcess[bytes]:
    # A prompt for a touch goes to standard error, and only if that is the person's terminal.
    shown = prompts and os.isatty(2)
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=message,
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            timeout=None if prompts else _VERIFY_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise InfrastructureError(
            "ssh-keygen is not installed", mend="apt-get install openssh-client"
        ) from None
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"ssh-keygen gave no answer in {_VERIFY_SECONDS} s") from None


def _last_line(stderr: bytes | None) -> str:
    lines = (stderr or b"").decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "ssh-keygen says why above"
