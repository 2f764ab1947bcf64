"""A passkey as a key of its person: on file, and at the gate."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from clinops.adapters.git_keys import Keyring, filed_keys, revoked_keys
from clinops.adapters.signatures import AnySignatures
from clinops.domain.envelope import Envelope
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.parsing import parse
from clinops.domain.signer import Signers, Vendor, key_code, without_comment
from clinops.domain.signoff import Meaning, sign_off_for, statement_bytes
from clinops.errors import BadInputError, RefusedError
from flows.gate import check_everything, load_evidence, record
from tests.fakes.authenticator import Authenticator
from tests.fakes.trees import FakeTree
from tests.fakes.wiring import KEYS, SIGNERS, FakeWiring, key, signer, signers
from tests.unit.passkey_answers import SSH


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
