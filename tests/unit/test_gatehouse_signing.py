"""Signing in the gatehouse: people sign what they were shown."""

from __future__ import annotations

import json

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.errors import InfrastructureError
from clinops.gatehouse.watch import Audited
from flows.reconcile import reconcile
from tests.fakes.wiring import FIRST, GATE, HAZARDS, MANIFEST, gate, hazard, hazards, manifest
from tests.unit.gatehouse_signing import MARKUP, REASON, SIGN, last, statement_of


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
