"""Accounts of a quarter: what ClinOps says is what the bare ledger says, counted independently."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest

from clinops.domain.lead_time import Cause
from clinops.domain.period import Period
from flows import account
from tests.accounted import assert_accounts_agree
from tests.fakes.quarter import quarter
from tests.recount import Recount

QUARTER = Period(dt.date(2025, 6, 1), dt.date(2025, 9, 1))
JULY = Period(dt.date(2025, 7, 1), dt.date(2025, 8, 1))


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    with quarter(tmp_path_factory.mktemp("quarter")) as (wiring, path):
        yield wiring, path


def sequences_of(path):
    return {row[0] for row in Recount(path, "").rows}


def versions(changes):
    return [[one.version for one in change.journeys] for change in changes]


def test_each_release_is_in_one_change_with_what_it_mends(played):
    wiring, _ = played
    found = account.lead_times(wiring, QUARTER)
    assert versions(found.live) == [["2.0", "2.1"], ["3.0", "3.1", "3.1"], ["3.2"], ["4.1"]]
    assert versions(found.waiting) == [["5.0", "5.1"]]


def test_the_causes_of_a_change_add_up_to_its_whole_time(played):
    for change in account.all_changes(played[0]):
        assert change.whole.value == pytest.approx(sum(f.value for f in change.split.values()))
        moments = [(leg.since.time, leg.until.time) for leg in change.legs]
        assert all(one[1] == other[0] for one, other in pairwise(moments))


@pytest.mark.parametrize("period", [QUARTER, JULY], ids=str)
def test_every_account_is_what_the_bare_ledger_says(played, period):
    wiring, path = played
    recount = assert_accounts_agree(wiring, path, period)
    assert len(recount.ends()) == 6
    assert recount.dora(*period)["change_failure_rate"] > 0
    assert len(recount.scorecard("acme", *period)) == 7


def test_who_was_waited_for_is_who_had_to_act(played):
    first, mended, *_ = account.lead_times(played[0], QUARTER).live
    assert first.split[Cause.VENDOR].value == 4 * 86_400
    # The smoke suite that refused 3.1 was the trust's own: that day is no vendor's.
    assert mended.split[Cause.VENDOR].value == 3 * 86_400
    assert mended.split[Cause.TEST].value > 86_400


def test_every_input_of_a_figure_names_entries_that_are_there(played):
    wiring, path = played
    sequences = sequences_of(path)
    scopes = account.dora(wiring, QUARTER).scopes
    figures = [figure for scope in scopes for figure in scope[1:]]
    figures += account.lead_times(wiring, QUARTER).typical.values()
    inputs = [one for figure in figures for one in figure.inputs]
    assert inputs
    assert all(one.entries and sequences.issuperset(one.entries) for one in inputs)


def test_what_was_rolled_back_and_what_needed_a_hotfix_have_failed(played):
    found = account.dora(played[0], QUARTER).scopes[0]
    failed = [one.said for one in found.change_failure_rate.inputs if one.value]
    assert len(failed) == 2
    assert failed[0] == "it was rolled back at cottage-hospital"
    assert failed[1].startswith("pas-3.2-")
    assert failed[1].endswith(" had to follow as an emergency")
    unplanned = [one.said for one in found.rework_rate.inputs if one.value]
    assert unplanned[0].startswith("it mends pas-3.0-")
    assert unplanned[1:] == ["an emergency"]


def test_a_month_without_deployments_has_no_rates(played):
    found = account.dora(played[0], Period(dt.date(2025, 1, 1), dt.date(2025, 2, 1))).scopes
    assert [scope.scope for scope in found] == ["estate"]
    assert found[0].deployment_frequency.value == 0
    assert found[0].change_failure_rate.value is None
    assert found[0].recovery_time.value is None


def owed(figure):
    return {one.what: one.value for one in figure.inputs}


def test_what_is_owed_is_what_was_agreed_for_what_was_missed(played):
    june, july, august = account.scorecard("acme", played[0], QUARTER).months
    # 2.0 was refused, and its fix took four days; it was pushed 15 days before its deadline.
    assert owed(june.vendor_owes) == {"first-time-qualification": 3, "days-to-fix": 10}
    assert june.vendor_owes.value == 12, "the most that was agreed"
    assert owed(june.trust_owes) == {"undeclared-differences": 1.5, "clock-kept": 2}
    assert owed(july.vendor_owes) == {}
    assert owed(july.trust_owes) == {
        "undeclared-differences": 1.5,
        "clock-kept": 2,
        "days-to-verdict": 4,
        "days-to-sign-off": 2,
    }
    # August is not over yet.
    assert not august.over
    assert august.vendor_owes.value == august.trust_owes.value == 0


def test_every_input_of_a_scorecard_names_entries_that_are_there(played):
    wiring, path = played
    found = account.scorecard("acme", wiring, QUARTER)
    figures = [line.figure for line in found.lines]
    figures += [owed for month in found.months for owed in (month.vendor_owes, month.trust_owes)]
    sequences = sequences_of(path)
    inputs = [one for figure in [*figures, found.vendor_owes] for one in figure.inputs]
    assert inputs
    assert all(one.entries and sequences.issuperset(one.entries) for one in inputs)
