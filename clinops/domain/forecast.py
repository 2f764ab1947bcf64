"""Forecasts: what past throughput says of what waits, as an interval and never as one date.

Weeks of the past are drawn at random, with replacement, until what waits is done; ten thousand
times over (Monte Carlo). That assumes that the coming weeks are like the past ones and that nothing
overtakes: a forecast, no promise.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from clinops.domain.digest import digest_of
from clinops.domain.figure import Figure, Source, Unit, mean, total

WEEKS: Final = 26
"""How much of the past is drawn from, at most: what was longer ago says little of today."""
LEAST_WEEKS: Final = 8
LEAST_DONE: Final = 5
"""With less history there is no forecast."""
LOW: Final = 10
HIGH: Final = 90
"""Of a hundred futures, so many lie below the interval's ends."""

_RUNS: Final = 10_000
_HORIZON: Final = 104
"""Weeks ahead; nobody can say what is later."""
_AHEAD: Final = 4
_WEEK: Final = dt.timedelta(days=7)


class Done(NamedTuple):
    """Something that was finished."""

    time: str
    """As the ledger writes it."""
    what: str
    entry: int


class Range(NamedTuple):
    """Between these two lie 80 of a hundred futures."""

    low: int
    high: int


class Days(NamedTuple):
    """The same for a day."""

    first: dt.date
    last: dt.date | None
    """None where it lies further ahead than anybody can say."""


class Forecast(NamedTuple):
    """What may be expected of one kind of work."""

    what: str
    """`changes` or `requests`."""
    throughput: Figure
    """How many were finished in a week; the weeks that are drawn from are its inputs."""
    waiting: Figure
    next_four_weeks: Range | None
    """How many will be finished then; none where there is too little history."""
    done_by: Days | None
    """When all that waits now will be; none where nothing waits, or with too little history."""
    why: str
    """Why there is none, in words; empty where there is one."""

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        ahead, done = self.next_four_weeks, self.done_by
        return {
            "what": self.what,
            "throughput": self.throughput.told(),
            "waiting": self.waiting.told(),
            "futures_in_100": HIGH - LOW,
            "next_four_weeks": ahead and ahead._asdict(),
            "done_by": done
            and {"first": str(done.first), "last": str(done.last) if done.last else None},
            "why": self.why,
        }


def forecast(what: str, done: Iterable[Done], waiting: Sequence[str], today: dt.date) -> Forecast:
    """Foresee when what waits will be done; the same history always gives the same answer.

    Args:
        what: What it is.
        done: Everything that was ever finished, in order.
        waiting: What waits now, by name.
        today: The day; the past ends before it.
    """
    weeks = _weeks(list(done), today)
    throughput = mean(f"the mean over the last {len(weeks)} whole weeks", Unit.COUNT, weeks)
    left = total("what waits now", Unit.COUNT, (Source(name, 1.0) for name in waiting))
    finished = sum(week.value or 0 for week in weeks)
    if len(weeks) < LEAST_WEEKS or finished < LEAST_DONE:
        why = (
            f"too little history: {finished:.0f} finished in {len(weeks)} weeks, and a forecast "
            f"takes {LEAST_DONE} in {LEAST_WEEKS}"
        )
        return Forecast(what, throughput, left, None, None, why)
    ahead, until = _futures(what, [int(week.value or 0) for week in weeks], len(waiting))
    day = today + until.low * _WEEK
    last = None if until.high > _HORIZON else today + until.high * _WEEK
    return Forecast(what, throughput, left, ahead, Days(day, last) if waiting else None, "")


def _weeks(done: Sequence[Done], today: dt.date) -> list[Source]:
    """Count what was finished in each whole week, back to the first or half a year, in order."""
    found: list[Source] = []
    days = [dt.datetime.fromisoformat(one.time).astimezone(dt.UTC).date() for one in done]
    end = today
    while days and len(found) < WEEKS and end > days[0]:
        since = end - _WEEK
        mine = [one for one, day in zip(done, days, strict=True) if since <= day < end]
        said = ", ".join(one.what for one in mine)
        entries = tuple(one.entry for one in mine)
        name = f"{since} to {end - dt.timedelta(days=1)}"
        found.insert(0, Source(name, len(mine), said, entries))
        end = since
    return found


def _futures(what: str, weeks: Sequence[int], waiting: int) -> tuple[Range, Range]:
    """Draw futures; return what is done in four weeks, and the week in which all is done."""
    # NOTE: NumPy takes long to import, and few commands forecast anything.
    import numpy as np

    # From the history alone, so that whoever asks again gets the same answer.
    seed = int(digest_of([what, list(weeks), waiting])[7:23], 16)
    drawn = np.random.default_rng(seed).choice(np.asarray(weeks), size=(_RUNS, _HORIZON))
    finished = drawn.cumsum(axis=1)
    # Those that never get there count as later than the horizon.
    until = (finished < waiting).sum(axis=1) + 1
    return _range(finished[:, _AHEAD - 1]), _range(until)


def _range(numbers: Any) -> Range:
    import numpy as np

    low, high = np.percentile(numbers, [LOW, HIGH], method="inverted_cdf")
    return Range(int(low), int(high))
