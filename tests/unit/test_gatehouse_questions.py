"""Questions and answers in the gatehouse, and what waits for whom."""

from __future__ import annotations

import pytest

from clinops.domain.ledger import Kind
from flows.questions import MAX_QUESTIONS
from tests.fakes.wiring import HAZARDS, hazard, hazards
from tests.unit.gatehouse_signing import MARKUP, SIGN, last


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
