"""Agreements: what both sides have signed, and how neither gets out of it alone."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import Any

import pytest

from clinops.adapters.estate_validation import validate
from clinops.adapters.push_validation import agreements_broken
from clinops.domain.agreement import Agreement, Measure
from clinops.domain.figure import Figure, Unit
from clinops.domain.lead_time import Cause
from clinops.domain.parsing import parse
from clinops.domain.period import Period
from clinops.errors import BadInputError, NotFoundError
from flows import account
from flows.agreements import standing
from tests.fakes.git_estate import GitEstate
from tests.fakes.trees import FakeTree
from tests.fakes.wiring import FakeWiring, document

AGREEMENT = "vendor_manifests/acme/agreement.yaml"
ACCEPTANCE = "vendor_manifests/acme/acceptance.yaml"
VENDOR = "vendor_manifests/acme/vendor.yaml"
HOUR = 3600


def target(measure: str = "days-to-fix", number: float = 7, **more: Any) -> dict[str, Any]:
    return {"measure": measure, "target": number, **more}


def agreement(**changes: Any) -> bytes:
    content = {
        "schema": 1,
        "vendor": "acme",
        "since": dt.date(2025, 6, 1),
        "until": dt.date(2025, 12, 31),
        "fee": "a month of the contract",
        "targets": [target(credit_percent=5)],
    }
    return document(content | changes)


def acceptance(of: bytes, **changes: Any) -> bytes:
    content = {
        "schema": 1,
        "vendor": "acme",
        "agreement": sha256(of).hexdigest(),
        "accepted_by": "Wile E., head of service",
    }
    return document(content | changes)


def agreed(wiring: FakeWiring, **changes: Any) -> bytes:
    """Have both sides agree."""
    offered = agreement(**changes)
    wiring.commit({AGREEMENT: offered})
    wiring.commit({ACCEPTANCE: acceptance(offered)}, "acme")
    return offered


def tree(**files: bytes | None) -> FakeTree:
    """Make an estate of one vendor's folder."""
    found = {VENDOR: b"schema: 1\n"} | {
        f"vendor_manifests/acme/{name}.yaml": data for name, data in files.items()
    }
    return FakeTree({path: data for path, data in found.items() if data is not None})


# The document


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"targets": [target(), target()]}, "targets[1].measure"),
        ({"targets": [target("clock-kept", 101)]}, "targets[0].target"),
        ({"targets": [target("hope")]}, "targets[0].measure"),
        ({"targets": []}, "targets"),
        ({"targets": [target("days-to-verdict", 1, reward_percent=1)]}, "reward_percent"),
        ({"targets": [target(credit_percent=101)]}, "credit_percent"),
        ({"until": dt.date(2025, 5, 31)}, "until"),
        ({"fee": None}, "targets"),
    ],
)
def test_an_agreement_that_makes_no_sense_is_refused_with_its_place(changes, wrong):
    with pytest.raises(BadInputError) as refused:
        parse("agreement.yaml", agreement(**changes), Agreement)
    assert wrong in refused.value.diagnostics()


def test_targets_are_floors_or_ceilings_as_the_measure_is():
    found = parse("a", agreement(targets=[target(), target("notice-given", 7)]), Agreement)
    days, notice = found.targets
    assert [days.is_kept(number) for number in (6, 7, 8)] == [True, True, False]
    assert [notice.is_kept(number) for number in (6, 7, 8)] == [False, True, True]
    assert found.target_of(Measure.CLOCK_KEPT) is None


def test_an_agreement_lies_in_the_folder_of_its_vendor(wiring):
    offered = agreement(vendor="globex")
    wiring.commit({AGREEMENT: offered, ACCEPTANCE: acceptance(offered, vendor="globex")})
    found = validate(wiring.repository.head(), live={})
    assert [problem.file for problem in found] == [ACCEPTANCE, AGREEMENT]
    assert all("that of the vendor acme" in problem.what for problem in found)


# Both sides


def test_what_both_have_signed_is_agreed(wiring):
    agreed(wiring)
    found = standing("acme", wiring)
    assert found.agreed is not None
    assert found.offered is None
    assert found.said == "agreed from 2025-06-01 until 2025-12-31"


def test_nothing_is_agreed_by_one_side_alone(wiring):
    assert standing("acme", wiring).said == "nothing is agreed: nothing was offered"
    wiring.commit({AGREEMENT: agreement()})
    found = standing("acme", wiring)
    assert found.agreed is None
    assert found.offered is not None
    assert found.said == "nothing is agreed: the vendor has not accepted it"


def test_the_trust_cannot_accept_for_the_vendor(wiring):
    offered = agreement()
    wiring.commit({AGREEMENT: offered, ACCEPTANCE: acceptance(offered)}, "ops")
    found = standing("acme", wiring)
    assert found.agreed is None
    assert "signed by trust:ops, not by vendor:acme" in found.said


