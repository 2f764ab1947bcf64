"""What may follow what on the ledger, and how entries are chained and folded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinops.domain.audit import Audit
from clinops.domain.digest import canonical
from clinops.domain.fold import ReleaseRecord, fold_live, fold_release
from clinops.domain.ledger import GENESIS, OF_NO_RELEASE, Entry, Kind, Row, timestamp
from clinops.domain.outcome import Outcome, State
from clinops.errors import LedgerError
from tests.fakes.ledger import EVIDENCE, START, FakeClock, FakeLedger, live_body, release_body

NOW = timestamp(START)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def entry(kind: Kind, body=None, subject="pas-1", time=NOW, last=None) -> Entry:
    return Entry.after(last, time=time, kind=kind, subject=subject, body=body or {})


def record(state: State = State.KNOWN, attempt: int = 1) -> ReleaseRecord:
    return ReleaseRecord(
        id="pas-1",
        product="pas",
        version="1.2.0",
        state=state,
        since="2025-06-01",
        attempt=attempt,
        evidence=EVIDENCE if state in {State.LIVE, State.SUPERSEDED} else None,
        release=release_body("pas-1")["release"],
    )


BODIES = {
    Kind.RELEASE_KNOWN: release_body("pas-1"),
    Kind.QUALIFICATION_STARTED: {"attempt": 2},
    Kind.VERDICT: {"outcome": "qualified", "evidence": EVIDENCE},
    Kind.DEPLOYMENT_STARTED: {"resume": True},
    Kind.REOPENED: {"by": "ops", "why": "to be sure", "fresh": True},
    Kind.SITE_LIVE: {"live": live_body("pas-1"), "release": "pas-1"},
    Kind.SITE_ROLLED_BACK: {"live": live_body(None), "release": "pas-1"},
    Kind.REQUEST_MET: {"release": "pas-1", "evidence": EVIDENCE},
}
SUBJECTS = {
    Kind.SITE_LIVE: "pas@ward",
    Kind.SITE_ROLLED_BACK: "pas@ward",
    Kind.REQUEST_MET: "estate:requests",
}

# Kind → what may be written in each state, and the state that follows.
STORY = {
    State.KNOWN: "qualification.started→qualifying release.superseded→superseded",
    State.QUALIFYING: "qualification.started→qualifying qualification.errored→errored "
    "qualification.verdict→awaiting-sign-off release.superseded→superseded",
    State.AWAITING_SIGN_OFF: "release.reopened→known "
    "gate.signed→awaiting-sign-off gate.rejected→rejected "
    "deployment.started→promoting release.superseded→superseded",
    State.REFUSED: "",
    State.INCONCLUSIVE: "release.superseded→superseded release.reopened→known",
    State.ERRORED: "qualification.started→qualifying release.superseded→superseded",
    State.REJECTED: "",
    State.PROMOTING: "deployment.started→promoting deployment.site-live→promoting "
    "deployment.site-rolled-back→promoting deployment.live→live deployment.rolled-back→rolled-back "
    "gate.signed→promoting",
    State.LIVE: "gate.signed→live release.superseded→superseded request.met→live",
    State.ROLLED_BACK: "gate.signed→rolled-back",
    State.SUPERSEDED: "release.reopened→known request.met→superseded",
}


ABOUT_RELEASES = sorted(set(Kind) - OF_NO_RELEASE - {Kind.RELEASE_KNOWN})
ALWAYS = (
    Kind.PROMOTION_REFUSED,
    Kind.SIGNATURE_REFUSED,
    Kind.QUESTION_ASKED,
    Kind.QUESTION_ANSWERED,
    Kind.REMINDED,
)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", ABOUT_RELEASES)
def test_in_each_state_only_the_entries_of_the_story_may_follow(state, kind):
    after = dict(pair.split("→") for pair in STORY[state].split())
    after |= {kind.value: state.value for kind in ALWAYS}
    new = entry(kind, BODIES.get(kind), SUBJECTS.get(kind, "pas-1"))
    if kind.value in after:
        folded = fold_release(record(state), new)
        assert folded is not None
        assert folded.state.value == after[kind.value]
    else:
        with pytest.raises(LedgerError, match=f"pas-1 is {state}"):
            fold_release(record(state), new)


@pytest.mark.parametrize("kind", sorted(OF_NO_RELEASE))
def test_what_speaks_of_no_release_changes_none(kind):
    assert fold_release(record(State.LIVE), entry(kind)) == record(State.LIVE)


@pytest.mark.parametrize("kind", ABOUT_RELEASES)
def test_nothing_may_be_said_of_an_unknown_release(kind):
    with pytest.raises(LedgerError, match="no release 'pas-1' is known"):
        fold_release(None, entry(kind, BODIES.get(kind), SUBJECTS.get(kind, "pas-1")))


@pytest.mark.parametrize("body", [{}, {"fresh": False}, {"fresh": "yes"}])
def test_what_has_qualified_starts_over_only_where_nothing_is_carried_over(body):
    with pytest.raises(LedgerError, match="only tested again from scratch"):
        fold_release(record(State.AWAITING_SIGN_OFF), entry(Kind.REOPENED, body))
    assert fold_release(record(State.INCONCLUSIVE), entry(Kind.REOPENED, body)) is not None


def test_a_release_becomes_known_once():
    known = entry(Kind.RELEASE_KNOWN, release_body("pas-1"))
    first = fold_release(None, known)
    assert first is not None
    assert (first.state, first.product, first.since) == (State.KNOWN, "pas", NOW)
    with pytest.raises(LedgerError, match="pas-1 is known already"):
        fold_release(first, known)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("qualified", State.AWAITING_SIGN_OFF),
        ("refused", State.REFUSED),
        ("inconclusive", State.INCONCLUSIVE),
    ],
)
def test_a_verdict_gives_the_release_its_outcome_and_evidence(outcome, state):
    verdict = entry(Kind.VERDICT, {"outcome": outcome, "evidence": EVIDENCE, "attempt": 1})
    folded = fold_release(record(State.QUALIFYING), verdict)
    assert folded is not None
    assert (folded.state, folded.outcome) == (state, Outcome(outcome))
    assert (folded.evidence, folded.since) == (EVIDENCE, NOW)


def test_an_entry_that_changes_no_state_leaves_the_record_alone():
    waiting = record(State.AWAITING_SIGN_OFF)
    assert fold_release(waiting, entry(Kind.SIGNED)) is waiting


@pytest.mark.parametrize(
    ("state", "kind", "body", "said"),
    [
        (State.ERRORED, Kind.QUALIFICATION_STARTED, {"attempt": 1}, "next attempt is number 2"),
        (State.ERRORED, Kind.QUALIFICATION_STARTED, {"attempt": 3}, "next attempt is number 2"),
        (State.ERRORED, Kind.QUALIFICATION_STARTED, {}, "body that can't be"),
        (State.QUALIFYING, Kind.QUALIFICATION_ERRORED, {"attempt": 0}, "attempt 1 has taken over"),
        (
            State.QUALIFYING,
            Kind.VERDICT,
            {"outcome": "qualified", "evidence": EVIDENCE, "attempt": 0},
            "attempt 1 has taken over",
        ),
        (
            State.QUALIFYING,
            Kind.VERDICT,
            {"outcome": "errored", "evidence": EVIDENCE},
            "no verdict",
        ),
        (State.QUALIFYING, Kind.VERDICT, {"outcome": "fine", "evidence": EVIDENCE}, "can't be"),
        (State.QUALIFYING, Kind.VERDICT, {"outcome": "qualified", "evidence": "x"}, "can't be"),
        (State.QUALIFYING, Kind.VERDICT, {"outcome": "qualified"}, "can't be"),
        (State.PROMOTING, Kind.DEPLOYMENT_STARTED, {}, "under way already"),
        (State.PROMOTING, Kind.DEPLOYMENT_STARTED, {"resume": 1}, "under way already"),
    ],
)
def test_refuses_a_body_that_contradicts_the_record(state, kind, body, said):
    with pytest.raises(LedgerError, match=said):
        fold_release(record(state), entry(kind, body))


@pytest.mark.parametrize("body", [{}, {"release": 3}, {"release": {"id": "pas-1"}}])
def test_refuses_a_release_that_is_none(body):
    with pytest.raises(LedgerError, match="body that can't be"):
        fold_release(None, entry(Kind.RELEASE_KNOWN, body))


def test_refuses_a_release_under_another_name():
    with pytest.raises(LedgerError, match="describes 'pas-2'"):
        fold_release(None, entry(Kind.RELEASE_KNOWN, release_body("pas-2")))


def test_a_deployment_starts_afresh_without_resume():
    folded = fold_release(record(State.AWAITING_SIGN_OFF), entry(Kind.DEPLOYMENT_STARTED))
    assert folded is not None
    assert folded.state is State.PROMOTING


def test_a_site_event_names_its_release():
    with pytest.raises(LedgerError, match="names no release"):
        fold_release(None, entry(Kind.SITE_LIVE, {"live": live_body("pas-1")}, "pas@ward"))


def test_a_site_event_is_about_the_releases_own_product():
    body = {"live": live_body("pas-1", product="lab"), "release": "pas-1"}
    with pytest.raises(LedgerError, match="another product"):
        fold_release(record(State.PROMOTING), entry(Kind.SITE_LIVE, body, "lab@ward"))


def test_an_adopted_system_is_about_no_release():
    adopted = entry(Kind.SYSTEM_ADOPTED, {"live": live_body()}, "pas@ward")
    assert fold_release(None, adopted) is None
    system = fold_live(adopted)
    assert system is not None
    assert (system.version, system.release) == ("1.2.0", None)


def test_most_entries_say_nothing_of_what_is_live():
    assert fold_live(entry(Kind.DEPLOYED)) is None


@pytest.mark.parametrize(
    ("kind", "release", "subject", "said"),
    [
        (Kind.SYSTEM_ADOPTED, None, "pas@theatre", "describes 'pas@ward'"),
        (Kind.SYSTEM_ADOPTED, "pas-1", "pas@ward", "can't leave 'pas-1' live"),
        (Kind.SITE_LIVE, "pas-0", "pas@ward", "can't leave 'pas-0' live"),
        (Kind.SITE_LIVE, "pas-1", "pas@theatre", "describes 'pas@ward'"),
        (Kind.SITE_ROLLED_BACK, "pas-1", "pas@ward", "can't leave 'pas-1' live"),
    ],
)
def test_refuses_a_live_system_that_contradicts_its_entry(kind, release, subject, said):
    with pytest.raises(LedgerError, match=said):
        fold_live(entry(kind, {"live": live_body(release), "release": "pas-1"}, subject))


@pytest.mark.parametrize("body", [{}, {"live": {}}, {"live": 3}])
def test_refuses_a_live_system_that_is_none(body):
    with pytest.raises(LedgerError, match="body that can't be"):
        fold_live(entry(Kind.SYSTEM_ADOPTED, body, "pas@ward"))


def test_entries_are_chained_from_the_genesis():
    first = entry(Kind.SIGNED)
    second = entry(Kind.SIGNED, last=first)
    assert (first.sequence, first.previous) == (1, GENESIS)
    assert (second.sequence, second.previous) == (2, first.digest)
    assert second.recomputed() == second.digest


def test_a_clock_that_was_set_back_is_named_with_both_times():
    last = entry(Kind.SIGNED, time="2025-06-10T12:00:01.000000+00:00")
    with pytest.raises(
        LedgerError, match=r"it is 2025-06-10T12:00:00\S+, .* at 2025-06-10T12:00:01"
    ):
        entry(Kind.SIGNED, last=last)


def test_two_machines_whose_clocks_differ_by_milliseconds_can_share_a_ledger():
    last = entry(Kind.SIGNED, time="2025-06-10T12:00:00.400000+00:00")
    assert entry(Kind.SIGNED, last=last).time == last.time


@pytest.mark.parametrize("value", ["\ud800", float("nan"), 2**53, object(), {1: 2}])
def test_refuses_to_record_what_is_no_plain_json(value):
    with pytest.raises(LedgerError, match="can't be recorded"):
        entry(Kind.SIGNED, {"value": value})


def test_refuses_to_record_a_bottomless_body():
    bottomless: list[object] = []
    bottomless.append(bottomless)
    with pytest.raises(LedgerError, match="can't be recorded"):
        entry(Kind.SIGNED, {"value": bottomless})


@given(body=st.dictionaries(st.text(), JSON, max_size=3), subject=st.text())
def test_an_entry_survives_being_stored_whatever_it_holds(body, subject):
    made = entry(Kind.SIGNED, body, subject)
    row = made.row()
    assert row.recomputed() == made.digest == made.recomputed()
    assert row.entry() == made
    audit = Audit()
    problems = list(audit.follow(row))
    assert problems == [f"entry 1 does not stand: gate.signed: no release {subject!r} is known"]


@given(body=st.dictionaries(st.text(), JSON, max_size=3))
def test_the_audit_knows_the_canonical_form(body):
    text = canonical(body).decode()
    loose = json.dumps(json.loads(text))
    for written in {text, loose}:
        row = entry(Kind.SIGNED).row()._replace(body=written)
        row = row._replace(digest=row.recomputed())
        said = [problem for problem in Audit().follow(row) if "canonical" in problem]
        assert bool(said) is (written != text)


@pytest.mark.parametrize(
    "body",
    ['{"a":1.0}', '{"a":NaN}', '{"a":1E3}', '{"a":1,"a":2}', '{"a":9007199254740993}', '{"a": 1}'],
)
def test_the_audit_refuses_other_forms_under_a_right_digest(body):
    row = entry(Kind.SIGNED).row()._replace(body=body)
    row = row._replace(digest=row.recomputed())
    assert "entry 1 has a body that is not in canonical form" in list(Audit().follow(row))


@pytest.mark.parametrize(
    "change",
    [
        {"body": "no JSON"},
        {"body": "[]"},
        {"body": '{"a":' * 100_000},
        {"body": b"{}"},
        {"body": None},
        {"kind": "coffee.made"},
        {"digest": "short"},
        {"time": 12},
    ],
    ids=str,
)
def test_a_row_that_nobody_can_read_is_a_problem_and_no_traceback(change):
    row = Row(*entry(Kind.SIGNED).row()._replace(**change))
    assert list(Audit().follow(row)) == ["entry 1 does not stand: entry 1 can't be read"]


def test_the_audit_finds_a_chain_that_goes_back_in_time():
    ledger = FakeLedger(FakeClock())
    ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
    [first] = ledger.entries()
    old = entry(Kind.QUALIFICATION_STARTED, {"attempt": 1}, last=first).row()
    old = old._replace(time="2024-01-01T00:00:00.000000+00:00")
    old = old._replace(digest=old.recomputed())
    audit = Audit()
    assert list(audit.follow(first.row())) == []
    assert list(audit.follow(old)) == ["entry 2 is older than the one before it"]


def test_the_audit_finds_an_entry_that_never_could_have_followed():
    first = entry(Kind.RELEASE_KNOWN, release_body("pas-1"))
    verdict = entry(Kind.VERDICT, BODIES[Kind.VERDICT], last=first)
    audit = Audit()
    assert list(audit.follow(first.row())) == []
    [problem] = audit.follow(verdict.row())
    assert "entry 2 does not stand: pas-1 is known" in problem


def test_a_request_is_not_met_on_other_evidence_than_the_releases():
    body = {"release": "pas-1", "evidence": "sha256:" + "0" * 64}
    met = entry(Kind.REQUEST_MET, body, "estate:requests")
    with pytest.raises(LedgerError, match="rests on other evidence"):
        fold_release(record(State.LIVE), met)
