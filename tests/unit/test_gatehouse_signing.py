"""Signing in the gatehouse: people sign what they were shown, and nobody else can."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest

from clinops.domain.digest import digest_bytes
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Entry, Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import signed_from
from clinops.domain.suite import CaseResult, Verdict
from clinops.errors import InfrastructureError
from clinops.gatehouse.sessions import IDLE, PATIENCE
from clinops.gatehouse.watch import Audited
from flows.questions import MAX_QUESTIONS
from flows.reconcile import reconcile
from tests.fakes.authenticator import Authenticator, Cheat
from tests.fakes.visitor import Gatehouse, Visitor
from tests.fakes.wiring import (
    FIRST,
    GATE,
    HAZARDS,
    MANIFEST,
    REVOKED,
    document,
    gate,
    hazard,
    hazards,
    manifest,
)

REASON = "Read the evidence."
SIGN = {"role": "safety", "reason": REASON}
TEST = "test_smoke.py::test_works"
WAIVER = {
    "id": "W-001",
    "version": "2.0",
    "finding": "test-failed",
    "occurrence": f"smoke: {TEST}",
    "reason": "<script>alert(3)</script>",
    "owner": "<img src=x>",
    "expires": dt.date(2025, 6, 20),
}
WAIVERS = "environments/pas/waivers.yaml"
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def waivers(**changes: object) -> bytes:
    return document({"schema": 1, "product": "pas", "waivers": [{**WAIVER, **changes}]})


@pytest.fixture
def gatehouse() -> Gatehouse:
    return Gatehouse()


@pytest.fixture
def release(gatehouse) -> ReleaseRecord:
    return gatehouse.wiring.qualify(gatehouse.wiring.offer())


@pytest.fixture
def joy(gatehouse, release) -> Visitor:
    return gatehouse.person("joy")


@pytest.fixture
def sam(gatehouse, release) -> Visitor:
    return gatehouse.person("sam")


@pytest.fixture
def address(release) -> str:
    return f"/releases/{release.id}/sign"


def last(gatehouse: Gatehouse, subject: str) -> Entry:
    *_, entry = gatehouse.wiring.ledger.entries(subject)
    return entry


def statement_of(entry: Entry) -> object:
    return signed_from(base64.b64decode(entry.body["envelope"]["payload"]))


class TestSigningOff:
    def test_says_in_words_what_will_be_signed_before_anything_is(self, gatehouse, joy, address):
        before = gatehouse.wiring.ledger.head()
        page = joy.text(joy.prepare(address, SIGN))
        for words in ("This is what you sign", "I, Joy (joy), sign as safety", REASON,
                      "pas 2.0", "is approved for its sites"):  # fmt: skip
            assert words in page
        assert gatehouse.wiring.ledger.head() == before

    def test_records_the_very_statement_that_was_shown(self, gatehouse, joy, release, address):
        pending = joy.prepare(address, SIGN)
        shown = joy.text(pending)
        assert "On record" in joy.put(pending, joy.passkey.get(joy.options(pending)))
        entry = last(gatehouse, release.id)
        assert entry.kind is Kind.SIGNED
        signed = statement_of(entry)
        assert (signed.signer, signed.role, signed.reason) == ("joy", "safety", REASON)
        assert signed.evidence in shown
        assert signed.time in shown

    def test_says_what_is_still_missing(self, joy, address):
        assert "Still missing: 1 more sign-off by role operations." in joy.sign(address, SIGN)

    def test_opens_the_gate_with_the_second_person_and_schedules_the_deployment(
        self, gatehouse, joy, sam, release, address
    ):
        joy.sign(address, SIGN)
        page = sam.sign(address, {"role": "operations", "reason": "A window is agreed."})
        assert "The gate is open." in page
        (run,) = [
            one for one in gatehouse.wiring.orchestrator.runs.values() if one["flow"] == "promote"
        ]
        assert run["release_id"] == release.id

    def test_says_that_the_flow_server_is_down_and_that_nothing_is_lost(
        self, gatehouse, joy, sam, release, address
    ):
        joy.sign(address, SIGN)
        gatehouse.wiring.orchestrator.down = True
        page = sam.sign(address, {"role": "operations", "reason": "A window is agreed."})
        assert "On record" in page
        assert "the flow server does not answer" in page
        assert "Nothing is lost" in page
        assert last(gatehouse, release.id).kind is Kind.SIGNED

    def test_counts_though_what_comes_next_cannot_be_told(self, gatehouse, joy, release, address):
        def fail(digest: str) -> bool:
            raise InfrastructureError(f"the engine does not answer about {digest}")

        gatehouse.wiring.images.present = fail
        page = joy.sign(address, SIGN)
        assert "On record" in page
        assert "the engine does not answer" in page
        assert last(gatehouse, release.id).kind is Kind.SIGNED

    def test_does_not_pretend_to_know_what_became_of_it_when_the_ledger_fails(
        self, gatehouse, joy, address
    ):
        def fail(*_: object) -> None:
            raise InfrastructureError("the database does not answer")

        pending = joy.prepare(address, SIGN)
        answer = json.dumps(joy.passkey.get(joy.options(pending)))
        gatehouse.wiring.ledger.append = fail
        assert joy.post(pending, {"answer": answer}).status_code == 503
        page = joy.text(pending)
        assert "It is not known whether your signature was recorded" in page
        assert "Sign with my passkey" not in page

    def test_takes_the_line_ends_of_browsers(self, gatehouse, joy, release, address):
        joy.sign(address, {"role": "safety", "reason": "First.\r\nSecond."})
        assert statement_of(last(gatehouse, release.id)).reason == "First.\nSecond."

    def test_shows_the_command_for_those_with_an_ssh_key(self, gatehouse, joy, release, address):
        page = gatehouse.visitor("sam").text(address)
        assert f"clinops sign {release.id} --role operations --reason REASON" in page
        assert "Sign in to sign here" in page
        page = joy.text(joy.prepare(address, {"role": "safety", "reason": "It's fine."}))
        assert f"clinops sign {release.id} --role safety --reason" in page

    @pytest.mark.parametrize(
        ("form", "why"),
        [
            ({"role": "safety", "reason": ""}, "reason"),
            ({"role": "safety", "reason": "  "}, "The text is empty|the text is empty"),
            ({"role": "safety", "reason": "x" * 2001}, "at most 2000"),
            ({"role": "safety", "reason": "\u202ereversed"}, "invisible"),
            ({"role": "operations", "reason": REASON}, "does not hold the role operations"),
            ({"reason": REASON}, "does not hold the role"),
            ({**SIGN, "site": FIRST + "x"}, "does not go to the site"),
            ({**SIGN, "accept PAS-001": "Because."}, "nothing to accept in the hazard PAS-001"),
        ],
    )
    def test_tells_what_is_wrong_with_a_form(self, gatehouse, joy, address, form, why):
        before = gatehouse.wiring.ledger.head()
        joy.get(address)
        answer = joy.post(address, form)
        assert answer.status_code == 400
        assert any(one in answer.text for one in why.split("|"))
        assert gatehouse.wiring.ledger.head() == before

    def test_keeps_what_was_filled_in_when_something_else_is_wrong(self, joy, address):
        joy.get(address)
        assert (
            ">A long thought.</textarea>" in joy.post(address, {"reason": "A long thought."}).text
        )

    def test_offers_no_form_to_who_holds_no_role_of_the_gate(self, gatehouse, release, address):
        gatehouse.wiring.commit({GATE: gate(requires=[{"role": "safety"}])})
        page = gatehouse.person("sam").text(address)
        assert "You hold none of the roles that this gate asks for" in page
        assert "<textarea" not in page

    def test_prepares_nothing_while_the_ledger_does_not_hold(self, gatehouse, joy, address):
        now = gatehouse.wiring.clock()
        gatehouse.app.state.watch.last = Audited(now, ("entry 3 was altered",))
        joy.get(address)
        answer = joy.post(address, SIGN)
        assert answer.status_code == 400
        assert "he ledger does not hold" in answer.text


class TestRejecting:
    def test_closes_the_gate_for_good(self, gatehouse, joy, release):
        page = joy.sign(f"/releases/{release.id}/reject", {**SIGN, "reason": "Laterality is lost."})
        assert "That is final for this release" in page
        assert gatehouse.wiring.release(release.id).state is State.REJECTED
        assert "Laterality is lost." in joy.text(f"/releases/{release.id}")

    def test_can_be_no_emergency(self, gatehouse, joy, release):
        joy.sign(f"/releases/{release.id}/reject", SIGN)
        answer = joy.post(f"/releases/{release.id}/sign", SIGN)
        assert "is rejected" in answer.text


class TestHazardsAndEmergencies:
    @pytest.fixture
    def uncovered(self, gatehouse) -> ReleaseRecord:
        wiring = gatehouse.wiring
        wiring.commit({HAZARDS: hazards(hazard("PAS-001"), hazard("PAS-099", name=MARKUP[:60]))})
        wiring.approve()
        return wiring.qualify(wiring.offer())

    def test_names_each_hazard_without_evidence_to_who_may_accept_it(self, gatehouse, uncovered):
        page = gatehouse.person("joy").text(f"/releases/{uncovered.id}/sign")
        assert "I accept PAS-099" in page
        assert "<script>alert" not in page
        page = gatehouse.person("sam").text(f"/releases/{uncovered.id}/sign")
        assert "I accept" not in page

    def test_records_what_was_accepted_and_why(self, gatehouse, uncovered):
        joy = gatehouse.person("joy")
        form = {**SIGN, "accept PAS-099": "Read-only until June.", "accept PAS-001": " "}
        joy.sign(f"/releases/{uncovered.id}/sign", form)
        signed = statement_of(last(gatehouse, uncovered.id))
        assert signed.accepts == {"PAS-099": "Read-only until June."}

    def test_lets_nobody_accept_in_another_role(self, gatehouse, uncovered):
        sam = gatehouse.person("sam")
        address = f"/releases/{uncovered.id}/sign"
        sam.get(address)
        form = {"role": "operations", "reason": REASON, "accept PAS-099": "Never mind."}
        answer = sam.post(address, form)
        assert answer.status_code == 400
        assert "azards are accepted by who signs as safety" in answer.text

    def test_says_what_an_emergency_means_and_signs_for_it(self, gatehouse):
        emergency = {
            "requires": [{"role": "safety"}],
            "owed_within_hours": 72,
            "passes": ["freeze"],
        }
        gatehouse.wiring.commit({GATE: gate(emergency=emergency)})
        release = gatehouse.wiring.qualify(gatehouse.wiring.offer())
        joy, address = gatehouse.person("joy"), f"/releases/{release.id}/sign"
        page = joy.text(address)
        assert "in spite of a freeze" in page
        assert "owed within 72 hours" in page
        page = joy.sign(address, {**SIGN, "emergency": "yes"})
        assert "as an emergency" in page
        assert "The gate is open." in page

    def test_speaks_of_no_emergency_where_the_gate_knows_none(self, joy, address):
        assert "An emergency" not in joy.text(address)

    def test_asks_for_the_site_where_the_gate_wants_several(self, gatehouse):
        requires = [{"role": "safety", "sites": 2}, {"role": "operations"}]
        gatehouse.wiring.commit({GATE: gate(requires=requires)})
        release = gatehouse.wiring.qualify(gatehouse.wiring.offer())
        assert 'name="site"' in gatehouse.person("joy").text(f"/releases/{release.id}/sign")
        assert 'name="site"' not in gatehouse.person("sam").text(f"/releases/{release.id}/sign")


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


class TestOwedSignOffs:
    @pytest.fixture
    def live(self, gatehouse) -> ReleaseRecord:
        """A release that went live as an emergency, so that the operator's sign-off is owed."""
        wiring = gatehouse.wiring
        emergency = {"requires": [{"role": "safety"}], "owed_within_hours": 72}
        wiring.commit({GATE: gate(emergency=emergency)})
        release = wiring.qualify(wiring.offer())
        gatehouse.person("joy").sign(f"/releases/{release.id}/sign", {**SIGN, "emergency": "yes"})
        assert wiring.promote(wiring.release(release.id)) is State.LIVE
        return wiring.release(release.id)

    def test_wait_for_who_can_give_them_until_they_are_given(self, gatehouse, live):
        sam = gatehouse.person("sam")
        assert "Owed: sign pas 2.0" in sam.text("/")
        assert "Owed: sign" not in gatehouse.person("joy").text("/")
        page = sam.sign(f"/releases/{live.id}/sign", {"role": "operations", "reason": REASON})
        assert "Nothing is owed for this release any more." in page
        assert "Owed: sign" not in sam.text("/")

    def test_are_told_apart_when_they_are_overdue(self, gatehouse, live):
        gatehouse.wiring.clock.advance(4 * 86400)
        assert "<strong>overdue</strong>" in gatehouse.person("sam").text("/")