def test_an_acceptance_of_other_bytes_accepts_nothing(wiring):
    wiring.commit({AGREEMENT: agreement()})
    wiring.commit({ACCEPTANCE: acceptance(b"")}, "acme")
    assert "of another agreement" in standing("acme", wiring).said


def test_what_was_accepted_stays_in_force_until_another_one_is(wiring):
    agreed(wiring)
    stricter = agreement(targets=[target(number=1, credit_percent=50)])
    wiring.commit({AGREEMENT: stricter})
    found = standing("acme", wiring)
    assert [found.agreed.targets[0].target, found.offered.targets[0].target] == [7, 1]
    assert found.said.endswith("another offer is not accepted")
    wiring.commit({ACCEPTANCE: acceptance(stricter)}, "acme")
    assert standing("acme", wiring).agreed.targets[0].target == 1


def test_an_offer_that_nobody_can_read_leaves_what_was_agreed(wiring):
    agreed(wiring)
    wiring.commit({AGREEMENT: b"schema: 7\n"})
    assert standing("acme", wiring).agreed is not None


def test_whoever_has_the_servers_files_can_agree_for_nobody(estate: GitEstate, tmp_path):
    """Every commit here is put in past the rules of a push."""
    wiring, offered = FakeWiring(tmp_path), agreement()
    wiring.git = estate.repository
    estate.advance(estate.commit({AGREEMENT: offered}, key="ops"))
    mine = estate.commit({ACCEPTANCE: acceptance(offered)}, key="ops")
    theirs = estate.commit({ACCEPTANCE: acceptance(offered)}, key="globex")
    nobodys = estate.commit({ACCEPTANCE: acceptance(offered)}, key=None)
    real = estate.commit({ACCEPTANCE: acceptance(offered)}, key="acme")
    for forged in (mine, theirs, nobodys):
        estate.advance(forged)
        assert standing("acme", wiring).agreed is None
    estate.advance(real)
    assert standing("acme", wiring).agreed is not None
    # A merge that brings in other bytes than both of its sides is the merger's own word.
    other = agreement(targets=[target(number=0)])
    side = estate.commit({AGREEMENT: other}, key="ops")
    evil = estate.commit({ACCEPTANCE: acceptance(other)}, key="ops", parents=[side, real])
    estate.advance(evil)
    assert "signed by trust:ops" in standing("acme", wiring).said


# Pushes


def test_a_vendor_accepts_what_is_offered_and_nothing_else():
    offered = agreement()
    before = tree(agreement=offered)
    accepted = tree(agreement=offered, acceptance=acceptance(offered))
    assert agreements_broken(accepted, before) == []
    (problem,) = agreements_broken(tree(agreement=offered, acceptance=acceptance(b"")), before)
    assert problem.what == "this is not the agreement that is offered"
    assert sha256(offered).hexdigest() in problem.mend
    (problem,) = agreements_broken(tree(acceptance=acceptance(b"")), tree())
    assert problem.mend == "wait for the trust's offer"


def test_an_acceptance_is_never_taken_back_while_the_vendor_is_there():
    offered = agreement()
    accepted = tree(agreement=offered, acceptance=acceptance(offered))
    (problem,) = agreements_broken(tree(agreement=offered), accepted)
    assert problem.file == ACCEPTANCE
    assert "can't be taken back" in problem.what
    assert agreements_broken(FakeTree({}), accepted) == []


def test_the_trust_may_offer_another_one_beside_what_was_accepted():
    offered = agreement()
    accepted = tree(agreement=offered, acceptance=acceptance(offered))
    other = tree(agreement=agreement(fee="less"), acceptance=acceptance(offered))
    assert agreements_broken(other, accepted) == []


def test_an_acceptance_that_cannot_be_read_is_left_to_the_validation():
    assert agreements_broken(tree(acceptance=b"schema: 7\n"), tree()) == []


# Scorecards


def test_nobody_owes_anything_where_nothing_is_agreed(wiring):
    wiring.commit({AGREEMENT: agreement(targets=[target(number=0, credit_percent=50)])})
    wiring.suites.failing = {("smoke", "2.0")}
    wiring.qualify(wiring.offer())
    wiring.clock.advance(40 * 24 * HOUR)
    found = account.scorecard("acme", wiring)
    assert all(line.target is None for line in found.lines)
    assert found.vendor_owes.value == 0


def test_the_trend_has_six_months_unless_days_are_given(wiring):
    assert [str(month.period)[:7] for month in account.scorecard("acme", wiring).months] == [
        "2025-01",
        "2025-02",
        "2025-03",
        "2025-04",
        "2025-05",
        "2025-06",
    ]
    one = account.scorecard("acme", wiring, Period(dt.date(2025, 5, 20), dt.date(2025, 5, 21)))
    assert [str(month.period) for month in one.months] == ["2025-05-01 to 2025-05-31"]


