from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from clinops.domain.urgency import LONGEST_HEAD_START, Place, turn

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)

places = st.integers(1, 500).flatmap(
    lambda among: st.builds(Place, st.integers(1, among), st.just(among))
)


def test_who_was_not_commissioned_waits_behind_all_that_came_before():
    assert turn(NOON, None) == ("qualify", NOON)


def test_an_emergency_has_a_lane_of_its_own():
    assert turn(NOON, Place(7, 9, emergency=True)) == ("emergency", NOON)


def test_the_first_of_all_requests_has_the_longest_head_start():
    assert turn(NOON, Place(1, 300)) == ("qualify", NOON - LONGEST_HEAD_START)


@given(st.integers(2, 500), st.data())
def test_the_better_rank_goes_first_of_two_that_came_together(among, data):
    better = data.draw(st.integers(1, among - 1))
    worse = data.draw(st.integers(better + 1, among))
    assert turn(NOON, Place(better, among)).since < turn(NOON, Place(worse, among)).since


@given(places, st.none() | places)
def test_nothing_that_comes_a_day_later_goes_before_it(later, earlier):
    overtaking = turn(NOON + LONGEST_HEAD_START, later)
    assert overtaking.since >= turn(NOON, earlier).since
