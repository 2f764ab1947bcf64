"""Accounts of any ledger that can be: they are what an independent count says, and add up."""

from __future__ import annotations

import datetime as dt
import sqlite3
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.dora import deployments, figures
from clinops.domain.journey import journeys
from clinops.domain.lead_time import changes
from clinops.domain.ledger import Kind, timestamp
from clinops.domain.outcome import State
from clinops.domain.period import Period
from clinops.domain.scorecard import scorecard
from clinops.errors import LedgerError
from tests.accounted import assert_dora, assert_lead_times, assert_scorecard
from tests.fakes.ledger import EVIDENCE, FakeClock, FakeLedger, live_body
from tests.recount import Recount

PERIOD = Period(dt.date(2025, 6, 1), dt.date(2025, 9, 1))
SITES = ("cottage", "general")


class _Estate:
    """Writes whatever the fold lets in, at random."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self.ledger = FakeLedger(FakeClock())

    def live_through(self, steps: int) -> None:
        for _ in range(steps):
            self.ledger._clock.advance(self._draw.choice((0, 60, 3600, 86_400, 3 * 86_400)))
            (kind,) = self._draw.choices(tuple(_OFTEN), tuple(_OFTEN.values()))
            try:
                self._happen(kind)
            except LedgerError:
                continue  # it can't follow what is on record

    def _happen(self, kind: Kind) -> None:
        known = [one.id for one in self.ledger.releases()]
        if kind is Kind.RELEASE_KNOWN or not known:
            self._push(len(known))
            return
        release = self._draw.choice(known[:3])
        body = _BODIES[kind](self._draw)
        subject = release
        if kind is Kind.QUALIFICATION_STARTED:
            record = self.ledger.release(release)
            body = {"attempt": (record.attempt if record else 0) + 1}
        elif kind in {Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK}:
            product, site = release.split("-")[0], self._draw.choice(SITES)
            behind = release if kind is Kind.SITE_LIVE else None
            live = live_body(behind, site, product=product)
            body, subject = {"live": live, "release": release}, f"{product}@{site}"
        elif kind is Kind.SUPERSEDED and self._is(release, State.LIVE):
            return  # the fold lets it in, but nothing that is live is overtaken
        self.ledger.append(kind, subject, body)

    def _is(self, release: str, state: State) -> bool:
        record = self.ledger.release(release)
        return record is not None and record.state is state

    def _push(self, number: int) -> None:
        product = self._draw.choice(("pas", "lis"))
        name = f"{product}-{number}"
        parts = {part: f"{self._draw.randrange(2)}" for part in ("manifest", "package")}
        release = {"id": name, "product": product, "vendor": self._draw.choice(("acme", "globex"))}
        ago = dt.timedelta(minutes=self._draw.choice((-1, 0, 5, 3000)))
        body = {
            "release": {**release, "version": f"1.{number}", "inputs": parts},
            "offers": {
                "kind": self._draw.choice(("upgrade", "security-patch")),
                "deadline": self._draw.choice((None, "2025-06-20", "2025-08-01")),
            },
            "pushed": timestamp(self.ledger._clock() - ago),
        }
        self.ledger.append(Kind.RELEASE_KNOWN, name, body)


def _findings(draw: Random) -> list[dict[str, str]]:
    kinds = ("undeclared-difference", "regression", "test-failed")
    return [{"kind": draw.choice(kinds)} for _ in range(draw.randrange(4))]


_BODIES: dict[Kind, Any] = {
    Kind.RELEASE_KNOWN: None,
    Kind.QUALIFICATION_STARTED: lambda draw: {},
    Kind.QUALIFICATION_ERRORED: lambda draw: {"reason": "disk full"},
    Kind.VERDICT: lambda draw: {
        "outcome": draw.choice(("qualified", "qualified", "refused", "inconclusive")),
        "evidence": EVIDENCE,
        "findings": _findings(draw),
    },
    Kind.SIGNED: lambda draw: {"envelope": {}},
    Kind.REJECTED: lambda draw: {"envelope": {}},
    Kind.DEPLOYMENT_STARTED: lambda draw: {
        "sites": list(SITES),
        "resume": draw.random() < 0.2,
        "gate": {"route": draw.choice(("normal", "emergency"))},
    },
    Kind.SITE_LIVE: lambda draw: {},
    Kind.SITE_ROLLED_BACK: lambda draw: {},
    Kind.DEPLOYED: lambda draw: {},
    Kind.ROLLED_BACK: lambda draw: {
        "site": draw.choice(("", "cottage")),
        "verified": draw.random() < 0.7,
    },
    Kind.SUPERSEDED: lambda draw: {"by": "pas-x"},
    Kind.REOPENED: lambda draw: {"fresh": True},
}


_OFTEN = dict.fromkeys(_BODIES, 6) | {
    Kind.RELEASE_KNOWN: 2,
    Kind.QUALIFICATION_STARTED: 3,
    Kind.QUALIFICATION_ERRORED: 2,
    Kind.REJECTED: 1,
    Kind.ROLLED_BACK: 2,
    Kind.SUPERSEDED: 1,
    Kind.REOPENED: 1,
}
"""So that some get all the way to their sites."""


def recount_of(ledger: FakeLedger, folder: str) -> Recount:
    path = Path(folder, "ledger.db")
    rows = [entry.row() for entry in ledger.entries()]
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE ledger (sequence, time, kind, about, body)")
        found = [(row.sequence, row.time, row.kind, row.about, row.body) for row in rows]
        database.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?)", found)
    database.close()
    return Recount(path, timestamp(ledger._clock()))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_accounts_are_what_an_independent_count_says(seed):
    estate = _Estate(Random(seed))  # noqa: S311
    estate.live_through(120)
    now = timestamp(estate.ledger._clock())
    found = changes(journeys(estate.ledger.entries()), now)
    with TemporaryDirectory() as folder:
        recount = recount_of(estate.ledger, folder)
    assert_lead_times(found, recount)
    assert_dora(figures(deployments(found), PERIOD, now), recount, PERIOD)
    for vendor in ("acme", "globex"):
        assert_scorecard(scorecard(vendor, found, PERIOD, now), recount, PERIOD)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_the_time_of_a_change_has_no_hole_and_nothing_twice(seed):
    estate = _Estate(Random(seed))  # noqa: S311
    estate.live_through(120)
    ledger = estate.ledger
    found = changes(journeys(ledger.entries()), timestamp(ledger._clock()))
    releases = [one.release for change in found for one in change.journeys]
    assert sorted(releases) == sorted(one.id for one in ledger.releases())
    for change in found:
        assert all(leg.seconds > 0 for leg in change.legs)
        assert all(one.until.time == other.since.time for one, other in pairwise(change.legs))
        split = sum(figure.value or 0 for figure in change.split.values())
        assert change.whole.value == pytest.approx(split)
        assert all(source.entries for source in change.whole.inputs)