def test_an_agreement_holds_only_for_months_that_lie_in_it(wiring):
    agreed(wiring, since=dt.date(2025, 6, 2), until=dt.date(2025, 7, 31))
    wiring.clock.advance(80 * 24 * HOUR)
    months = account.scorecard("acme", wiring).months[-3:]
    held = [any(line.target for line in month.lines) for month in months]
    assert held == [False, True, False]


def test_a_clock_is_missed_by_what_was_pushed_too_late_or_never(wiring):
    agreed(wiring, targets=[target("clock-kept", 100, credit_percent=5)])
    wiring.suites.failing = {("smoke", "2.0")}
    wiring.qualify(wiring.offer(deadline=dt.date(2025, 6, 12)))
    wiring.suites.failing = set()

    def kept():
        lines = account.scorecard("acme", wiring).lines
        return next(line.figure for line in lines if line.measure is Measure.CLOCK_KEPT)

    assert kept().value is None, "the day is not over"
    wiring.clock.advance(5 * 24 * HOUR)
    assert kept().value == 0
    # A later deadline in what mends it puts no clock back.
    wiring.qualify(wiring.offer("2.1", supersedes="1.0", deadline=dt.date(2025, 12, 31)))
    assert kept().value == 0
    assert kept().inputs[0].said == "nothing that qualified was pushed by 2025-06-12"


def test_notice_of_a_security_patch_is_asked_of_nobody(wiring):
    wiring.offer(kind="security-patch", deadline=dt.date(2025, 6, 12))
    lines = account.scorecard("acme", wiring).lines
    assert next(line.figure for line in lines if line.measure is Measure.NOTICE).inputs == ()


def test_what_waits_counts_for_as_long_as_it_has_waited(wiring):
    wiring.qualify(wiring.offer())
    wiring.clock.advance(48 * HOUR)
    wiring.offer("3.0", supersedes="1.0")
    wiring.clock.advance(24 * HOUR)
    found = {line.measure: line.figure for line in account.scorecard("acme", wiring).lines}
    assert found[Measure.DAYS_TO_VERDICT].value == 1
    assert found[Measure.DAYS_TO_SIGN_OFF] == Figure(
        None, Unit.DAYS, "the longest, from a verdict that qualified to the last sign-off"
    )
    assert found[Measure.DAYS_TO_FIX].value is None
    wiring.qualify(wiring.release(wiring.ledger.releases("pas")[0].id))
    wiring.clock.advance(24 * HOUR)
    found = {line.measure: line.figure for line in account.scorecard("acme", wiring).lines}
    assert found[Measure.DAYS_TO_SIGN_OFF].value == 1
    assert found[Measure.DAYS_TO_SIGN_OFF].inputs[0].said == "not all have signed yet"


def test_what_was_overtaken_without_an_answer_waits_for_no_verdict(wiring):
    wiring.suites.crashing = {("smoke", "2.0")}
    wiring.qualify(wiring.offer())
    wiring.clock.advance(24 * HOUR)
    wiring.offer("2.1", supersedes="1.0")
    wiring.clock.advance(HOUR)
    (change,) = account.all_changes(wiring)
    assert [one.version for one in change.journeys] == ["2.0", "2.1"]
    assert change.split[Cause.VENDOR].value == 24 * HOUR
    found = {line.measure: line.figure for line in account.scorecard("acme", wiring).lines}
    assert [one.what for one in found[Measure.DAYS_TO_VERDICT].inputs] == [change.last.release]
    assert found[Measure.DAYS_TO_FIX].inputs == ()


def test_a_vendor_that_nobody_knows_has_no_scorecard(wiring, terminal):
    with pytest.raises(NotFoundError):
        account.scorecard("acne", wiring)
    assert terminal.run("account", "scorecard", "acne").code == 2


def test_the_command_shows_months_targets_and_what_follows(wiring, terminal):
    agreed(wiring, targets=[target("first-time-qualification", 90, credit_percent=5)])
    wiring.suites.failing = {("smoke", "2.0")}
    wiring.qualify(wiring.offer())
    wiring.clock.advance(40 * 24 * HOUR)
    said = terminal.run("account", "scorecard", "acme", "--since", "2025-06-01")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "acme: agreed from 2025-06-01 until 2025-12-31"
    assert lines[1].split() == ["2025-06", "2025-07", "all", "agreed"]
    row = "first-time-qualification 0 % ✗ unknown 0 % ✗ ≥ 90"
    assert lines[2].split() == row.split()
    assert "the vendor owes 5 % of a month's fee, at most 100 % for each" in lines
    assert "  2025-06  5 % for first-time-qualification, missed: 0 %, agreed at least 90" in lines
    assert "the trust owes 0 % of a month's fee, at most 100 % for each" in lines
    told = terminal.run("account", "scorecard", "acme", "--json")
    assert '"fee": "a month of the contract"' in told.out
