"""Periods: from one day to another, in UTC, as accounts are given for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from clinops.domain.ledger import timestamp
from clinops.errors import BadInputError


class Period(NamedTuple):
    """From the begin of one day to the begin of another, which is not part of it."""

    since: dt.date
    until: dt.date

    @classmethod
    def month_of(cls, day: dt.date) -> Period:
        """Return the calendar month that a day lies in."""
        first = day.replace(day=1)
        return cls(first, (first + dt.timedelta(days=31)).replace(day=1))

    @classmethod
    def months_until(cls, day: dt.date, number: int) -> Period:
        """Return so many calendar months, of which the last one has a day in it."""
        last = cls.month_of(day)
        first = last.since
        for _ in range(number - 1):
            first = (first - dt.timedelta(days=1)).replace(day=1)
        return cls(first, last.until)

    @classmethod
    def read(cls, since: str | None, until: str | None, today: dt.date) -> Period:
        """Read what a person gives; by default the month of today, or of the day that is given.

        Args:
            since: The first day, ISO 8601.
            until: The last day, which is part of it.
            today: The day on which it is asked.

        Raises:
            BadInputError: One of them is no day, or they are the wrong way round.
        """
        last = _day(until, "--until") if until else None
        first = _day(since, "--since") if since else cls.month_of(last or today).since
        end = last + dt.timedelta(days=1) if last else cls.month_of(first).until
        if since and not last:
            end = max(end, today + dt.timedelta(days=1))
        if end <= first:
            raise BadInputError(f"{until} is before {since}", mend="swap the two")
        return cls(first, end)

    def holds(self, time: str) -> bool:
        """Whether a time of the ledger lies in it."""
        return _midnight(self.since) <= time < _midnight(self.until)

    def elapsed(self, now: str) -> float:
        """Return the days of it that are over by a time of the ledger; at least one."""
        end = min(_midnight(self.until), max(now, _midnight(self.since)))
        passed = dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(_midnight(self.since))
        return max(passed / dt.timedelta(days=1), 1.0)

    def is_over(self, now: str) -> bool:
        """Whether it has ended by a time of the ledger."""
        return _midnight(self.until) <= now

    def in_whole_months(self) -> Period:
        """Return the months that it touches, all of them whole."""
        last = self.until - dt.timedelta(days=1)
        return Period(Period.month_of(self.since).since, Period.month_of(last).until)

    def months(self) -> Iterator[Period]:
        """Yield the calendar months that it touches, each cut to what lies in it."""
        first = self.since
        while first < self.until:
            month = Period.month_of(first)
            yield Period(first, min(month.until, self.until))
            first = month.until

    def told(self) -> dict[str, str]:
        """Return it for programs: the first day, and the day after the last one."""
        return {"since": str(self.since), "until": str(self.until)}

    def __str__(self) -> str:
        """Say it as people do, with its last day."""
        return f"{self.since} to {self.until - dt.timedelta(days=1)}"


def _midnight(day: dt.date) -> str:
    return timestamp(dt.datetime.combine(day, dt.time(), dt.UTC))


def _day(text: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadInputError(
            f"{option}: {text!r} is no day", mend="write it like 2025-07-01"
        ) from None
