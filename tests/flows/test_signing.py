"""Signing at the gate, from what is prepared for a person to what is on record."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.ledger import Anchor, Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import ChangeType, Meaning, SignOff, statement_bytes
from clinops.errors import BadInputError, NotFoundError, RefusedError
from flows.gate import answer, ask, audit, check_everything, record
from flows.recording import MAX_REFUSED
from tests.fakes.signatures import RandomisedSignatures
from tests.fakes.wiring import FIRST, KEYS, SIGNERS, FakeWiring, signer, signers
from tests.flows.at_the_gate import prepared, put


def test_what_was_prepared_and_signed_is_recorded_and_opens_the_gate(wiring, release):
    assert put(wiring, prepared(wiring, release)).kind is Kind.SIGNED
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert check_everything(wiring.release(release.id), wiring).open
    assert audit(wiring) == ()


def test_a_rejection_is_recorded_as_one(wiring, release):
    put(wiring, prepared(wiring, release, meaning=Meaning.REJECTED))
    assert wiring.release(release.id).state is State.REJECTED


def forged(wiring: FakeWiring, made: SignOff) -> Any:
    envelope = KEYS.sign(statement_bytes(made), "joy")
    (good,) = envelope.signatures
    bad = good.model_copy(update={"sig": "AAAA" + good.sig[4:]})
    return record(envelope.model_copy(update={"signatures": [bad]}), wiring)


ATTACKS: dict[str, Any] = {
    "forged": (forged, "does not match"),
    "by another key": (lambda w, m: put(w, m, "sam"), "belongs to sam, not to joy"),
    "by a key of nobody": (lambda w, m: put(w, m, "stranger"), "belongs to nobody"),
    "by the vendor": (lambda w, m: put(w, m, "acme"), "belongs to nobody"),
    "moved to other evidence": (
        lambda w, m: put(w, m.model_copy(update={"evidence": "sha256:" + "0" * 64})),
        "other evidence",
    ),
    "other images": (
        lambda w, m: put(w, m.model_copy(update={"images": {}})),
        "not those that were tested",
    ),
    "another version": (
        lambda w, m: put(w, m.model_copy(update={"version": "9"})),
        "another release",
    ),
    "a role not held": (
        lambda w, m: put(w, m.model_copy(update={"role": "porter"})),
        "does not hold the role",
    ),
    "upon another ledger": (
        lambda w, m: put(
            w, m.model_copy(update={"ledger": Anchor(sequence=2, digest="sha256:" + "0" * 64)})
        ),
        "the ledger is not the one",
    ),
    "upon a ledger that is yet to be": (
        lambda w, m: put(
            w, m.model_copy(update={"ledger": Anchor(sequence=999, digest=m.ledger.digest)})
        ),
        "the ledger is not the one",
    ),
    "upon more entries than a ledger can have": (
        lambda w, m: put(
            w, m.model_copy(update={"ledger": m.ledger.model_copy(update={"sequence": 2**53 - 1})})
        ),
        "the ledger is not the one",
    ),
    "with a time of their own": (
        lambda w, m: put(w, m.model_copy(update={"time": "2025-06-10T09:00:00+00:00"})),
        "the ledger 2025",
    ),
    "as an emergency where there is none": (
        lambda w, m: put(w, m.model_copy(update={"change": ChangeType.EMERGENCY})),
        "no route for emergencies",
    ),
    "for a site that is not theirs": (
        lambda w, m: put(w, m.model_copy(update={"site": FIRST})),
        "does not speak for the site",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_does_not_count_is_refused_and_that_is_recorded(wiring, release, name):
    attack, reason = ATTACKS[name]
    with pytest.raises(RefusedError, match=reason):
        attack(wiring, prepared(wiring, release))
    assert wiring.kinds(release.id)[-1] is Kind.SIGNATURE_REFUSED
    body = wiring.last_body(release.id)
    assert reason in body["reasons"][0]
    assert body["signer"] == "joy"
    assert body["envelope"].startswith("sha256:")
    assert Kind.SIGNED not in wiring.kinds(release.id)
    assert audit(wiring) == ()


def test_the_same_envelope_is_not_recorded_twice(wiring, release):
    made = prepared(wiring, release)
    put(wiring, made)
    with pytest.raises(RefusedError, match="on record as entry"):
        put(wiring, made)


def test_the_same_statement_is_not_recorded_twice_whatever_its_signature_looks_like(
    wiring, release
):
    wiring.signatures = RandomisedSignatures("joy")
    made = statement_bytes(prepared(wiring, release))
    one, other = (wiring.signatures.sign(made, "joy") for _ in range(2))
    assert one != other
    record(one, wiring)
    with pytest.raises(RefusedError, match="on record as entry"):
        record(other, wiring)
    assert wiring.kinds(release.id).count(Kind.SIGNED) == 1


def test_refusals_are_recorded_once_each_and_do_not_fill_the_ledger(wiring, release):
    made = prepared(wiring, release)
    for number in range(MAX_REFUSED + 5):
        for _ in range(2):
            with pytest.raises(RefusedError):
                put(wiring, made.model_copy(update={"reason": f"again {number}"}), "stranger")
    assert wiring.kinds(release.id).count(Kind.SIGNATURE_REFUSED) == MAX_REFUSED


@pytest.mark.parametrize(
    "payload", [b"hello", b"{}", b'{"predicateType":"urn:clinops:sign-off:1"}']
)
def test_what_names_no_release_is_refused_and_leaves_nothing(wiring, payload):
    before = list(wiring.ledger.entries())
    with pytest.raises(RefusedError, match="statement"):
        record(KEYS.sign(payload, "joy"), wiring)
    assert list(wiring.ledger.entries()) == before


def test_a_sign_off_of_an_unknown_release_is_refused(wiring, release):
    made = prepared(wiring, release).model_copy(update={"release": "pas-9"})
    with pytest.raises(RefusedError, match="no release is called pas-9"):
        put(wiring, made)


def test_an_administrator_signs_nothing_off(wiring, release):
    wiring.commit({SIGNERS: signers(joy=signer("joy", "safety", may_push=True))})
    with pytest.raises(RefusedError, match="may change the estate"):
        put(wiring, prepared(wiring, release))


def test_nobody_signs_as_somebody_unknown(wiring, release):
    with pytest.raises(NotFoundError):
        prepared(wiring, release, "eve")


def test_a_revoked_signer_is_refused(wiring, release):
    made = prepared(wiring, release)
    wiring.commit({SIGNERS: signers(joy=signer("ops"))})
    with pytest.raises(RefusedError, match="belongs to nobody"):
        put(wiring, made)


def test_questions_and_answers_are_on_record(wiring, release):
    assert ask(release, wiring, "joy", "Was the worklist tested?").body["id"] == "Q1"
    assert ask(release, wiring, "sam", "When?").body["id"] == "Q2"
    told = answer(release, wiring, "sam", "Q1", "Yes, in regression.")
    assert told.body == {"id": "Q1", "signer": "sam", "name": "Sam", "text": "Yes, in regression."}
    assert wiring.kinds(release.id)[-3:] == [
        *(Kind.QUESTION_ASKED, Kind.QUESTION_ASKED),
        Kind.QUESTION_ANSWERED,
    ]


def test_a_question_that_nobody_can_read_or_of_nobody_is_refused(wiring, release, monkeypatch):
    for text in ("", " ", "\x1b[2J", "x" * 2001):
        with pytest.raises(BadInputError):
            ask(release, wiring, "joy", text)
    with pytest.raises(NotFoundError):
        ask(release, wiring, "eve", "Why?")
    with pytest.raises(NotFoundError):
        answer(release, wiring, "joy", "Q1", "Because.")
    monkeypatch.setattr("flows.questions.MAX_QUESTIONS", 1)
    ask(release, wiring, "joy", "Why?")
    with pytest.raises(RefusedError, match="talk to each other"):
        ask(release, wiring, "joy", "Why not?")


def test_a_site_must_be_one_that_the_release_goes_to(wiring, release):
    with pytest.raises(BadInputError, match="does not go to the site north"):
        prepared(wiring, release, site="north")
    assert prepared(wiring, release, site=FIRST).site == FIRST


def test_only_what_awaits_sign_off_is_signed(wiring):
    known = wiring.offer()
    with pytest.raises(RefusedError, match="only a release that awaits sign-off"):
        prepared(wiring, known)