def test_a_release_that_was_tested_again_while_it_was_read_is_read_again(gatehouse, joy, release):
    form = f"/releases/{release.id}/sign"
    joy.get(form)
    wiring = gatehouse.wiring
    wiring.offer("3.0")
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    reconcile(wiring)
    wiring.clock.advance(60)
    assert wiring.qualify(release).evidence != release.evidence
    answer = joy.post(form, SIGN)
    assert answer.status_code == 400
    assert "It was tested again while you read it" in answer.text
    joy.get(form)
    assert joy.post(form, SIGN).status_code == 303


class TestWaivers:
    @pytest.fixture
    def waived(self, gatehouse) -> ReleaseRecord:
        """A release whose evidence rests on a waiver."""
        wiring = gatehouse.wiring
        passed = CaseResult(name=TEST, verdict=Verdict.PASSED, milliseconds=1)
        failed = CaseResult(name=TEST, verdict=Verdict.FAILED, milliseconds=1, message=MARKUP)
        wiring.suites.cases["smoke", "1.0"] = (passed,)
        wiring.suites.cases["smoke", "2.0"] = (failed,)
        wiring.commit({WAIVERS: waivers()})
        release = wiring.qualify(wiring.offer())
        assert release.state is State.AWAITING_SIGN_OFF
        return release

    def test_are_approved_one_by_one_by_who_may(self, gatehouse, waived):
        joy, address = gatehouse.person("joy"), "/systems/pas/waivers/W-001/approve"
        assert "Approve the waiver W-001 of pas" in joy.text("/")
        assert "Approve the waiver" not in gatehouse.person("sam").text("/")
        shown = joy.text(address)
        assert "<script>alert" not in shown
        assert "<img" not in shown
        pending = joy.prepare(address, SIGN)
        assert "clinops approve pas waiver W-001 --role safety" in joy.text(pending)
        assert "On record" in joy.put(pending, joy.passkey.get(joy.options(pending)))
        assert statement_of(last(gatehouse, "pas")).item == "W-001"
        assert "Approve the waiver" not in joy.text("/")


