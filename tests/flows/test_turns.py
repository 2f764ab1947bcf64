"""The queue of qualifications follows what the board ranks."""

from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.urgency import LONGEST_HEAD_START, Turn
from flows.reconcile import reconcile
from tests.fakes.wiring import FakeWiring
from tests.ranked import BOARD, asked, board


@pytest.fixture
def wiring(wiring: FakeWiring) -> FakeWiring:
    wiring.commit({BOARD: board()})
    return wiring


def turn_of(wiring: FakeWiring, release: ReleaseRecord) -> Turn:
    return wiring.orchestrator.turns[f"qualify:{release.id}:1"]


def came(release: ReleaseRecord) -> dt.datetime:
    return dt.datetime.fromisoformat(release.since)


def test_what_nobody_commissioned_has_no_head_start(wiring):
    wiring.commit(asked(releases=[{"product": "pas", "version": "2.1"}]))
    release = wiring.offer()
    assert turn_of(wiring, release) == Turn("qualify", came(release))


def test_a_release_has_the_head_start_of_the_request_that_waits_for_it(wiring):
    wiring.commit({**asked("r-1"), **asked("r-2", risk=1, releases=[])})
    release = wiring.offer()
    assert turn_of(wiring, release) == Turn("qualify", came(release) - LONGEST_HEAD_START / 2)


def test_an_alert_that_comes_later_moves_the_release_that_waits(wiring):
    release = wiring.offer()
    assert turn_of(wiring, release).lane == "qualify"
    wiring.commit(asked(left=1, source="alert-48-hours"))
    reconcile(wiring)
    assert turn_of(wiring, release) == Turn("emergency", came(release))


def test_without_a_policy_of_the_board_first_come_is_first_served(wiring):
    wiring.commit({BOARD: None, **asked(left=1, source="alert-48-hours")})
    release = wiring.offer()
    assert turn_of(wiring, release) == Turn("qualify", came(release))


def test_a_promotion_waits_for_no_turn(wiring):
    release = wiring.signed_off()
    reconcile(wiring)
    assert f"promote:{release.id}:1" in wiring.orchestrator.runs
    assert list(wiring.orchestrator.turns) == [f"qualify:{release.id}:1"]
