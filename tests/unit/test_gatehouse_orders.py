"""Approving documents in the gatehouse, and stopping a line."""

from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.digest import digest_bytes
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.suite import CaseResult, Verdict
from tests.fakes.wiring import HAZARDS, document, hazard, hazards
from tests.unit.gatehouse_signing import MARKUP, REASON, SIGN, last, statement_of

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


def waivers(**changes: object) -> bytes:
    return document({"schema": 1, "product": "pas", "waivers": [{**WAIVER, **changes}]})


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