class TestDocumentsAndLine:
    @pytest.mark.parametrize("address", ["/systems/pas/stop", "/systems/pas/hazard-log/approve"])
    def test_tell_what_is_wrong_with_a_form(self, joy, address):
        joy.get(address)
        answer = joy.post(address, {"role": "safety", "reason": ""})
        assert answer.status_code == 400
        assert "reason" in answer.text

    def test_knows_no_hazard_log_where_there_is_none(self, gatehouse, joy):
        gatehouse.wiring.commit({HAZARDS: None})
        assert joy.get("/systems/pas/hazard-log/approve").status_code == 404

    def test_approves_the_hazard_log_as_it_is_now(self, gatehouse):
        gatehouse.wiring.commit({HAZARDS: hazards(hazard("PAS-002"))})
        joy = gatehouse.person("joy")
        address = "/systems/pas/hazard-log/approve"
        assert "Nobody has approved it yet" in joy.text(address)
        assert "On record" in joy.sign(address, {**SIGN, "reason": "Scores reviewed."})
        assert last(gatehouse, "pas").kind is Kind.DOCUMENT_APPROVED
        assert "by Joy, safety" in joy.text(address)

    @pytest.mark.parametrize(
        ("address", "path", "versions"),
        [
            ("hazard-log", HAZARDS, [hazards(hazard(name=name)) for name in ("One", "Other")]),
            ("waivers/W-001", WAIVERS, [waivers(reason=reason) for reason in ("One", "Other")]),
        ],
    )
    def test_approves_nothing_that_was_changed_while_it_was_read(
        self, gatehouse, address, path, versions
    ):
        before, after = versions
        gatehouse.wiring.commit({path: before})
        joy, form = gatehouse.person("joy"), f"/systems/pas/{address}/approve"
        joy.get(form)
        gatehouse.wiring.commit({path: after})
        answer = joy.post(form, SIGN)
        assert answer.status_code == 400
        assert "It was changed while you read it" in answer.text
        assert "Other" in answer.text
        joy.get(form)
        assert joy.post(form, SIGN).status_code == 303
        assert joy.post(form, {**SIGN, "read": ""}).status_code == 400

    def test_refuses_an_approval_in_another_role(self, gatehouse, sam):
        address = "/systems/pas/hazard-log/approve"
        assert "You hold no role that may do this" in sam.text(address)
        read = digest_bytes(gatehouse.wiring.git.head().read(HAZARDS))
        page = sam.sign(address, {"role": "operations", "reason": REASON, "read": read})
        assert "this takes the role safety" in page
        assert last(gatehouse, "pas").kind is Kind.STATEMENT_REFUSED
        assert "An approval of environments/pas/hazards.yaml by sam as operations was refused" in (
            sam.text("/systems/pas/history")
        )

    def test_stops_the_line_and_lets_it_go_on(self, gatehouse, joy, sam):
        sam.sign("/systems/pas/stop", {"role": "operations", "reason": "Wrong images shown."})
        assert last(gatehouse, "pas").kind is Kind.LINE_STOPPED
        assert "Wrong images shown." in sam.text("/systems/pas")
        assert "You hold no role that may do this" in sam.text("/systems/pas/resume")
        page = joy.sign("/systems/pas/resume", {**SIGN, "reason": "Cause found."})
        assert "go live by themselves" in page
        assert last(gatehouse, "pas").kind is Kind.LINE_RESUMED

    def test_lets_nothing_go_on_that_is_not_stopped(self, gatehouse, joy):
        assert "he line is not stopped" in joy.sign("/systems/pas/resume", SIGN)
        assert last(gatehouse, "pas").kind is not Kind.LINE_RESUMED

    @pytest.mark.parametrize(
        "address",
        ["/systems/nothing/stop", "/systems/nothing/hazard-log/approve",
         "/systems/pas/waivers/W-001/approve", "/releases/nothing/sign", "/signing/nothing"],
    )  # fmt: skip
    def test_finds_nothing_where_there_is_nothing(self, joy, address):
        assert joy.get(address).status_code == 404
        assert joy.post(address, SIGN).status_code in {403, 404}


