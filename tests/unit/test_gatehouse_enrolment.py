"""Enrolment in the gatehouse: a link that works once, for whoever was given it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from clinops.domain.ledger import Kind
from clinops.domain.signer import Registration, key_code
from flows import enrolment
from tests.fakes.authenticator import HONEST, Authenticator, Cheat
from tests.fakes.visitor import Gatehouse, Visitor
from tests.fakes.wiring import SIGNERS

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
GMC = Registration(body="GMC", number="0000001")


@pytest.fixture
def ada(gatehouse) -> Visitor:
    """Somebody who is new, with an authenticator of her own."""
    return Visitor(gatehouse.app, Authenticator())


def invite(gatehouse: Gatehouse, who: str = "ada", **changes: Any) -> str:
    person: dict[str, Any] = {"name": "Dr Ada", "roles": ["safety"], "registration": GMC}
    token = enrolment.invite(who, gatehouse.wiring, **{**person, "invited_by": "root", **changes})
    return f"/enrol/{token}"


def enrol(visitor: Visitor, link: str, cheat: Cheat = HONEST) -> httpx.Response:
    """Make a passkey, as the page does."""
    visitor.get(link)
    options = visitor.post(f"{link}/challenge").json()
    return visitor.post(link, {"answer": json.dumps(visitor.passkey.create(options, cheat))})


def answered(gatehouse: Gatehouse) -> bool:
    return Kind.SIGNER_ENROLLED in gatehouse.wiring.kinds("ada")


def test_says_who_is_invited_to_what(gatehouse, ada):
    page = ada.text(invite(gatehouse))
    for words in ("Dr Ada", "safety", "GMC 0000001", "works once", "root"):
        assert words in page


def test_shows_the_digits_that_the_person_reads_out(gatehouse, ada):
    page = enrol(ada, invite(gatehouse))
    assert page.status_code == 200
    assert key_code(ada.passkey.public) in page.text
    assert key_code(ada.passkey.public) == enrolment.proposal_of("ada", gatehouse.wiring).key.code


def test_lets_nobody_in(gatehouse, ada):
    before = gatehouse.wiring.repository.head().read(SIGNERS)
    enrol(ada, invite(gatehouse))
    assert gatehouse.wiring.repository.head().read(SIGNERS) == before
    assert ada.sign_in().status_code == 403


def test_asks_for_no_second_key_on_the_same_device(gatehouse):
    joy = gatehouse.visitor("joy")
    link = invite(gatehouse, "joy")
    joy.get(link)
    known = [one["id"] for one in joy.post(f"{link}/challenge").json()["excludeCredentials"]]
    assert joy.passkey.credential_id in known


def test_takes_a_link_once(gatehouse, ada):
    link = invite(gatehouse)
    enrol(ada, link)
    assert ada.get(link).status_code == 403
    assert "this link has been used" in ada.get(link).text
    thief = Visitor(gatehouse.app, Authenticator())
    thief.get("/sign-in")
    assert thief.post(f"{link}/challenge").status_code == 403
    assert thief.post(link, {"answer": "{}"}).status_code == 403


def test_takes_one_of_two_who_use_a_link_at_once(gatehouse, ada):
    link, thief = invite(gatehouse), Visitor(gatehouse.app, Authenticator())
    thief.get(link)
    options = thief.post(f"{link}/challenge").json()
    enrol(ada, link)
    answer = thief.post(link, {"answer": json.dumps(thief.passkey.create(options))})
    assert answer.status_code == 403
    assert enrolment.proposal_of("ada", gatehouse.wiring).key.public == ada.passkey.public


def test_takes_no_link_that_has_expired(gatehouse, ada):
    link = invite(gatehouse, hours=1)
    ada.get(link)
    options = ada.post(f"{link}/challenge").json()
    gatehouse.wiring.clock.advance(3600)
    answer = ada.post(link, {"answer": json.dumps(ada.passkey.create(options))})
    assert "this link was good until" in answer.text
    assert "this link was good until" in ada.get(link).text
    assert not answered(gatehouse)


def test_takes_no_link_that_a_later_one_has_replaced(gatehouse, ada):
    first, second = invite(gatehouse), invite(gatehouse)
    assert "a newer link has taken this one&#39;s place" in ada.get(first).text
    assert enrol(ada, second).status_code == 200


@pytest.mark.parametrize(
    "guess", ["ada", "ada.", "ada." + "A" * 43, "..%2f..%2fada", MARKUP, "A" * 3000, "%00", "ada.x"]
)
def test_takes_no_guess(gatehouse, ada, guess):
    invite(gatehouse)
    answer = ada.get(f"/enrol/{guess}")
    assert answer.status_code in {403, 404}
    assert "<script>alert" not in answer.text
    assert "Dr Ada" not in answer.text


@pytest.mark.parametrize(
    ("cheat", "why"),
    [
        (Cheat(verified=False), "did not check who used it"),
        (Cheat(origin="https://evil.example"), "was not used at localhost"),
        (Cheat(origin="http://localhost:9999"), "another address"),
        (Cheat(challenge=b"x" * 32), "another challenge"),
        (Cheat(purpose="webauthn.get"), "was not used for this"),
    ],
)
def test_takes_no_dishonest_answer_and_leaves_the_link_good(gatehouse, ada, cheat, why):
    link = invite(gatehouse)
    answer = enrol(ada, link, cheat)
    assert answer.status_code == 403
    assert why in answer.text
    assert not answered(gatehouse)
    assert enrol(ada, link).status_code == 200


def test_takes_no_answer_to_another_links_challenge(gatehouse, ada):
    link, other = invite(gatehouse), invite(gatehouse, "bob")
    ada.get(other)
    options = ada.post(f"{other}/challenge").json()
    answer = ada.post(link, {"answer": json.dumps(ada.passkey.create(options))})
    assert answer.status_code == 403
    assert not answered(gatehouse)


@pytest.mark.parametrize("forged", [{"token": ""}, {"headers": {"origin": "https://evil.example"}}])
def test_takes_nothing_from_another_sites_page(gatehouse, ada, forged):
    link = invite(gatehouse)
    ada.get(link)
    assert ada.post(f"{link}/challenge", **forged).status_code == 403
    assert ada.post(link, {"answer": "{}"}, **forged).status_code == 403
    assert not answered(gatehouse)


def test_shows_names_as_text(gatehouse, ada):
    page = ada.text(
        invite(gatehouse, name=MARKUP, registration=Registration(body="<b>", number="1"))
    )
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;b&gt;" in page
