"""Signing with passkeys: an honest authenticator, and every way to cheat."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import encode_cbor

from clinops.adapters import passkeys
from clinops.adapters.git_keys import Keyring, filed_keys, revoked_keys
from clinops.adapters.passkeys import Assertion, PasskeySignatures
from clinops.adapters.signatures import AnySignatures
from clinops.adapters.webauthn_answers import MOST_BYTES
from clinops.domain.digest import canonical
from clinops.domain.envelope import Envelope, envelope_from, pre_authentication_encoding
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.parsing import parse
from clinops.domain.signer import Key, Signers, Vendor, fingerprint, key_code, without_comment
from clinops.domain.signoff import Meaning, sign_off_for, statement_bytes
from clinops.errors import BadInputError, RefusedError
from flows.gate import check_everything, load_evidence, record
from tests.fakes.authenticator import KINDS, Authenticator, Cheat
from tests.fakes.trees import FakeTree
from tests.fakes.wiring import KEYS, SIGNERS, FakeWiring, key, signer, signers

STATEMENT = b'{"reason":"Read it."}'
ORIGIN = "http://localhost:4201"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoaXMgaXMgYSBrZXkgb2YgdGhpcnR5LXR3byBieXQ="


@pytest.fixture
def passkey() -> Authenticator:
    return Authenticator()


def key_of(authenticator: Authenticator, **changes: Any) -> Key:
    validity = {"valid_from": dt.date(2025, 1, 1), "valid_until": dt.date(2025, 12, 31)}
    return Key(**{**authenticator.entry(**validity), **changes})


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


def signers_file(**key: Any) -> bytes:
    validity = {"valid_from": "2025-01-01", "valid_until": "2025-12-31"}
    person = {"name": "Joy", "roles": ["cso"], "may_push": True, "keys": [{**validity, **key}]}
    return json.dumps({"schema": 1, "signers": {"joy": person}}).encode()


class TestOnFile:
    def test_a_passkey_is_a_key_like_others(self, passkey: Authenticator):
        data = signers_file(public=f"{passkey.public} joy@ward", credential=passkey.credential_id)
        (key,) = parse("signers.yaml", data, Signers).signers["joy"].keys
        assert without_comment(key.public) == passkey.public
        assert key.usable_on(dt.date(2025, 6, 1))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"credential": None}, "each passkey has one"),
            ({"credential": "AAAAA"}, "base64url"),
            ({"credential": "AA+/"}, "base64url"),
            ({"credential": "AB"}, "base64url"),
            ({"public": SSH}, "belongs to a passkey"),
            ({"public": "webauthn@localhost AAAA"}, "no webauthn@localhost key"),
            ({"public": "webauthn@LOCALHOST AAAA"}, "not an SSH public key, and no passkey"),
            ({"public": "webauthn@ AAAA"}, "not an SSH public key, and no passkey"),
        ],
    )
    def test_refuses(self, passkey: Authenticator, change: dict[str, Any], words: str):
        entry = {name: value for name, value in {**passkey.entry(), **change}.items() if value}
        with pytest.raises(BadInputError) as caught:
            parse("signers.yaml", signers_file(**entry), Signers)
        assert words in caught.value.diagnostics()

    def test_is_no_key_of_a_vendor(self, passkey: Authenticator):
        entry = passkey.entry(valid_from="2025-01-01", valid_until="2025-12-31")
        data = json.dumps({"schema": 1, "name": "Acme", "keys": [entry]}).encode()
        with pytest.raises(BadInputError) as caught:
            parse("vendor.yaml", data, Vendor)
        assert "can't sign commits" in caught.value.diagnostics()

    def test_git_never_meets_it(self, passkey: Authenticator):
        entry = passkey.entry(revoked="2025-02-01")
        for data in (signers_file(**entry), signers_file(**passkey.entry())):
            tree = FakeTree({"environments/signers.yaml": data})
            keyring = Keyring.of(tree, dt.date(2025, 6, 1))
            assert keyring.allowed_signers() == ""
            assert (keyring.holders, keyring.unusable) == ({}, {})
            assert (filed_keys(tree), revoked_keys(tree)) == ({}, frozenset())

    def test_the_code_tells_two_keys_apart_and_not_two_comments(self, passkey: Authenticator):
        code = key_code(passkey.public)
        assert len(code.split()) == 5
        assert {len(group) for group in code.split()} == {5}
        assert code == key_code(f"{passkey.public} joy@ward")
        assert code != key_code(Authenticator().public)


def test_an_assertion_names_its_parts_as_webauthn_does(passkey: Authenticator):
    parts = sealed(passkey.sign(STATEMENT))
    assert set(parts) == {"authenticatorData", "clientDataJSON", "publicKey", "signature"}
    assert Assertion.model_validate(parts).to_bytes() == canonical(parts)


def sign_off(wiring: FakeWiring, release: ReleaseRecord, passkey: Authenticator) -> Envelope:
    """Let the clinical safety officer sign in a browser."""
    made = sign_off_for(
        load_evidence(release, wiring),
        "joy",
        wiring.estate(wiring.repository.head()).signers().signers["joy"],
        role="safety",
        meaning=Meaning.APPROVED,
        reason="Read it.",
        now=wiring.clock(),
        ledger=wiring.ledger.head(),
    )
    return passkey.sign(statement_bytes(made))


class TestAtTheGate:
    @pytest.fixture
    def wiring(self, tmp_path) -> FakeWiring:
        """An estate where a release waits for the clinical safety officer alone."""
        wiring = FakeWiring(tmp_path)
        wiring.signatures = AnySignatures()
        wiring.signatures._ssh = KEYS  # type: ignore[assignment]
        wiring.adopt()
        return wiring

    def release(self, wiring: FakeWiring, passkey: Authenticator, **changes: Any) -> ReleaseRecord:
        entry = passkey.entry(valid_from=dt.date(2025, 1, 1), valid_until=dt.date(2025, 12, 31))
        keys = [key("joy"), {**entry, **changes}]
        joy = signer("joy", "safety", "operations", keys=keys)
        wiring.commit({SIGNERS: signers(joy=joy)})
        release = wiring.qualify(wiring.offer())
        wiring.sign(release, "sam")
        return release

    def test_a_passkey_signs_a_release_off(self, wiring: FakeWiring, passkey: Authenticator):
        release = self.release(wiring, passkey)
        assert not check_everything(release, wiring).open
        record(sign_off(wiring, release, passkey), wiring)
        assert check_everything(release, wiring).refusals == ()
        assert wiring.promote(release) is State.LIVE

    def test_a_passkey_that_is_revoked_or_nobodys_does_not(
        self, wiring: FakeWiring, passkey: Authenticator
    ):
        release = self.release(wiring, passkey, revoked=dt.date(2025, 6, 1))
        for made_with, why in ((passkey, "revoked"), (Authenticator(), "belongs to nobody")):
            envelope = sign_off(wiring, release, made_with)
            with pytest.raises(RefusedError, match=why):
                record(envelope, wiring)
            # Past the rules for recording, the gate itself still says no.
            wiring.ledger.append(Kind.SIGNED, release.id, {"envelope": envelope.json_value()})
            assert not check_everything(release, wiring).open
