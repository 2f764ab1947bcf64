"""Holds what `clinops account` says against what the bare ledger says, on any estate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from clinops.domain.dora import Dora
from clinops.domain.lead_time import Change
from clinops.domain.ledger import timestamp
from clinops.domain.period import Period
from clinops.domain.scorecard import Scorecard
from clinops.wiring import Wiring
from flows import account
from tests.recount import Recount


def assert_accounts_agree(wiring: Wiring, ledger: Path, period: Period) -> Recount:
    """Count everything again, and compare; return what was counted.

    Args:
        wiring: The estate. Its clock is stopped: both must speak of the same moment.
        ledger: The SQLite file of its ledger.
        period: The days of the DORA figures and scorecards, in whole months.
    """
    now = wiring.clock()
    wiring.clock = lambda: now  # type: ignore[assignment]
    estate = wiring.repository.head()
    requests = [yaml.safe_load(estate.read(path)) for path in estate.paths("requests")]
    recount = Recount(ledger, timestamp(now), requests)
    assert_lead_times(account.all_changes(wiring), recount)
    assert_dora(account.dora(wiring, period).scopes, recount, period)
    for vendor in {row[4]["release"]["vendor"] for row in recount.known}:
        assert_scorecard(account.scorecard(vendor, wiring, period), recount, period)
    return recount


def assert_lead_times(changes: Sequence[Change], recount: Recount) -> None:
    """Compare what the time of each change went to."""
    found = {one.last.release: one for one in changes}
    assert list(found) == recount.ends()
    for release, change in found.items():
        split = {cause.value: figure.value for cause, figure in change.split.items()}
        assert split == pytest.approx(recount.split(release)), release


def assert_dora(scopes: Sequence[Dora], recount: Recount, period: Period) -> None:
    """Compare the five figures of each scope."""
    for scope in scopes:
        kind, _, name = scope.scope.partition(" ")
        again = recount.dora(*period, lambda said, k=kind, n=name: said.get(k, "") == n)
        said = {name: figure.value for name, figure in scope._asdict().items() if name != "scope"}
        assert said == pytest.approx(again), scope.scope


def assert_scorecard(card: Scorecard, recount: Recount, period: Period) -> None:
    """Compare the figures of each measure, month by month and in all."""
    for days, lines in [(period, card.lines), *((one.period, one.lines) for one in card.months)]:
        found = {line.measure.value: line.figure.value for line in lines}
        known = {measure: value for measure, value in found.items() if value is not None}
        assert known == pytest.approx(recount.scorecard(card.vendor, *days)), str(days)
