"""Sessions: who gets one, how it ends, and what a form must bring along."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from clinops.errors import NotFoundError, RefusedError
from clinops.gatehouse import forms
from clinops.gatehouse.challenges import MOST_ATTEMPTS, WITHIN, Challenges
from clinops.gatehouse.people import SESSION, VISIT
from clinops.gatehouse.sessions import (
    IDLE,
    LONGEST,
    MOST_PENDING,
    MOST_SESSIONS,
    PATIENCE,
    Session,
    Sessions,
)
from tests.fakes.authenticator import Authenticator, Cheat
from tests.fakes.ledger import FakeClock
from tests.fakes.visitor import ORIGIN, Visitor
from tests.fakes.wiring import REVOKED

SIGNED_IN = "Signed in as <strong>Joy</strong>"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(clock) -> Sessions:
    return Sessions(clock)


@pytest.fixture
def joy(gatehouse) -> Visitor:
    return gatehouse.person("joy")


def seconds(span: dt.timedelta) -> float:
    return span.total_seconds()


class TestSession:
    def test_is_found_by_its_token_and_by_nothing_else(self, sessions):
        token = sessions.begin("joy", "key")
        found = sessions.find(token, used=True)
        assert found is not None
        assert found.signer == "joy"
        assert sessions.find(token[:-1] + "?", used=True) is None

    def test_keeps_no_token(self, sessions):
        token = sessions.begin("joy", "key")
        assert token not in repr(sessions._kept)

    def test_ends_when_it_is_idle(self, sessions, clock):
        token = sessions.begin("joy", "key")
        clock.advance(seconds(IDLE) - 1)
        assert sessions.find(token, used=True)
        clock.advance(seconds(IDLE) - 1)
        assert sessions.find(token, used=False)
        clock.advance(1)
        assert sessions.find(token, used=True) is None

    def test_ends_after_its_longest_time_however_busy_it_is(self, sessions, clock):
        token = sessions.begin("joy", "key")
        for _ in range(int(LONGEST / IDLE) * 2 - 1):
            clock.advance(seconds(IDLE) / 2)
            assert sessions.find(token, used=True)
        clock.advance(seconds(IDLE) / 2)
        assert sessions.find(token, used=True) is None

    def test_ends_when_it_is_ended(self, sessions):
        token = sessions.begin("joy", "key")
        sessions.end(token)
        assert sessions.find(token, used=True) is None

    def test_makes_room_at_the_expense_of_who_was_away_longest(self, sessions, clock):
        first = sessions.begin("joy", "key")
        clock.advance(1)
        others = [sessions.begin("sam", "key") for _ in range(MOST_SESSIONS)]
        assert sessions.find(first, used=True) is None
        assert sessions.find(others[0], used=True)


class TestPendingStatement:
    @pytest.fixture
    def session(self, clock) -> Session:
        return Session("joy", "key", clock(), clock(), clock)

    def test_is_taken_once(self, session):
        pending = session.put(b"statement", "/")
        assert session.take(pending.id).statement == b"statement"
        with pytest.raises(RefusedError, match="already"):
            session.take(pending.id)

    def test_waits_for_some_minutes_only(self, session, clock):
        pending = session.put(b"statement", "/")
        clock.advance(seconds(PATIENCE))
        with pytest.raises(RefusedError, match="too long"):
            session.take(pending.id)

    def test_is_nobody_elses(self, session, clock):
        pending = session.put(b"statement", "/")
        other = Session("sam", "key", clock(), clock(), clock)
        with pytest.raises(NotFoundError):
            other.take(pending.id)

    def test_is_forgotten_where_there_are_too_many(self, session):
        first = session.put(b"statement", "/")
        for _ in range(MOST_PENDING):
            session.put(b"another", "/")
        with pytest.raises(NotFoundError):
            session.look(first.id)


class TestChallenge:
    def test_is_for_one_use_one_browser_and_one_purpose(self, clock):
        challenges = Challenges(clock)
        made = challenges.issue("sign-in", "mine")
        for purpose, visit in (("sign-in", "yours"), ("enrol", "mine")):
            with pytest.raises(RefusedError, match="not asked for"):
                challenges.take(purpose, visit)
        assert challenges.take("sign-in", "mine") == made
        with pytest.raises(RefusedError, match="not asked for"):
            challenges.take("sign-in", "mine")

    def test_is_worth_nothing_after_two_minutes(self, clock):
        challenges = Challenges(clock)
        challenges.issue("sign-in", "mine")
        clock.advance(120)
        with pytest.raises(RefusedError, match="too long ago"):
            challenges.take("sign-in", "mine")

    def test_gives_way_to_a_later_one(self, clock):
        challenges = Challenges(clock)
        first, second = (challenges.issue("sign-in", "mine") for _ in range(2))
        assert first != challenges.take("sign-in", "mine") == second


class TestSigningIn:
    def test_is_shown_on_every_page(self, joy):
        assert SIGNED_IN in joy.text("/")
        assert SIGNED_IN in joy.text("/releases")

    def test_leads_back_to_the_page_that_asked_for_it(self, gatehouse):
        answer = gatehouse.visitor("joy").sign_in(back="/systems/pas")
        assert answer.headers["location"] == "/systems/pas"

    @pytest.mark.parametrize(
        "back", ["https://evil.example", "//evil.example", "/\\evil.example", "/ x", "javascript:a"]
    )
    def test_leads_to_no_other_site(self, gatehouse, back):
        assert gatehouse.visitor("joy").sign_in(back=back).headers["location"] == "/"

    def test_gives_a_cookie_to_this_origin_only_and_to_no_script(self, gatehouse):
        answer = gatehouse.visitor("joy").sign_in()
        cookie = next(one for one in answer.headers.get_list("set-cookie") if SESSION in one)
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
            "httponly", "path=/", "samesite=strict", "secure",
        }  # fmt: skip

    def test_takes_no_token_from_outside(self, gatehouse):
        visitor = gatehouse.visitor("joy")
        planted = "A" * 43
        visitor.cookies.set(SESSION, planted, domain="localhost.local", path="/")
        visitor.cookies.set(VISIT, planted, domain="localhost.local", path="/")
        visitor.sign_in()
        assert planted not in visitor.cookies.values()
        other = gatehouse.visitor("joy")
        other.cookies.set(SESSION, planted, domain="localhost.local", path="/")
        assert "Sign in" in other.text("/")

    def test_ends_the_session_that_was_there_before(self, gatehouse, joy):
        earlier = joy.cookies[SESSION]
        joy.sign_in()
        assert joy.cookies[SESSION] != earlier
        assert gatehouse.app.state.sessions.find(earlier, used=False) is None

    @pytest.mark.parametrize(
        ("cheat", "why"),
        [
            (Cheat(verified=False), "did not check who used it"),
            (Cheat(present=False), "obody touched"),
            (Cheat(challenge=b"x" * 32), "another challenge"),
            (Cheat(origin="http://localhost:9999"), "another address"),
            (Cheat(origin="https://evil.example"), "not used at localhost"),
            (Cheat(rp="evil.example"), "another site"),
            (Cheat(signature=lambda sig: sig[:-1] + bytes([sig[-1] ^ 1])), "does not match"),
        ],
    )
    def test_takes_the_passkeys_own_answer(self, gatehouse, cheat, why):
        answer = gatehouse.visitor("joy").sign_in(cheat)
        assert answer.status_code == 403
        assert why in answer.text
        assert SESSION not in answer.headers.get("set-cookie", "")

    def test_takes_no_answer_twice(self, gatehouse):
        visitor = gatehouse.visitor("joy")
        visitor.get("/sign-in")
        options = visitor.post("/sign-in/challenge").json()
        form = {"answer": json.dumps(visitor.passkey.get(options))}
        assert visitor.post("/sign-in", form).status_code == 303
        visitor.get("/sign-in")
        again = visitor.post("/sign-in", form)
        assert again.status_code == 403
        assert "not asked for here" in again.text

    def test_takes_no_answer_that_another_browser_was_asked_for(self, gatehouse):
        victim, thief = gatehouse.visitor("joy"), gatehouse.visitor("joy")
        victim.get("/sign-in")
        options = victim.post("/sign-in/challenge").json()
        thief.get("/sign-in")
        thief.post("/sign-in/challenge")
        answer = thief.post("/sign-in", {"answer": json.dumps(victim.passkey.get(options))})
        assert answer.status_code == 403

    def test_refuses_a_passkey_that_nobody_has_on_file(self, gatehouse):
        answer = Visitor(gatehouse.app, Authenticator()).sign_in()
        assert answer.status_code == 403
        assert "obody on file has this passkey" in answer.text

    def test_refuses_a_passkey_that_is_revoked(self, gatehouse):
        gatehouse.list_people(revoked=REVOKED)
        assert "REVOKED" in gatehouse.visitor("joy").sign_in().text

    @pytest.mark.parametrize("answer", ["", "[]", "{", "null", "{}", "[" * 15_000, '{"id": "x"}'])
    def test_refuses_what_is_no_answer(self, gatehouse, answer):
        visitor = gatehouse.visitor("joy")
        visitor.get("/sign-in")
        visitor.post("/sign-in/challenge")
        assert visitor.post("/sign-in", {"answer": answer}).status_code == 403

    def test_may_be_tried_some_times_only(self, gatehouse):
        visitor = gatehouse.visitor("joy")
        visitor.get("/sign-in")
        tried = [visitor.post("/sign-in/challenge").status_code for _ in range(MOST_ATTEMPTS + 1)]
        assert tried == [200] * MOST_ATTEMPTS + [429]
        gatehouse.wiring.clock.advance(seconds(WITHIN))
        assert visitor.post("/sign-in/challenge").status_code == 200

    def test_changes_nothing_by_looking_at_the_page(self, gatehouse):
        gatehouse.visitor("joy").get("/sign-in")
        assert not gatehouse.app.state.sessions._kept
        assert not gatehouse.app.state.challenges._kept


class TestBeingSignedIn:
    def test_ends_by_signing_out(self, gatehouse, joy):
        token = joy.cookies[SESSION]
        assert joy.post("/sign-out").status_code == 303
        assert SIGNED_IN not in joy.text("/")
        assert gatehouse.app.state.sessions.find(token, used=False) is None

    def test_does_not_end_by_a_link(self, joy):
        assert joy.get("/sign-out").status_code == 405
        assert SIGNED_IN in joy.text("/")

    def test_ends_with_the_passkey_that_it_began_with(self, gatehouse, joy):
        gatehouse.list_people(revoked=REVOKED)
        assert SIGNED_IN not in joy.text("/")
        gatehouse.list_people()
        assert SIGNED_IN not in joy.text("/")

    def test_ends_when_that_passkey_has_expired(self, gatehouse, joy):
        gatehouse.list_people(valid_until=REVOKED)
        assert SIGNED_IN not in joy.text("/")

    def test_ends_when_idle_but_not_by_a_page_that_keeps_itself_up_to_date(self, gatehouse, joy):
        gatehouse.wiring.clock.advance(seconds(IDLE) - 1)
        assert SIGNED_IN in joy.get("/", {"sec-fetch-mode": "cors"}).text
        gatehouse.wiring.clock.advance(1)
        assert SIGNED_IN not in joy.text("/")


class TestForm:
    @pytest.mark.parametrize(
        ("headers", "why"),
        [
            ({"origin": "https://evil.example"}, "not sent from a page of"),
            ({"origin": "null"}, "not sent from a page of"),
            ({"origin": ""}, "not sent from a page of"),
            ({"origin": "http://localhost:4202"}, "not sent from a page of"),
            ({"sec-fetch-site": "cross-site"}, "not sent from a page of"),
            ({"sec-fetch-site": "same-site"}, "not sent from a page of"),
            ({"origin": ORIGIN, "sec-fetch-site": "none"}, "not sent from a page of"),
        ],
    )
    def test_comes_from_the_gatehouses_own_pages(self, joy, headers, why):
        answer = joy.post("/sign-out", headers=headers)
        assert answer.status_code == 403
        assert why in answer.text
        assert SIGNED_IN in joy.text("/")

    def test_brings_a_token_along(self, joy):
        assert joy.post("/sign-out", token="").status_code == 403
        assert SIGNED_IN in joy.text("/")

    def test_brings_the_token_of_its_own_session(self, gatehouse, joy):
        sam = gatehouse.person("sam")
        assert joy.post("/sign-out", token=sam.token).status_code == 403
        assert SIGNED_IN in joy.text("/")

    def test_brings_no_token_of_the_visit_before(self, joy):
        session = joy.token
        joy.get("/sign-in")
        assert joy.token != session
        assert joy.post("/sign-out").status_code == 403

    def test_names_no_field_twice(self, joy):
        body = f"form_token=x&form_token={joy.token}".encode()
        headers = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
        answer = joy.request("POST", "/sign-out", content=body, headers=headers)
        assert answer.status_code == 403

    def test_is_not_too_long(self, joy):
        answer = joy.post("/sign-out", {"text": "x" * forms.MOST_BYTES})
        assert answer.status_code == 413

    @pytest.mark.parametrize(
        ("kind", "body", "status"),
        [
            ("application/json", b"{}", 415),
            ("text/plain", b"form_token=x", 415),
            ("application/x-www-form-urlencoded", b"\xff\xfe", 400),
            ("application/x-www-form-urlencoded", b"a=1&" * 300, 400),
        ],
    )
    def test_is_a_form(self, joy, kind, body, status):
        headers = {"origin": ORIGIN, "content-type": kind}
        answer = joy.request("POST", "/sign-out", content=body, headers=headers)
        assert answer.status_code == status

    def test_of_somebody_who_is_not_signed_in_does_nothing(self, gatehouse):
        visitor = gatehouse.visitor("joy")
        visitor.get("/sign-in")
        answer = visitor.post("/sign-out")
        assert answer.status_code == 401
        assert "nothing was done" in answer.text
