"""Passkeys elsewhere than under a statement: signing in, enrolling one, on whose host."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import encode_cbor

from clinops.adapters import passkeys
from clinops.adapters.webauthn_answers import MOST_BYTES
from clinops.domain.envelope import pre_authentication_encoding
from clinops.domain.signer import Key
from clinops.errors import BadInputError, RefusedError
from tests.fakes.authenticator import KINDS, Authenticator, Cheat
from tests.unit.passkey_answers import ORIGIN, SSH, STATEMENT, key_of


class TestSignIn:
    def test_proves_who_is_there(self, passkey: Authenticator):
        challenge = passkeys.fresh_challenge()
        options = passkeys.options_for_sign_in(challenge, "localhost")
        assert options["userVerification"] == "required"
        assert options["allowCredentials"] == []
        answer = passkey.get(options)
        assert passkeys.credential_of(answer) == passkey.credential_id
        passkeys.verify_sign_in(answer, challenge, ORIGIN, key_of(passkey))

    def test_no_challenge_comes_twice(self):
        made = {passkeys.fresh_challenge() for _ in range(100)}
        assert len(made) == 100
        assert {len(challenge) for challenge in made} == {32}

    @pytest.mark.parametrize(
        ("cheat", "words"),
        [
            (Cheat(challenge=passkeys.challenge_of(STATEMENT)), "another challenge"),
            (Cheat(origin="http://localhost:9999"), "another address"),
            (Cheat(origin="http://evil.example"), "not used at"),
            (Cheat(verified=False), "did not check"),
            (Cheat(rp="evil.example"), "another site"),
            (Cheat(purpose="webauthn.create"), "not used for this"),
            (Cheat(client_data={"padding": "x" * MOST_BYTES}), "can't be read"),
        ],
    )
    def test_refuses(self, passkey: Authenticator, cheat: Cheat, words: str):
        challenge = passkeys.fresh_challenge()
        answer = passkey.get(passkeys.options_for_sign_in(challenge, "localhost"), cheat)
        with pytest.raises(RefusedError, match=words):
            passkeys.verify_sign_in(answer, challenge, ORIGIN, key_of(passkey))

    def test_refuses_another_key(self, passkey: Authenticator):
        challenge = passkeys.fresh_challenge()
        answer = passkey.get(passkeys.options_for_sign_in(challenge, "localhost"))
        for other in (
            key_of(Authenticator()),
            Key(public=SSH, valid_from=dt.date(2025, 1, 1), valid_until=dt.date(2025, 2, 1)),
        ):
            with pytest.raises(RefusedError, match="another passkey"):
                passkeys.verify_sign_in(answer, challenge, ORIGIN, other)
        claimed = key_of(Authenticator(), credential=passkey.credential_id)
        with pytest.raises(RefusedError, match="does not match"):
            passkeys.verify_sign_in(answer, challenge, ORIGIN, claimed)

    def test_never_becomes_a_signature(self, passkey: Authenticator):
        challenge = passkeys.fresh_challenge()
        answer = passkey.get(passkeys.options_for_sign_in(challenge, "localhost"))
        for statement in (STATEMENT, challenge, b"clinops-sign-in"):
            with pytest.raises(RefusedError, match="something else"):
                passkeys.envelope_from_assertion(statement, passkey.public, answer)
        assert not pre_authentication_encoding(STATEMENT).startswith(b"clinops-sign-in")

    def test_is_not_done_by_a_signature(self, passkey: Authenticator):
        options = passkeys.options_for_signing(STATEMENT, [key_of(passkey)], "localhost")
        answer = passkey.get(options)
        with pytest.raises(RefusedError, match="another challenge"):
            passkeys.verify_sign_in(answer, passkeys.fresh_challenge(), ORIGIN, key_of(passkey))


class TestEnrolment:
    @pytest.mark.parametrize("kind", KINDS)
    def test_reads_the_key_that_was_made(self, kind: str):
        passkey, challenge = Authenticator(kind=kind), passkeys.fresh_challenge()
        made = passkeys.enrolled(passkey.enrol(challenge), challenge, ORIGIN, "localhost")
        assert (made.public, made.credential) == (passkey.public, passkey.credential_id)

    def test_asks_for_a_key_that_knows_its_person(self):
        options = passkeys.options_for_enrolment("joy", "Dr Joy", "localhost", b"x" * 32, ["AAAA"])
        chosen = options["authenticatorSelection"]
        assert (chosen["userVerification"], chosen["residentKey"]) == ("required", "required")
        assert options["attestation"] == "none"
        assert options["excludeCredentials"] == [{"id": "AAAA", "type": "public-key"}]
        assert [one["alg"] for one in options["pubKeyCredParams"]] == [-7, -8, -257]
        assert (options["user"]["name"], options["user"]["displayName"]) == ("joy", "Dr Joy")

    @pytest.mark.parametrize(
        ("cheat", "words"),
        [
            (Cheat(challenge=b"other"), "another challenge"),
            (Cheat(purpose="webauthn.get"), "not used for this"),
            (Cheat(origin="http://evil.example"), "not used at"),
            (Cheat(origin="http://localhost:9999"), "another address"),
            (Cheat(cross_origin=True), "another site's page"),
            (Cheat(rp="evil.example"), "another site"),
            (Cheat(present=False), "nobody touched"),
            (Cheat(verified=False), "did not check"),
            (Cheat(behind=b"\0"), "can't be read"),
            (Cheat(attestation="packed"), "can't be read"),
            (Cheat(attestation="made-up"), "can't be read"),
            (Cheat(cose=encode_cbor({1: 2, 3: -36, -1: 3, -2: b"x", -3: b"y"})), "not accepted"),
            (Cheat(cose=encode_cbor({1: 2})), "can't be read"),
        ],
    )
    def test_refuses(self, passkey: Authenticator, cheat: Cheat, words: str):
        challenge = passkeys.fresh_challenge()
        answer = passkey.enrol(challenge, cheat)
        with pytest.raises(RefusedError, match=words):
            passkeys.enrolled(answer, challenge, ORIGIN, "localhost")

    def test_refuses_a_second_spelling_of_a_key(self, passkey: Authenticator):
        raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        for spelling in ({3: -8, 1: 1, -1: 6, -2: raw}, {1: 1, 3: -8, -1: 6, -2: raw, 4: [2]}):
            challenge = passkeys.fresh_challenge()
            answer = passkey.enrol(challenge, Cheat(cose=encode_cbor(spelling)))
            with pytest.raises(RefusedError):
                passkeys.enrolled(answer, challenge, ORIGIN, "localhost")


@pytest.mark.parametrize(
    ("address", "rp"),
    [
        ("http://localhost:4201", "localhost"),
        ("https://Gate.trust.example:8443", "gate.trust.example"),
    ],
)
def test_passkeys_are_bound_to_the_gatehouses_host(address: str, rp: str):
    assert passkeys.rp_of(address) == rp


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://gate.trust.example", "https"),
        ("http://127.0.0.1:4201", "https"),
        ("https://10.0.0.7", "host name"),
        ("https://[fd00::7]", "host name"),
    ],
)
def test_says_where_browsers_make_no_passkeys(address: str, words: str):
    with pytest.raises(BadInputError, match="browsers make no passkeys") as caught:
        passkeys.rp_of(address)
    assert words in caught.value.mend
