"""Whether answers have become slower beyond doubt."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.digest import canonical
from clinops.domain.speed import is_slower, measured
from tests.fakes.compared import SLOWER, speed

NOISE = random.Random(7)  # noqa: S311  # made-up measurements
BEFORE = [NOISE.lognormvariate(4.6, 0.1) for _ in range(20)]


def test_answers_that_take_half_as_long_again_are_slower():
    found = measured("search", BEFORE, [time * 1.5 for time in BEFORE])
    assert found.slower
    assert (found.pairs, found.superiority) == (20, 1.0)
    assert found.ratio_p95 == (1.5, 1.5)


def test_the_same_numbers_give_the_same_digits():
    after = [NOISE.lognormvariate(4.7, 0.2) for _ in range(20)]
    assert measured("search", BEFORE, after) == measured("search", BEFORE, after)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        [time * 0.5 for time in BEFORE],
        [time * 1.05 for time in BEFORE],
        [*BEFORE[:-1], 10_000.0],
        BEFORE[10:] + BEFORE[:10],
    ],
    ids=["same", "faster", "within the budget", "one outlier", "another order"],
)
def test_what_may_be_chance_or_is_little_is_not_slower(after):
    assert not measured("search", BEFORE, after).slower


def test_slower_by_less_than_anybody_notices_is_not_slower():
    assert not measured("echo", [1.0] * 20, [2.0] * 20).slower


def test_too_few_pairs_say_nothing():
    assert not measured("search", BEFORE[:19], [time * 2 for time in BEFORE[:19]]).slower


def test_a_clock_that_stood_still_is_no_infinite_ratio():
    found = measured("search", [0.0] * 20, [50.0] * 20)
    assert found.slower
    assert json.loads(canonical(found.json_value()))["ratio_p95"] == [50_000, 50_000]


@pytest.mark.parametrize(
    "changes",
    [
        {"pairs": 19},
        {"p_value": 0.01},
        {"superiority": 0.69},
        {"ratio_p95": (1.2, 2.0)},
        {"median_after": 104.9},
    ],
)
def test_every_condition_must_be_met(changes):
    assert is_slower(SLOWER)
    assert not is_slower(SLOWER.model_copy(update=changes))
    assert not is_slower(speed())


times = st.lists(st.floats(0.0, 60_000.0), min_size=20, max_size=20)


@settings(deadline=None, max_examples=20)
@given(times, times)
def test_both_ways_round_never_are_slower_at_once(one, other):
    there, back = measured("p", one, other), measured("p", other, one)
    assert not (there.slower and back.slower)
