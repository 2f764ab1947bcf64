"""Refused pushes on the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from clinops.adapters.git_push import PushVerdict
from clinops.adapters.refused_pushes import MOST_AN_HOUR, put_on_record
from clinops.domain.ledger import Entry, Kind
from clinops.errors import InfrastructureError, LedgerError
from tests.fakes.ledger import FakeClock, FakeLedger, live_body

REFUSED = PushVerdict("vendor:acme", (), ("a.yaml:1: is wrong", "b.yaml: may not"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(dt.datetime(2026, 6, 15, 12, 0, 1, tzinfo=dt.UTC))


@pytest.fixture
def ledger(clock: FakeClock) -> FakeLedger:
    return FakeLedger(clock)


class BrokenLedger(FakeLedger):
    """A ledger that takes nothing."""

    error: Exception = InfrastructureError("no space")

    def append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        raise self.error


class UnreadableLedger(FakeLedger):
    """A ledger with a line that is none."""

    def recent(self, *_: Any, **__: Any) -> list[Entry]:
        raise LedgerError("entry 7 can't be read")


def test_says_who_was_refused_and_why(ledger: FakeLedger, clock: FakeClock) -> None:
    assert put_on_record(ledger, REFUSED, clock())
    (entry,) = ledger.entries()
    assert (entry.kind, entry.subject) == (Kind.PUSH_REFUSED, "estate")
    assert entry.body == {
        "principal": "vendor:acme",
        "problems": ["a.yaml:1: is wrong", "b.yaml: may not"],
    }
    assert list(ledger.problems()) == []


def test_a_pusher_whom_nobody_knows_is_nobody(ledger: FakeLedger, clock: FakeClock) -> None:
    put_on_record(ledger, PushVerdict(None, (), ("is unsigned",)), clock())
    assert [entry.body["principal"] for entry in ledger.entries()] == [None]


def test_hostile_text_is_cut_and_stays_text(ledger: FakeLedger, clock: FakeClock) -> None:
    hostile = ("\x1b[2J\ud800\u202e<script>" + "x" * 100_000, *("y" * 10_000 for _ in range(99)))
    assert put_on_record(ledger, PushVerdict("vendor:acme", (), hostile), clock())
    (entry,) = ledger.entries()
    problems = entry.body["problems"]
    assert len(problems) == 20
    assert problems[0].startswith("\\x1b[2J\\ud800\\u202e<script>xx")
    assert problems[0].endswith("x…")
    assert all(len(problem) == 501 and problem.isprintable() for problem in problems)


def test_a_flood_leaves_so_many_entries_an_hour_and_one_that_says_so(
    ledger: FakeLedger, clock: FakeClock
) -> None:
    for _ in range(3 * MOST_AN_HOUR):
        assert put_on_record(ledger, REFUSED, clock())
    entries = list(ledger.entries())
    assert len(entries) == MOST_AN_HOUR + 1
    assert entries[-1].body["principal"] is None
    assert "more than 60 pushes" in entries[-1].body["problems"][0]
    assert all(entry.body["principal"] for entry in entries[:-1])


def test_the_next_hour_counts_anew(ledger: FakeLedger, clock: FakeClock) -> None:
    for _ in range(MOST_AN_HOUR + 5):
        put_on_record(ledger, REFUSED, clock())
    clock.advance(3600)
    put_on_record(ledger, REFUSED, clock())
    last = list(ledger.entries())[-1]
    assert last.sequence == MOST_AN_HOUR + 2
    assert last.body["principal"] == "vendor:acme"


def test_other_entries_are_not_counted(ledger: FakeLedger, clock: FakeClock) -> None:
    for _ in range(MOST_AN_HOUR + 5):
        ledger.append(Kind.SYSTEM_ADOPTED, "pas@ward", {"live": live_body()})
    put_on_record(ledger, REFUSED, clock())
    assert list(ledger.entries())[-1].body["principal"] == "vendor:acme"


@pytest.mark.parametrize("error", [InfrastructureError("locked"), LedgerError("x"), OSError("x")])
def test_a_ledger_that_takes_nothing_hides_nothing(clock: FakeClock, error: Exception) -> None:
    broken = BrokenLedger(clock)
    broken.error = error
    assert not put_on_record(broken, REFUSED, clock())


def test_a_ledger_that_cannot_be_read_hides_nothing(clock: FakeClock) -> None:
    assert not put_on_record(UnreadableLedger(clock), REFUSED, clock())