class TestQuestions:
    def test_are_asked_and_answered_by_who_is_signed_in(self, gatehouse, joy, sam, release):
        address = f"/releases/{release.id}"
        joy.get(f"{address}/ask")
        assert joy.post(f"{address}/ask", {"text": "Was the worklist tested?"}).status_code == 303
        assert "Was the worklist tested?" in sam.text(address)
        assert "Answer Joy about pas 2.0" in sam.text("/")
        sam.get(f"{address}/ask")
        answered = sam.post(f"{address}/answer", {"question": "Q1", "text": "Yes."})
        assert answered.status_code == 303
        assert "Sam answered a question" in joy.text(f"{address}/ask")
        assert last(gatehouse, release.id).kind is Kind.QUESTION_ANSWERED

    @pytest.mark.parametrize(
        ("path", "form"),
        [
            ("ask", {"text": ""}),
            ("ask", {"text": "x" * 2001}),
            ("answer", {"question": "Q9", "text": "Yes."}),
            ("answer", {"text": "Yes."}),
        ],
    )
    def test_must_be_sensible(self, gatehouse, joy, release, path, form):
        head = gatehouse.wiring.ledger.head()
        joy.get(f"/releases/{release.id}/ask")
        assert joy.post(f"/releases/{release.id}/{path}", form).status_code == 400
        assert gatehouse.wiring.ledger.head() == head

    def test_of_strangers_are_not_taken(self, gatehouse, release):
        visitor = gatehouse.visitor("joy")
        assert "Sign in to ask or answer" in visitor.text(f"/releases/{release.id}/ask")
        assert visitor.post(f"/releases/{release.id}/ask", {"text": "Why?"}).status_code == 401

    def test_are_text_whatever_they_say(self, joy, sam, release):
        address = f"/releases/{release.id}"
        joy.get(f"{address}/ask")
        joy.post(f"{address}/ask", {"text": MARKUP})
        joy.post(f"{address}/answer", {"question": "Q1", "text": MARKUP})
        for page in (f"{address}/ask", address, "/", f"{address}/history"):
            shown = sam.text(page)
            assert "<script>alert" not in shown
            assert "<img" not in shown

    def test_do_not_fill_the_ledger(self, gatehouse, joy, release):
        wiring = gatehouse.wiring
        for number in range(MAX_QUESTIONS):
            body = {"id": f"Q{number + 1}", "signer": "joy", "name": "Joy", "role": "", "text": "?"}
            wiring.ledger.append(Kind.QUESTION_ASKED, release.id, body)
        joy.get(f"/releases/{release.id}/ask")
        answer = joy.post(f"/releases/{release.id}/ask", {"text": "One more?"})
        assert "talk to each other" in answer.text


