"""Attacks on signing in the gatehouse: nobody else can sign, and nothing but what was shown."""

from __future__ import annotations

import json

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.errors import InfrastructureError
from clinops.gatehouse.sessions import IDLE, PATIENCE
from tests.fakes.authenticator import Authenticator, Cheat
from tests.fakes.visitor import Gatehouse
from tests.fakes.wiring import REVOKED
from tests.unit.gatehouse_signing import REASON, SIGN, last, statement_of


class TestAttack:
    """Each attempt is refused; where it is about a release that is known, also on record."""

    def refused(self, gatehouse: Gatehouse, release: ReleaseRecord) -> str:
        entry = last(gatehouse, release.id)
        assert entry.kind is Kind.SIGNATURE_REFUSED
        assert entry.body["signer"] == "joy"
        return str(entry.body["reasons"][0])

    @pytest.mark.parametrize(
        ("cheat", "why"),
        [
            (Cheat(verified=False), "did not check who used it"),
            (Cheat(present=False), "nobody touched"),
            (Cheat(origin="https://evil.example"), "not used at localhost"),
            (Cheat(cross_origin=True), "inside another site"),
            (Cheat(purpose="webauthn.create"), "not used for this"),
            (Cheat(rp="evil.example"), "another site"),
            (Cheat(challenge=b"x" * 32), "signed something else"),
            (Cheat(signature=lambda sig: sig[:-1] + bytes([sig[-1] ^ 1])), "does not match"),
        ],
    )
    def test_with_a_dishonest_answer_is_on_record(self, gatehouse, joy, release, cheat, why):
        page = joy.sign(f"/releases/{release.id}/sign", SIGN, cheat)
        assert "Your signature was not counted" in page
        assert why in self.refused(gatehouse, release)

    def test_with_an_answer_to_another_statement_is_on_record(
        self, gatehouse, joy, release, address
    ):
        harmless = joy.prepare("/systems/pas/stop", SIGN)
        answer = joy.passkey.get(joy.options(harmless))
        joy.put(joy.prepare(address, SIGN), answer)
        assert "signed something else" in self.refused(gatehouse, release)

    def test_with_the_same_answer_again_finds_nothing_that_waits(self, gatehouse, joy, address):
        pending = joy.prepare(address, SIGN)
        answer = {"answer": json.dumps(joy.passkey.get(joy.options(pending)))}
        assert joy.post(pending, answer).status_code == 303
        head = gatehouse.wiring.ledger.head()
        again = joy.post(pending, answer)
        assert again.status_code == 403
        assert "already" in again.text
        assert gatehouse.wiring.ledger.head() == head

    def test_with_an_earlier_answer_under_a_new_statement_is_on_record(
        self, gatehouse, joy, release, address
    ):
        first = joy.prepare(address, SIGN)
        answer = joy.passkey.get(joy.options(first))
        joy.put(first, answer)
        gatehouse.wiring.clock.advance(1)
        joy.put(joy.prepare(address, SIGN), answer)
        assert "signed something else" in self.refused(gatehouse, release)

    def test_that_alters_the_statement_gets_nothing_else_signed(
        self, gatehouse, joy, release, address
    ):
        pending = joy.prepare(address, SIGN)
        answer = json.dumps(joy.passkey.get(joy.options(pending)))
        kept = gatehouse.app.state.sessions.find(joy.cookies["__Host-clinops-session"], used=False)
        statement = kept.look(pending.rpartition("/")[2])
        joy.post(pending, {"answer": answer, "statement": "e30=", "reason": "Another reason."})
        assert statement_of(last(gatehouse, release.id)).reason == REASON
        # Even where the server's own memory were changed, the signature would not be over it.
        later = joy.prepare(address, {**SIGN, "reason": "Again."})
        answer = joy.passkey.get(joy.options(later))
        other = kept.look(later.rpartition("/")[2])
        other.statement = other.statement.replace(b"Again.", b"Never.")
        joy.put(later, answer)
        assert statement.outcome is not None
        assert "signed something else" in self.refused(gatehouse, release)

    def test_with_a_sign_ins_answer_is_on_record(self, gatehouse, joy, release, address):
        pending = joy.prepare(address, SIGN)
        joy.get("/sign-in")
        sign_in = joy.post("/sign-in/challenge").json()
        joy.get("/")
        joy.put(pending, joy.passkey.get(sign_in))
        assert "signed something else" in self.refused(gatehouse, release)

    def test_with_a_signatures_answer_signs_nobody_in(self, gatehouse, joy, address):
        options = joy.options(joy.prepare(address, SIGN))
        thief = gatehouse.visitor("joy")
        thief.get("/sign-in")
        thief.post("/sign-in/challenge")
        answer = thief.post("/sign-in", {"answer": json.dumps(joy.passkey.get(options))})
        assert answer.status_code == 403
        assert "another challenge" in answer.text

    def test_with_another_persons_passkey_is_on_record(self, gatehouse, joy, release, address):
        pending = joy.prepare(address, SIGN)
        joy.put(pending, gatehouse.passkeys["sam"].get(joy.options(pending)))
        assert "does not match" in self.refused(gatehouse, release)

    def test_with_a_strangers_passkey_is_on_record(self, gatehouse, joy, release, address):
        pending = joy.prepare(address, SIGN)
        joy.put(pending, Authenticator().get(joy.options(pending)))
        assert "does not match" in self.refused(gatehouse, release)

    def test_that_waits_too_long_signs_nothing(self, gatehouse, joy, address):
        pending = joy.prepare(address, SIGN)
        answer = {"answer": json.dumps(joy.passkey.get(joy.options(pending)))}
        head = gatehouse.wiring.ledger.head()
        gatehouse.wiring.clock.advance(PATIENCE.total_seconds())
        assert joy.post(f"{pending}/challenge").status_code == 403
        assert joy.post(pending, answer).status_code == 403
        assert "waited too long" in joy.text(pending)
        assert gatehouse.wiring.ledger.head() == head

    def test_after_the_session_has_ended_signs_nothing(self, gatehouse, joy, address):
        pending = joy.prepare(address, SIGN)
        answer = {"answer": json.dumps(joy.passkey.get(joy.options(pending)))}
        head = gatehouse.wiring.ledger.head()
        gatehouse.wiring.clock.advance(IDLE.total_seconds())
        assert joy.post(pending, answer).status_code == 401
        assert joy.get(pending).status_code == 401
        assert gatehouse.wiring.ledger.head() == head

    def test_by_somebody_else_who_is_signed_in_finds_no_statement(self, joy, sam, address):
        pending = joy.prepare(address, SIGN)
        assert sam.get(pending).status_code == 404
        assert sam.post(f"{pending}/challenge").status_code == 404
        assert sam.post(pending, {"answer": "{}"}).status_code == 404

    def test_with_a_passkey_revoked_meanwhile_is_on_record(self, gatehouse, joy, release, address):
        pending = joy.prepare(address, SIGN)
        options = joy.options(pending)
        gatehouse.list_people(spare={"revoked": REVOKED})
        joy.put(pending, gatehouse.spare.get(options))
        assert "revoked" in self.refused(gatehouse, release)

    def test_by_a_signer_whose_session_is_revoked_meanwhile_signs_nothing(
        self, gatehouse, joy, address
    ):
        pending = joy.prepare(address, SIGN)
        answer = {"answer": json.dumps(joy.passkey.get(joy.options(pending)))}
        head = gatehouse.wiring.ledger.head()
        gatehouse.list_people(revoked=REVOKED)
        assert joy.post(pending, answer).status_code == 401
        assert gatehouse.wiring.ledger.head() == head

    @pytest.mark.parametrize(
        "forged",
        [
            {"token": ""},
            {"headers": {"origin": "https://evil.example"}},
            {"headers": {"origin": "null"}},
            {"headers": {"sec-fetch-site": "cross-site"}},
        ],
    )
    def test_from_another_sites_page_signs_nothing(self, gatehouse, release, joy, address, forged):
        pending = joy.prepare(address, SIGN)
        answer = {"answer": json.dumps(joy.passkey.get(joy.options(pending)))}
        for path in ("", "/challenge"):
            assert joy.post(pending + path, answer, **forged).status_code == 403
        assert "a forged form: " in self.refused(gatehouse, release)
        # Nor was the statement used up by it.
        assert joy.post(pending, answer).status_code == 303

    def test_with_the_form_token_of_another_session_prepares_nothing(
        self, gatehouse, release, joy, sam, address
    ):
        for token in (sam.token, "", "\u00e9"):
            assert joy.post(address, SIGN, token=token).status_code == 403
        assert "a forged form: the form is not one" in self.refused(gatehouse, release)

    def test_does_not_use_up_a_statement_without_an_answer(self, joy, address):
        pending = joy.prepare(address, SIGN)
        assert "it takes a browser that runs scripts" in joy.post(pending, {"answer": ""}).text
        assert "On record" in joy.put(pending, joy.passkey.get(joy.options(pending)))

    def test_by_one_person_as_second_pair_of_eyes_is_on_record(self, gatehouse, release):
        gatehouse.list_people("safety", "operations")
        joy, address = gatehouse.person("joy"), f"/releases/{release.id}/sign"
        joy.sign(address, SIGN)
        page = joy.sign(address, {"role": "operations", "reason": REASON})
        assert "one person fills one role" in page
        assert "one person fills one role" in self.refused(gatehouse, release)

    @pytest.mark.parametrize(
        "address",
        ["/sign-in", "/releases/{0}/sign", "/releases/{0}/reject", "/releases/{0}/ask",
         "/systems/pas/stop", "/systems/pas/resume", "/systems/pas/hazard-log/approve"],
    )  # fmt: skip
    def test_by_a_link_changes_nothing(self, gatehouse, joy, release, address):
        head = gatehouse.wiring.ledger.head()
        form = "?role=safety&reason=x&text=x&emergency=yes"
        joy.text(address.format(release.id) + form)
        assert gatehouse.wiring.ledger.head() == head


def test_takes_nobody_at_their_word_while_the_list_of_signers_cannot_be_read(
    gatehouse, joy, address
):
    def fail() -> None:
        raise InfrastructureError("git does not answer")

    head = gatehouse.wiring.ledger.head()
    gatehouse.app.state.reader.estate = fail
    assert joy.post(address, SIGN).status_code == 401
    assert gatehouse.wiring.ledger.head() == head
