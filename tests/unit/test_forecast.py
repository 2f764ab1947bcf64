"""Forecasts: an interval from past throughput, the same each time, and none from too little."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from clinops.domain.forecast import Days, Done, Range, forecast
from clinops.domain.ledger import timestamp
from flows import account
from tests.fakes.ledger import START

TODAY = START.date()


def history(*weeks: int) -> list[Done]:
    """Finish so many in each week; the last week ends yesterday."""
    found = []
    for ago, number in enumerate(reversed(weeks)):
        day = dt.datetime.combine(TODAY - dt.timedelta(days=7 * ago + 3), dt.time(9), dt.UTC)
        found += [Done(timestamp(day), f"pas-{ago}-{each}", ago + 1) for each in range(number)]
    return found[::-1]


def waiting(number: int) -> list[str]:
    return [f"waits-{each}" for each in range(number)]


def test_a_steady_past_leaves_nothing_open():
    found = forecast("changes", history(*[2] * 10), waiting(9), TODAY)
    assert found.next_four_weeks == Range(8, 8)
    assert found.done_by == Days(dt.date(2025, 7, 15), dt.date(2025, 7, 15))
    assert (found.throughput.value, found.waiting.value, found.why) == (2, 9, "")
    assert len(found.throughput.inputs) == 10
    assert found.throughput.inputs[-1].what == "2025-06-03 to 2025-06-09"
    assert found.throughput.inputs[-1].entries == (1, 1)


def test_an_unsteady_past_gives_an_interval_as_drawn_independently():
    weeks = [0, 3, 1, 0, 2, 5, 0, 1, 1, 2, 0, 4]
    found = forecast("changes", history(*weeks), waiting(20), TODAY)
    weeks[0:1] = []  # what came before the first one is not known to have been a week without
    draw = random.Random(1)  # noqa: S311
    ends = sorted(_weeks_until(20, weeks, draw) for _ in range(4000))
    low, high = ((day - TODAY).days // 7 for day in found.done_by)
    assert abs(low - ends[400]) <= 1
    assert abs(high - ends[3600]) <= 1
    assert low < high


def _weeks_until(number: int, weeks: list[int], draw: random.Random) -> int:
    done = count = 0
    while done < number:
        done, count = done + draw.choice(weeks), count + 1
    return count


def test_the_same_history_gives_the_same_answer_and_another_one_another():
    weeks = [0, 3, 1, 0, 2, 5, 0, 1, 1, 2]
    first, second = (forecast("changes", history(*weeks), waiting(20), TODAY) for _ in range(2))
    assert first == second
    slower = forecast("changes", history(*[1 if n else 0 for n in weeks]), waiting(20), TODAY)
    assert slower.done_by.last > first.done_by.last


@pytest.mark.parametrize("weeks", [(), (3, 2, 4), (1, 0, 0, 0, 0, 0, 0, 0, 0, 1)])
def test_too_little_history_gives_no_forecast_and_says_so(weeks):
    found = forecast("changes", history(*weeks), waiting(3), TODAY)
    assert found.next_four_weeks is found.done_by is None
    assert found.why.startswith("too little history: ")
    assert found.told()["done_by"] is None


def test_only_half_a_year_is_drawn_from():
    found = forecast("changes", history(*[9] * 10, *[1] * 26), waiting(1), TODAY)
    assert found.throughput.value == 1


def test_what_nobody_can_say_is_left_open():
    found = forecast("changes", history(1, *[0] * 20, 4), waiting(200), TODAY)
    assert found.done_by.last is None
    assert found.told()["done_by"]["last"] is None


def test_where_nothing_waits_nothing_is_foreseen_for_it():
    found = forecast("changes", history(*[2] * 10), [], TODAY)
    assert found.done_by is None
    assert found.next_four_weeks == Range(8, 8)


def test_what_waits_and_what_was_done_comes_from_the_ledger(wiring, terminal):
    wiring.promote(wiring.signed_off())
    waits = wiring.offer("3.0", supersedes="2.0")
    wiring.clock.advance(8 * 86_400)
    found = account.forecast(wiring)
    assert [one.what for one in found.changes.waiting.inputs] == [waits.id]
    assert found.changes.throughput.inputs[0].said.startswith("pas-2.0-")
    said = terminal.run("account", "forecast")
    assert said.code == 0
    assert said.out.startswith("changes: 1 wait, 0.5 done in a week\n  too little history: 1 ")
    assert terminal.run("account", "forecast", "--json").code == 0


def test_half_a_year_of_releases_is_foreseen_on_the_command_line(wiring, terminal, monkeypatch):
    done = history(*[1] * 12)
    real = account.foreseen.forecast
    monkeypatch.setattr(
        account.foreseen,
        "forecast",
        lambda what, _, waits, today: real(what, done, [*waits, "one"], today),
    )
    said = terminal.run("account", "forecast").out
    assert "in the next four weeks 4 to 4; all that waits between 2025-06-17 and 2025-06-17" in said