class TestWhatWaits:
    def test_is_shown_to_who_can_do_it(self, joy, sam, release):
        assert "Sign pas 2.0" in joy.text("/")
        assert "as operations" in sam.text("/")

    def test_is_gone_once_it_is_done(self, joy, address):
        joy.sign(address, SIGN)
        assert "Nothing waits for you, Joy" in joy.text("/")

    def test_is_a_hazard_log_that_nobody_approved(self, gatehouse):
        gatehouse.wiring.commit({HAZARDS: hazards(hazard("PAS-002"))})
        gatehouse.wiring.qualify(gatehouse.wiring.offer())
        joy, sam = gatehouse.person("joy"), gatehouse.person("sam")
        assert "Approve the hazard log of pas" in joy.text("/")
        assert "Approve the hazard log of pas" not in sam.text("/")

    def test_is_nobodys_business_who_is_not_signed_in(self, gatehouse, release):
        assert "Waits for you" not in gatehouse.visitor("joy").text("/")


class TestText:
    def test_is_text_whatever_a_signer_writes_or_is_called(self, gatehouse, joy, release, address):
        pending = joy.prepare(address, {**SIGN, "reason": MARKUP})
        page = joy.put(pending, joy.passkey.get(joy.options(pending)))
        for shown in (page, joy.text(f"/releases/{release.id}"), joy.text("/")):
            assert "<script>alert" not in shown
            assert "<img" not in shown

    def test_is_text_in_what_was_wrong_with_a_form(self, joy, address):
        joy.get(address)
        shown = joy.post(address, {"role": MARKUP, "reason": MARKUP, "site": MARKUP}).text
        assert "<script>alert" not in shown
        assert "<img" not in shown


def test_takes_nobody_at_their_word_while_the_list_of_signers_cannot_be_read(
    gatehouse, joy, address
):
    def fail() -> None:
        raise InfrastructureError("git does not answer")

    head = gatehouse.wiring.ledger.head()
    gatehouse.app.state.reader.estate = fail
    assert joy.post(address, SIGN).status_code == 401
    assert gatehouse.wiring.ledger.head() == head
