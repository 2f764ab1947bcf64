"""Signing with real keys and a real ssh-keygen; the fake passes the same contract."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clinops.adapters.ssh_signatures import NAMESPACE, SshSignatures
from clinops.domain.envelope import Envelope, envelope_from, pre_authentication_encoding
from clinops.domain.signer import fingerprint
from clinops.domain.signoff import statement_bytes
from clinops.errors import BadInputError, InfrastructureError, RefusedError
from clinops.ports import Signatures
from tests.fakes.gates import signed
from tests.fakes.signatures import FakeSignatures

STATEMENT = statement_bytes(signed("joy", "safety").signed)
KINDS = {"ed25519": [], "ecdsa": ["-b", "256"], "rsa": ["-b", "2048"]}

MakeKey = Callable[..., str]


@pytest.fixture(scope="module")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> MakeKey:
    def make(kind: str = "ed25519", passphrase: str = "") -> str:
        path = tmp_path_factory.mktemp("key") / "id"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", kind, *KINDS[kind], "-N", passphrase, "-f", path],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return str(path)

    return make


@pytest.fixture(scope="module")
def key(make_key: MakeKey) -> str:
    return make_key()


@pytest.fixture(params=["real", "fake"])
def signatures_and_keys(request: pytest.FixtureRequest, make_key: MakeKey):
    if request.param == "real":
        return SshSignatures(), make_key(), make_key()
    return FakeSignatures("one", "two"), "one", "two"


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


class TestContract:
    def test_says_which_key_signed_what(self, signatures_and_keys):
        signatures: Signatures
        signatures, one, two = signatures_and_keys
        for key in (one, two):
            verified = signatures.verify(signatures.sign(STATEMENT, key))
            assert verified.statement == STATEMENT
            assert verified.public_key == signatures.public_key(key)
        assert signatures.public_key(one) != signatures.public_key(two)

    def test_names_the_key_by_its_fingerprint(self, signatures_and_keys):
        signatures, one, _ = signatures_and_keys
        keyid = signatures.sign(STATEMENT, one).signatures[0].keyid
        assert keyid == fingerprint(signatures.public_key(one))

    def test_refuses_a_keyid_of_another_key(self, signatures_and_keys):
        signatures, one, two = signatures_and_keys
        signature = signatures.sign(STATEMENT, one).signatures[0]
        other = Envelope.around(
            STATEMENT,
            keyid=fingerprint(signatures.public_key(two)),
            signature=base64.b64decode(signature.sig),
        )
        with pytest.raises(RefusedError, match="keyid"):
            signatures.verify(other)

    def test_refuses_another_payload(self, signatures_and_keys):
        signatures, one, _ = signatures_and_keys
        signature = signatures.sign(STATEMENT, one).signatures[0]
        other = Envelope.around(
            STATEMENT + b" ", keyid=signature.keyid, signature=base64.b64decode(signature.sig)
        )
        with pytest.raises(RefusedError, match="does not match"):
            signatures.verify(other)

    def test_says_which_key_file_is_missing(self, signatures_and_keys):
        signatures = signatures_and_keys[0]
        for act in (signatures.public_key, lambda key: signatures.sign(STATEMENT, key)):
            with pytest.raises(BadInputError, match="there is no key file nowhere"):
                act("nowhere")


@pytest.mark.parametrize("kind", KINDS)
def test_signs_with_every_common_kind_of_key_and_writes_nothing(make_key: MakeKey, kind: str):
    key = Path(make_key(kind))
    signatures = SshSignatures()
    envelope = envelope_from(signatures.sign(STATEMENT, str(key)).to_bytes())
    public = key.with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    assert signatures.verify(envelope).public_key == public
    assert sorted(path.name for path in key.parent.iterdir()) == ["id", "id.pub"]


def test_the_fingerprint_is_the_one_that_openssh_prints(key: str):
    printed = subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, check=True)
    assert fingerprint(SshSignatures().public_key(key)) in printed.stdout.decode()


def test_a_flipped_byte_in_the_envelope_is_refused(key: str):
    signatures = SshSignatures()
    data = signatures.sign(STATEMENT, key).to_bytes()
    for where in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[where] ^= 0x01
        with pytest.raises(RefusedError):
            signatures.verify(envelope_from(bytes(flipped)))


def test_a_flipped_bit_anywhere_in_the_signature_is_refused(key: str):
    signatures = SshSignatures()
    signature = signatures.sign(STATEMENT, key).signatures[0]
    blob = base64.b64decode(signature.sig)
    for where in range(len(blob)):
        flipped = bytearray(blob)
        flipped[where] ^= 0x80
        with pytest.raises(RefusedError):
            signatures.verify(
                Envelope.around(STATEMENT, keyid=signature.keyid, signature=bytes(flipped))
            )


def sshsig(key: str, message: bytes, namespace: str) -> bytes:
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key],
        input=message,
        capture_output=True,
        check=True,
    )
    return base64.b64decode("".join(done.stdout.decode().splitlines()[1:-1]))


def around(key: str, blob: bytes) -> Envelope:
    keyid = fingerprint(SshSignatures().public_key(key))
    return Envelope.around(STATEMENT, keyid=keyid, signature=blob)


@pytest.mark.parametrize("namespace", ["git", "file", NAMESPACE + "-2"])
def test_refuses_a_signature_that_was_made_for_something_else(key: str, namespace: str):
    blob = sshsig(key, pre_authentication_encoding(STATEMENT), namespace)
    with pytest.raises(RefusedError, match="not for a sign-off"):
        SshSignatures().verify(around(key, blob))


def test_refuses_a_signature_over_the_bare_statement(key: str):
    with pytest.raises(RefusedError, match="does not match"):
        SshSignatures().verify(around(key, sshsig(key, STATEMENT, NAMESPACE)))


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def blob_of(key: bytes, signature: bytes, reserved: bytes = b"") -> bytes:
    fields = (key, NAMESPACE.encode(), reserved, b"sha512", signature)
    return b"SSHSIG\0\0\0\1" + b"".join(map(string, fields))


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"-----BEGIN SSH SIGNATURE-----", "not an SSH signature of version 1"),
        (b"SSHSIG\0\0\0\2", "not an SSH signature of version 1"),
        (b"SSHSIG\0\0\0\1", "cut short"),
        (b"SSHSIG\0\0\0\1\xff\xff\xff\xff", "cut short"),
        (blob_of(string(b"ssh-ed25519"), string(b"ssh-ed25519")) + b"\0", "behind its end"),
        (blob_of(string(b"ssh-ed25519"), string(b"x"), reserved=b"x"), "reserved"),
        (blob_of(string(b"ssh-rsa"), string(b"ssh-rsa")), "SHA-1"),
        (blob_of(string(b"ssh-ed25519\nother"), string(b"x")), "no type of key"),
        (blob_of(string(b"* ssh-ed25519"), string(b"x")), "no type of key"),
        (blob_of(string("ssh-é".encode()), string(b"x")), "no type of key"),
        (blob_of(string(b"sk-ssh-ed25519@openssh.com"), string(b"sk-x") + string(b"")), "touch"),
    ],
)
def test_names_what_is_wrong_with_a_signature(key: str, blob: bytes, reason: str):
    with pytest.raises(RefusedError, match=reason):
        SshSignatures().verify(around(key, blob))


def hardware_envelope(*, flags: int) -> tuple[str, Envelope]:
    """Sign as an authenticator does (OpenSSH's PROTOCOL.u2f), with a key in software."""
    private, application = Ed25519PrivateKey.generate(), b"ssh:"
    kind = b"sk-ssh-ed25519@openssh.com"
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = string(kind) + string(raw) + string(application)
    message = hashlib.sha512(pre_authentication_encoding(STATEMENT)).digest()
    signed_data = b"SSHSIG" + b"".join(map(string, (NAMESPACE.encode(), b"", b"sha512", message)))
    counter = bytes([flags]) + (7).to_bytes(4)
    made = private.sign(
        hashlib.sha256(application).digest() + counter + hashlib.sha256(signed_data).digest()
    )
    blob = blob_of(public, string(kind) + string(made) + counter)
    text = f"{kind.decode()} {base64.b64encode(public).decode()}"
    return text, Envelope.around(STATEMENT, keyid=fingerprint(text), signature=blob)


def test_takes_a_hardware_key_that_was_touched():
    public, envelope = hardware_envelope(flags=1)
    assert SshSignatures().verify(envelope).public_key == public


def test_refuses_a_hardware_key_that_nobody_touched():
    with pytest.raises(RefusedError, match="no-touch-required"):
        SshSignatures().verify(hardware_envelope(flags=0)[1])


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    started = subprocess.run(
        ["ssh-agent", "-s", "-a", str(tmp_path / "agent")], capture_output=True, check=True
    )
    pid = int(started.stdout.decode().split("SSH_AGENT_PID=")[1].split(";")[0])
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    yield
    os.kill(pid, signal.SIGTERM)


@pytest.mark.usefixtures("agent")
def test_signs_with_a_key_that_only_the_agent_holds(make_key: MakeKey):
    key = Path(make_key())
    subprocess.run(["ssh-add", "-q", str(key)], check=True, stderr=subprocess.DEVNULL)
    key.unlink()
    signatures = SshSignatures()
    public = str(key.with_suffix(".pub"))
    envelope = signatures.sign(STATEMENT, public)
    assert signatures.verify(envelope).public_key == signatures.public_key(public)


@pytest.mark.usefixtures("agent")
def test_says_so_when_the_agent_does_not_hold_the_key(make_key: MakeKey):
    key = Path(make_key())
    key.unlink()
    with pytest.raises(BadInputError, match=r"did not sign: .*No private key found") as caught:
        SshSignatures().sign(STATEMENT, str(key.with_suffix(".pub")))
    assert "ssh-add -l" in caught.value.diagnostics()


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Answer prompts as a person at the terminal would."""
    program = tmp_path / "askpass"
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")

    def give(text: str) -> None:
        program.write_text(f"#!/bin/sh\necho {text}\n")
        program.chmod(0o700)

    return give


def test_ssh_keygen_asks_for_the_passphrase(make_key: MakeKey, answer: Callable[[str], None]):
    key = make_key(passphrase="correct horse")
    answer("correct horse")
    signatures = SshSignatures()
    assert signatures.verify(signatures.sign(STATEMENT, key)).statement == STATEMENT
    answer("wrong horse")
    with pytest.raises(BadInputError, match=r"did not sign: .*incorrect passphrase"):
        signatures.sign(STATEMENT, key)


def test_reads_the_public_half_of_a_locked_key(make_key: MakeKey):
    key = Path(make_key(passphrase="correct horse"))
    public = key.with_suffix(".pub").read_text().rsplit(" ", 1)[0]
    key.with_suffix(".pub").unlink()
    assert SshSignatures().public_key(str(key)) == public


@pytest.mark.parametrize("content", ["", "hello\n", "ssh-ed25519 AAAA\n"])
def test_says_so_when_a_file_is_no_key(tmp_path: Path, content: str):
    path = tmp_path / "letter.txt"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadInputError, match="not a usable SSH key"):
        SshSignatures().sign(STATEMENT, str(path))


def test_says_so_where_openssh_is_not_installed(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="not installed"):
        SshSignatures().public_key(key)


def test_does_not_wait_for_ever(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "ssh-keygen"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("clinops.adapters.ssh_signatures._VERIFY_SECONDS", 0.1)
    with pytest.raises(InfrastructureError, match="no answer"):
        SshSignatures().public_key(key)
