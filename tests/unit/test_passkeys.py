"""Signing with passkeys: an honest authenticator, and every way to cheat."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest

from clinops.adapters import passkeys
from clinops.adapters.passkeys import Assertion, PasskeySignatures
from clinops.adapters.signatures import AnySignatures
from clinops.domain.digest import canonical
from clinops.domain.envelope import Envelope, envelope_from
from clinops.domain.signer import Key, fingerprint
from clinops.errors import BadInputError, RefusedError
from tests.fakes.authenticator import KINDS, Authenticator, Cheat
from tests.unit.passkey_answers import ORIGIN, SSH, STATEMENT, key_of


def sealed(envelope: Envelope) -> dict[str, str]:
    found: dict[str, str] = json.loads(base64.b64decode(envelope.signatures[0].sig))
    return found


def around(blob: bytes, envelope: Envelope) -> Envelope:
    keyid = envelope.signatures[0].keyid
    return Envelope.around(envelope.statement, keyid=keyid, signature=blob)


@pytest.mark.parametrize("kind", KINDS)
def test_says_which_key_signed_what(kind: str):
    passkey = Authenticator(kind=kind)
    envelope = envelope_from(passkey.sign(STATEMENT).to_bytes())
    verified = AnySignatures().verify(envelope)
    assert (verified.public_key, verified.statement) == (passkey.public, STATEMENT)
    assert envelope.signatures[0].keyid == fingerprint(passkey.public)


def test_asks_for_this_statement_of_the_persons_passkeys_here_with_verification(passkey):
    elsewhere = Authenticator(rp="other.example")
    keys = [Key(public=SSH, valid_from=dt.date(2025, 1, 1), valid_until=dt.date(2025, 2, 1)),
            key_of(elsewhere), key_of(passkey)]  # fmt: skip
    options = passkeys.options_for_signing(STATEMENT, keys, "localhost")
    assert options["allowCredentials"] == [{"id": passkey.credential_id, "type": "public-key"}]
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    asked = base64.urlsafe_b64decode(options["challenge"] + "=")
    assert asked == passkeys.challenge_of(STATEMENT)
    with pytest.raises(BadInputError, match=r"no passkey for trust\.example"):
        passkeys.options_for_signing(STATEMENT, keys, "trust.example")


CHEATS = {
    "another statement": (Cheat(challenge=passkeys.challenge_of(b"other")), "something else"),
    "the bare statement": (Cheat(challenge=STATEMENT), "something else"),
    "no challenge": (Cheat(client_data={"challenge": None}), "something else"),
    "the challenge padded": (Cheat(client_data={"challenge": "AAAA="}), "something else"),
    "another purpose": (Cheat(purpose="webauthn.create"), "not used for this"),
    "a payment": (Cheat(purpose="payment.get"), "not used for this"),
    "inside another page": (Cheat(cross_origin=True), "another site's page"),
    "inside another page, in words": (Cheat(cross_origin="false"), "another site's page"),
    "inside another page, named": (
        Cheat(client_data={"topOrigin": "https://evil.example"}), "another site's page"),
    "another site": (Cheat(rp="evil.example"), "belongs to another site"),
    "nobody there": (Cheat(present=False), "nobody touched"),
    "nobody verified": (Cheat(verified=False), "did not check who used it"),
    "a signature of zeros": (Cheat(signature=lambda made: bytes(len(made))), "does not match"),
    "no signature": (Cheat(signature=lambda made: b"abc"), "does not match"),
    "bytes behind the data": (Cheat(behind=b"\0"), "can't be read"),
    "client data that is no JSON": (Cheat(client_data=b"\xff\xfe{"), "can't be read"),
    "client data that is a list": (Cheat(client_data=b"[1]"), "can't be read"),
    "client data without an end": (Cheat(client_data=b"[" * 12_000), "can't be read"),
    "a key of the client data twice": (
        Cheat(client_data=b'{"type":"webauthn.create","type":"webauthn.get"}'), "can't be read"),
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
def test_refuses(passkey: Authenticator, cheat: str):
    how, words = CHEATS[cheat]
    with pytest.raises(RefusedError, match=words):
        passkey.sign(STATEMENT, how)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost.evil.example",
        "http://evil.example",
        "https://evil-localhost",
        "http://localhost:4201/",
        "http://localhost:port",
        "http://localhost:4201@evil.example",
        "null",
        "http://127.0.0.1:4201",
    ],
)
def test_refuses_another_origin(passkey: Authenticator, origin: str):
    with pytest.raises(RefusedError, match="not used at localhost"):
        passkey.sign(STATEMENT, Cheat(origin=origin))


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("https://gate.trust.example", True),
        ("https://gate.trust.example:8443", True),
        ("https://www.gate.trust.example", True),
        ("http://gate.trust.example", False),
        ("https://trust.example", False),
        ("https://evilgate.trust.example", False),
        ("https://gate.trust.example.evil.example", False),
        ("https://gate-trust.example", False),
        ("https://evil.example/gate.trust.example", False),
        ("https://gate.trust.example\n", False),
    ],
)
def test_takes_an_origin_at_or_below_the_site_over_https_only(origin: str, good: bool):
    passkey = Authenticator(rp="gate.trust.example", origin=origin)
    if good:
        assert passkey.sign(STATEMENT).statement == STATEMENT
    else:
        with pytest.raises(RefusedError, match=r"not used at gate\.trust\.example"):
            passkey.sign(STATEMENT)


def test_takes_an_old_browser_that_says_nothing_of_crossing_origins(passkey: Authenticator):
    assert passkey.sign(STATEMENT, Cheat(cross_origin=None)).statement == STATEMENT


def test_refuses_the_signature_under_another_statement(passkey: Authenticator):
    envelope = passkey.sign(STATEMENT)
    blob = base64.b64decode(envelope.signatures[0].sig)
    keyid = envelope.signatures[0].keyid
    moved = Envelope.around(STATEMENT + b" ", keyid=keyid, signature=blob)
    with pytest.raises(RefusedError, match="something else"):
        AnySignatures().verify(moved)


def test_refuses_the_signature_under_another_key(passkey: Authenticator):
    other = Authenticator()
    parts = {**sealed(passkey.sign(STATEMENT)), "publicKey": other.public}
    moved = Envelope.around(STATEMENT, keyid=fingerprint(other.public), signature=canonical(parts))
    with pytest.raises(RefusedError, match="does not match"):
        AnySignatures().verify(moved)


def test_refuses_the_same_key_said_to_be_of_another_site(passkey: Authenticator):
    envelope = passkey.sign(STATEMENT)
    public = passkey.public.replace("localhost", "trust.example")
    with pytest.raises(RefusedError, match=r"not used at trust\.example"):
        AnySignatures().verify(
            around(canonical({**sealed(envelope), "publicKey": public}), envelope)
        )


def test_refuses_a_keyid_of_another_key(passkey: Authenticator):
    blob = canonical(sealed(passkey.sign(STATEMENT)))
    other = fingerprint(Authenticator().public)
    with pytest.raises(RefusedError, match="keyid"):
        AnySignatures().verify(Envelope.around(STATEMENT, keyid=other, signature=blob))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda parts: json.dumps(parts).encode(), "canonical form"),
        (lambda parts: canonical(parts) + b"\n", "canonical form"),
        (lambda parts: canonical({**parts, "userHandle": "am95"}), "userHandle"),
        (lambda parts: canonical({**parts, "signature": 1}), "signature"),
        (lambda parts: canonical({**parts, "publicKey": parts["publicKey"] + " joy"}), "canonical"),
        (lambda parts: canonical({**parts, "publicKey": SSH}), "no passkey"),
        (lambda parts: canonical({**parts, "publicKey": "webauthn@localhost AAAA"}), "damaged"),
        (lambda parts: canonical({**parts, "signature": "QUF=" }), "canonical base64"),
        (lambda parts: canonical({**parts, "clientDataJSON": "A" * 16_388}), "clientDataJSON"),
        (lambda parts: b"{", "refused"),
    ],
)  # fmt: skip
def test_has_one_byte_form_only(passkey: Authenticator, change, words: str):
    envelope = passkey.sign(STATEMENT)
    with pytest.raises(RefusedError, match=words):
        AnySignatures().verify(around(change(sealed(envelope)), envelope))


def test_a_flipped_bit_anywhere_in_what_was_signed_is_refused(passkey: Authenticator):
    envelope = passkey.sign(STATEMENT)
    parts = sealed(envelope)
    for part in ("authenticatorData", "clientDataJSON", "signature"):
        data = base64.b64decode(parts[part])
        for where in range(len(data)):
            flipped = bytearray(data)
            flipped[where] ^= 0x02
            blob = canonical({**parts, part: base64.b64encode(flipped).decode()})
            with pytest.raises(RefusedError):
                PasskeySignatures().verify(around(blob, envelope))


def test_what_is_neither_kind_of_signature_is_refused():
    keyid = fingerprint(SSH)
    with pytest.raises(RefusedError, match="not an SSH signature"):
        AnySignatures().verify(Envelope.around(STATEMENT, keyid=keyid, signature=b"[]"))


def test_the_assertion_of_another_credential_of_the_person_is_no_signature(passkey):
    other = Authenticator()
    options = passkeys.options_for_signing(STATEMENT, [key_of(other)], "localhost")
    with pytest.raises(RefusedError, match="does not match"):
        passkeys.envelope_from_assertion(STATEMENT, passkey.public, other.get(options))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": 1},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": []},
        {"id": "A", "rawId": "A", "type": "public-key",
         "response": {"clientDataJSON": "A", "authenticatorData": "A", "signature": "A"}},
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_refused(passkey: Authenticator, answer: dict[str, Any]):
    challenge = passkeys.fresh_challenge()
    for act in (
        lambda: passkeys.envelope_from_assertion(STATEMENT, passkey.public, answer),
        lambda: passkeys.credential_of(answer),
        lambda: passkeys.verify_sign_in(answer, challenge, ORIGIN, key_of(passkey)),
        lambda: passkeys.enrolled(answer, challenge, ORIGIN, "localhost"),
    ):
        with pytest.raises(RefusedError, match="can't be read"):
            act()


def test_an_assertion_names_its_parts_as_webauthn_does(passkey: Authenticator):
    parts = sealed(passkey.sign(STATEMENT))
    assert set(parts) == {"authenticatorData", "clientDataJSON", "publicKey", "signature"}
    assert Assertion.model_validate(parts).to_bytes() == canonical(parts)
