"""The gatehouse's pages, as a browser without scripts gets them."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from clinops.domain.ledger import Kind
from clinops.domain.signoff import LineAction, Meaning
from clinops.domain.suite import CaseResult, Verdict
from clinops.gatehouse.app import application
from tests.fakes.browser import Browser
from tests.fakes.wiring import GATE, HAZARDS, document, gate, hazard, hazards


@pytest.fixture
def client(wiring) -> Browser:
    """A browser on the gatehouse."""
    return Browser(application(wiring))


def test_says_that_nobody_has_to_act(client):
    assert "no release waits at a gate" in client.text("/")


def test_says_what_waits_for_whom(wiring, client):
    record = wiring.qualify(wiring.offer())
    page = client.text("/")
    assert f'href="/releases/{record.id}"' in page
    assert "1 more sign-off by role safety" in page
    assert "1 more sign-off by role operations" in page


def test_says_whose_sign_off_expires_next(wiring, client):
    record = wiring.qualify(wiring.offer())
    wiring.sign(record, "joy")
    page = client.text("/")
    assert "The first sign-off of pas 2.0" in page
    assert "24 June 2025" in page


def test_shows_a_signature_on_the_next_view(wiring, client):
    record = wiring.qualify(wiring.offer())
    assert "nobody has signed yet" in client.text(f"/releases/{record.id}")
    wiring.sign(record, "joy")
    page = client.text(f"/releases/{record.id}")
    assert "nobody has signed yet" not in page
    assert "<strong>Joy</strong> approved it as safety" in page


def test_puts_the_outcome_before_everything_else(wiring, client):
    record = wiring.qualify(wiring.offer())
    page = client.text(f"/releases/{record.id}")
    headings = ["answer", "changes", "findings", "hazards", "tests", "rehearsal", "rollback"]
    last = ["safety-case", "identity", "sign-offs"]
    places = [page.index(f'id="{one}"') for one in (*headings, *last)]
    assert places == sorted(places)


def test_leads_to_where_people_sign_reject_and_ask(wiring, client):
    record = wiring.qualify(wiring.offer())
    page = client.text(f"/releases/{record.id}")
    for deed in ("sign", "reject", "ask"):
        assert f'href="/releases/{record.id}/{deed}"' in page


def test_unfolds_what_failed(wiring, client):
    wiring.suites.failing = {("smoke", "2.0")}
    record = wiring.qualify(wiring.offer())
    page = client.text(f"/releases/{record.id}")
    assert "Refused by its tests" in page
    assert '<pre tabindex="0">assert 1 == 2</pre>' in page
    assert "/sign" not in page.split('id="sign-offs"')[1]


def test_leads_from_an_overtaken_release_to_the_newer_one(wiring, client):
    overtaken = wiring.qualify(wiring.offer("2.0"))
    newer = wiring.offer("2.1")
    answer = client.text(f"/releases/{overtaken.id}").split('id="answer"')[1].split("</section>")[0]
    assert "Overtaken" in answer
    assert f'<a href="/releases/{newer.id}">{newer.id}</a>' in answer
    assert "In its place" not in client.text(f"/releases/{newer.id}")


def test_leads_nowhere_where_nobody_said_what_took_its_place(wiring, client):
    record = wiring.qualify(wiring.offer())
    wiring.ledger.append(Kind.SUPERSEDED, record.id, {})
    page = client.text(f"/releases/{record.id}")
    assert "A newer release took its place" in page
    assert "In its place" not in page


def test_words_do_not_run_into_each_other_where_every_hazard_has_evidence(wiring, client):
    wiring.commit({HAZARDS: hazards(hazard("PAS-001"))})
    passed = CaseResult(name="test_a", verdict=Verdict.PASSED, milliseconds=1, hazards=("PAS-001",))
    for suite in ("smoke", "regression"):
        wiring.suites.cases[suite, "1.0"] = wiring.suites.cases[suite, "2.0"] = (passed,)
    page = client.text(f"/releases/{wiring.qualify(wiring.offer()).id}")
    shown = " ".join(re.sub("<[^>]*>", "", page).split())
    assert "Each has passing evidence. The classes follow" in shown


def test_shows_which_hazards_have_no_evidence(wiring, client):
    wiring.commit({HAZARDS: hazards(hazard("PAS-001"), hazard("PAS-002", name="Data is lost"))})
    passed = CaseResult(name="test_a", verdict=Verdict.PASSED, milliseconds=1, hazards=("PAS-001",))
    for suite in ("smoke", "regression"):
        wiring.suites.cases[suite, "1.0"] = wiring.suites.cases[suite, "2.0"] = (passed,)
    page = client.text(f"/releases/{wiring.qualify(wiring.offer()).id}")
    assert "1 hazard without passing evidence" in page
    assert page.index('id="PAS-002"') < page.index('id="PAS-001"')


def test_shows_a_rolled_back_release_with_its_cause(wiring, client):
    record = wiring.signed_off()
    wiring.fail_at_sites("2.0", "general-hospital")
    wiring.promote(record)
    page = client.text(f"/releases/{record.id}")
    assert "Rolled back" in page
    assert "<blockquote>" in page.split('id="answer"')[1].split("</section>")[0]


def test_says_what_an_emergency_owes_and_since_when_it_is_overdue(wiring, client):
    emergency = {"requires": [{"role": "safety"}], "owed_within_hours": 72}
    wiring.commit({GATE: gate(emergency=emergency)})
    record = wiring.qualify(wiring.offer())
    wiring.sign(record, "joy", change="emergency")
    wiring.promote(wiring.release(record.id))
    assert "Sign-offs owed" in client.text("/")
    assert "Due within" in client.text("/")
    wiring.clock.advance(4 * 86400)
    wiring.ledger.append(Kind.REMINDED, record.id, {"what": "owed", "whom": "all", "key": "k"})
    assert "Overdue by 1 day" in client.text("/")
    assert "It went live as an emergency" in client.text(f"/releases/{record.id}")


def test_says_who_stopped_a_line(wiring, client):
    assert "The line is open" in client.text("/systems/pas")
    wiring.order(LineAction.STOP)
    assert "The line is stopped" in client.text("/systems/pas")
    assert "Because." in client.text("/")
    assert "Stopped" in client.text("/systems")
    wiring.clock.advance(60)
    wiring.order(LineAction.RESUME)
    assert "The line is open" in client.text("/systems/pas")


def test_says_what_is_frozen_and_until_when(wiring, client):
    from_to = "from: 2025-06-09T00:00:00Z, until: 2025-06-20T00:00:00Z"
    freeze = f"schema: 1\nfreezes: [{{{from_to}, reason: Exams, products: [pas]}}]\n".encode()
    wiring.commit({"environments/calendar.yaml": freeze})
    page = client.text("/")
    assert "Frozen: pas at every site" in page
    assert "Exams" in page


def test_shows_waivers_and_when_they_expire(wiring, client):
    waiver = {
        "id": "W-001",
        "version": "2.0",
        "finding": "test-failed",
        "occurrence": "smoke: test_smoke.py::test_works",
        "reason": "The printer is not used here.",
        "owner": "Sam",
        "expires": dt.date(2025, 6, 20),
    }
    log = document({"schema": 1, "product": "pas", "waivers": [waiver]})
    wiring.commit({"environments/pas/waivers.yaml": log})
    assert "The waiver W-001 of pas 2.0" in client.text("/")
    assert "The printer is not used here." in client.text("/systems/pas")


def test_asks_for_no_signature_where_none_is_owed(wiring, client):
    record = wiring.signed_off()
    wiring.promote(record)
    page = client.text(f"/releases/{record.id}")
    assert "In use at cottage-hospital and general-hospital" in page
    assert f"/releases/{record.id}/sign" not in page
    assert f"/releases/{record.id}/ask" in page


def test_says_that_a_rejection_is_final(wiring, client):
    record = wiring.qualify(wiring.offer())
    wiring.sign(record, "joy", meaning=Meaning.REJECTED)
    (*_, entry) = wiring.ledger.entries(record.id)
    wiring.ledger.append(Kind.REJECTED, record.id, entry.body)
    assert "that is final for this release" in client.text(f"/releases/{record.id}")


def test_shows_what_is_live_where(wiring, client):
    page = client.text("/systems")
    assert "cottage-hospital" in page
    assert "general-hospital" in page


def test_tells_the_history_of_a_release_with_its_sites(wiring, client):
    record = wiring.signed_off()
    wiring.promote(record)
    page = client.text(f"/releases/{record.id}/history")
    assert "2.0 went live at cottage-hospital and passed its check" in page
    assert page.index("The release is live") < page.index("Testing began")


def test_pages_the_history_of_a_system(wiring, client):
    record = wiring.qualify(wiring.offer())
    for number in range(60):
        body = {"what": f"reminder {number}", "whom": "all", "key": str(number)}
        wiring.ledger.append(Kind.REMINDED, record.id, body)
    page = client.text("/systems/pas/history")
    assert "reminder 59" in page
    assert "reminder 9<" not in page
    older = page.split('rel="next" href="')[1].split('"')[0]
    assert "reminder 9<" in client.text(f"/systems/pas/history{older}")


def test_pages_and_filters_the_list_of_releases(wiring, client):
    wiring.qualify(wiring.offer())
    assert "pas 2.0" in client.text("/releases")
    assert "pas 2.0" in client.text("/releases?state=awaiting-sign-off")
    assert "pas 2.0" not in client.text("/releases?state=live")


def test_listens_for_news_only_while_a_release_moves(wiring, client):
    record = wiring.offer()
    assert f'data-live="/releases/{record.id}/live"' in client.text(f"/releases/{record.id}")
    wiring.qualify(record)
    assert "data-live" not in client.text(f"/releases/{record.id}")


def test_says_when_the_ledger_was_verified_and_that_it_does_not_hold(wiring, client):
    assert "is being verified" in client.text("/")
    client.app.state.watch.audit()
    assert "it holds" in client.text("/")
    wiring.edit_ledger()
    client.app.state.watch.audit()
    assert "The ledger does not hold" in client.text("/")


def test_answers_whoever_asks_whether_it_is_there(client):
    assert client.get("/healthz").text == "ok\n"


def test_there_is_no_page_behind_the_last_of_any_list(wiring, client):
    history = f"/releases/{wiring.qualify(wiring.offer()).id}/history"
    for address in ("/", "/releases", "/systems", history):
        assert client.get(f"{address}?page=1").status_code == 200
        assert client.get(f"{address}?page=2").status_code == 404
