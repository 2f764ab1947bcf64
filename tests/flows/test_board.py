"""The board on a served estate: ranks, and requests that close themselves with the evidence."""

from __future__ import annotations

import pytest

from clinops.domain.ledger import Kind
from clinops.domain.met import SUBJECT
from clinops.domain.outcome import State
from clinops.errors import LedgerError, NotFoundError
from flows.board import close_met, is_asked_for, ranking, standings
from flows.housekeeping import keep_house
from tests.fakes.wiring import FIRST, SECOND, SITES, FakeWiring, sites
from tests.ranked import BOARD, TAKEN_BACK, asked, board


@pytest.fixture
def wiring(wiring: FakeWiring) -> FakeWiring:
    wiring.commit({BOARD: board(), **asked()})
    return wiring


def states(wiring: FakeWiring) -> dict[str, str]:
    found = standings(wiring, wiring.estate(wiring.git.head()))
    return {one.request.id: one.said for one in found}


def test_ranks_what_is_open_by_the_hazards_of_the_log(wiring):
    wiring.commit({**asked("r-2", risk=1), **asked("r-3", closed=TAKEN_BACK)})
    found = ranking(wiring)
    assert [one.request.id for one in found.ranked] == ["r-2", "r-1"]
    assert found.of("r-2").parts[0].because.startswith("class 2 of 5, PAS-001 of pas: A patient")
    assert found.now == wiring.clock()
    assert states(wiring) == {"r-1": "open", "r-2": "open", "r-3": "closed"}


def test_there_are_no_ranks_before_the_board_has_decided(wiring):
    wiring.commit({BOARD: None})
    with pytest.raises(NotFoundError):
        ranking(wiring)


def test_a_request_asks_for_a_version_or_a_newer_one(wiring):
    release = wiring.offer()
    (wanted,) = (one.request for one in standings(wiring, wiring.estate(wiring.git.head())))
    for other, asked_for in (("2.0", True), ("2.1", True), ("1.9", False)):
        assert is_asked_for(release.model_copy(update={"version": other}), wanted) is asked_for
    assert not is_asked_for(release.model_copy(update={"product": "lab"}), wanted)


def test_a_request_closes_itself_when_its_release_goes_live(wiring):
    release = wiring.signed_off()
    assert states(wiring) == {"r-1": "open"}
    assert wiring.promote(release) is State.LIVE
    assert states(wiring) == {"r-1": "met"}
    (entry,) = wiring.ledger.entries(SUBJECT)
    assert entry.kind is Kind.REQUEST_MET
    assert (entry.body["request"], entry.body["release"]) == ("r-1", release.id)
    assert entry.body["evidence"] == release.evidence
    assert list(wiring.ledger.about(release.id))[-1] == entry
    assert wiring.stages.tables["requests"] == [{"met": "r-1", "title": "Request r-1"}]
    assert ranking(wiring).ranked == ()
    assert list(wiring.ledger.problems()) == []


def test_closes_once_whoever_looks_again(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    wiring.promote(release)
    assert keep_house(wiring).met == ()
    assert len(list(wiring.ledger.entries(SUBJECT))) == 1


def test_closes_after_a_crash_right_behind_going_live(wiring):
    release = wiring.signed_off()
    wiring.ledger.after = Kind.DEPLOYED
    wiring.killed(release)
    assert states(wiring) == {"r-1": "open"}
    assert wiring.promote(release) is State.LIVE
    assert states(wiring) == {"r-1": "met"}


def test_housekeeping_closes_what_a_crash_left_and_what_was_asked_for_late(wiring):
    release = wiring.signed_off()
    wiring.ledger.before = Kind.REQUEST_MET
    wiring.killed(release)
    wiring.commit(asked("r-2", releases=[{"product": "pas", "version": "1.5"}]))
    wiring.clock.advance(3600)
    assert keep_house(wiring).met == ("r-1", "r-2")
    assert states(wiring) == {"r-1": "met", "r-2": "met"}


def test_a_release_is_live_whatever_keeps_its_requests_open(wiring):
    release = wiring.signed_off()
    wiring.ledger.take_lease("requests", "another", 60)
    assert wiring.promote(release) is State.LIVE
    assert states(wiring) == {"r-1": "open"}
    assert keep_house(wiring).met == ()


@pytest.mark.parametrize(
    "changes",
    [
        asked(releases=[]),
        asked(releases=[{"product": "pas", "version": "2.1"}]),
        asked(systems=["pas", "lab"]),
    ],
    ids=["no release", "a newer one", "one of two systems"],
)
def test_stays_open_while_something_is_missing(wiring, changes):
    wiring.commit(changes)
    wiring.promote(wiring.signed_off())
    assert states(wiring) == {"r-1": "open"}


def test_what_was_there_before_meets_nothing_as_nobody_tested_it(wiring):
    wiring.commit(asked(releases=[{"product": "pas", "version": "1.0"}]))
    assert close_met(wiring) == []


def test_what_is_live_at_one_of_two_sites_meets_nothing(wiring):
    release = wiring.signed_off()
    wiring.fail_at_sites("2.0", SECOND)
    assert wiring.promote(release) is State.ROLLED_BACK
    # Not even where the site that was rolled back is no site any more.
    wiring.commit({SITES: sites(**{FIRST: 0})})
    assert close_met(wiring) == []


def test_a_request_that_asks_for_more_by_now_is_open_again(wiring):
    wiring.promote(wiring.signed_off())
    wiring.commit(asked(title="In other words"))
    assert states(wiring) == {"r-1": "met"}
    wiring.commit(asked(releases=[{"product": "pas", "version": "3.0"}]))
    assert states(wiring) == {"r-1": "open"}


def test_a_closing_that_cannot_be_read_is_an_error_of_the_ledger(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    body = {"release": release.id, "evidence": release.evidence}
    wiring.ledger.append(Kind.REQUEST_MET, SUBJECT, body)
    with pytest.raises(LedgerError, match="can't be read"):
        states(wiring)
