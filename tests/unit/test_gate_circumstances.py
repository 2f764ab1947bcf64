"""What a gate must know besides the signatures under a release."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from clinops.domain.calendar import Calendar, Freeze
from clinops.domain.gate import Rule
from clinops.domain.identity import Register
from clinops.domain.ledger import Anchor
from clinops.domain.line import Order, Stop, against_stopping, stop_in_force
from clinops.domain.signoff import BrokenSignature, CheckedSignature, LineAction
from tests.fakes.gates import (
    NOW,
    ONE_HOUR,
    PEOPLE,
    VENDORS,
    approved,
    digest,
    key,
    ordered,
    people,
    policy,
    signed,
)
from tests.unit.judging import DAY, FREEZE, STOP, judge, the_one_reason

SITES = ("north", "south")


# Administrators


def test_whoever_may_push_signs_nothing_off():
    joy = PEOPLE["joy"].model_copy(update={"may_push": True})
    report = judge(signers=people(joy=joy))
    assert [one.rule for one in report.refused] == [Rule.ADMINISTRATOR]
    assert not report.open
    lax = policy(separation={"administrators": False})
    assert judge(signers=people(joy=joy), policy=lax).open


# Stop, freeze, overdue


STOPPED = Order(LineAction.STOP, ordered("sam", "operations", LineAction.STOP, sequence=5))


def resumed(who: str = "joy", role: str = "safety", **changes: Any) -> Order:
    given = {"action": LineAction.RESUME, "sequence": 8, "upon": 6, **changes}
    return Order(LineAction.RESUME, ordered(who, role, **given))


def in_force(*orders: Order, **changes: Any) -> Stop | None:
    given: dict[str, Any] = {"policy": policy(), "signers": people(), "vendors": VENDORS}
    return stop_in_force(orders, "orthanc", Register(now=NOW, **{**given, **changes}))


def test_a_stop_is_in_force_until_somebody_lets_the_line_go_on():
    assert in_force() is None
    stop = in_force(STOPPED)
    assert stop is not None
    assert (stop.name, stop.reason, stop.sequence) == ("Sam Reed", "Because.", 5)
    assert in_force(STOPPED, resumed()) is None
    assert in_force(STOPPED, resumed(), STOPPED._replace(
        found=ordered("sam", "operations", LineAction.STOP, sequence=9))) is not None  # fmt: skip


@pytest.mark.parametrize(
    "resume",
    [
        resumed("sam", "operations"),
        resumed(with_key="stranger"),
        resumed(with_key="sam"),
        resumed(upon=4),
        resumed(product="pas"),
        resumed(action=LineAction.STOP),
        resumed(at=NOW + ONE_HOUR),
        Order(
            LineAction.RESUME,
            BrokenSignature(problem="cut", recorded=NOW.isoformat(), sequence=8),
        ),
    ],
)
def test_an_order_that_does_not_count_lifts_no_stop(resume: Order):
    assert in_force(STOPPED, resume) is not None


def test_an_order_written_down_again_does_not_lift_a_later_stop():
    old = resumed()
    again = Order(old.action, ordered("joy", "safety", LineAction.RESUME, sequence=12, upon=6))
    later = Order(LineAction.STOP, ordered("sam", "operations", LineAction.STOP, sequence=9))
    assert in_force(STOPPED, old, later, again) is not None


def test_a_stop_stands_though_its_signature_no_longer_holds_or_its_signer_left():
    broken = BrokenSignature(problem="cut", recorded=NOW.isoformat(), sequence=5)
    stop = in_force(Order(LineAction.STOP, broken))
    assert stop is not None
    assert "its signature does not hold" in stop.reason
    assert in_force(STOPPED, signers=people(sam=PEOPLE["kim"])) is not None


def test_a_revoked_key_lets_no_line_go_on():
    joy = PEOPLE["joy"].model_copy(update={"keys": [key("joy", revoked=NOW.date())]})
    assert in_force(STOPPED, resumed(), signers=people(joy=joy)) is not None


@pytest.mark.parametrize(
    ("who", "role", "changes", "rule"),
    [
        ("sam", "operations", {}, None),
        ("kim", "porter", {}, None),
        ("sam", "operations", {"with_key": "stranger"}, Rule.UNKNOWN_KEY),
        ("sam", "operations", {"with_key": "joy"}, Rule.CLAIM_DIFFERS),
        ("sam", "nurse", {}, Rule.ROLE_NOT_HELD),
        ("sam", "operations", {"product": "pas"}, Rule.OTHER_DOCUMENT),
        ("sam", "operations", {"at": NOW - 300 * DAY}, Rule.KEY_OUT_OF_TIME),
        ("sam", "operations", {"at": NOW + ONE_HOUR}, Rule.FUTURE),
    ],
)
def test_whoever_holds_a_role_may_stop_the_line(who: str, role: str, changes: Any, rule: Any):
    order = ordered(who, role, LineAction.STOP, **changes)
    register = Register(policy(), people(), VENDORS, NOW)
    found = [found for found, _ in against_stopping(order, "orthanc", register)]
    assert found[:1] == ([rule] if rule else [])


def test_an_administrator_or_a_vendor_may_stop_the_line():
    keys = [key("sam"), key("vendor")]
    sam = PEOPLE["sam"].model_copy(update={"may_push": True, "keys": keys})
    order = ordered("sam", "operations", LineAction.STOP)
    register = Register(policy(), people(sam=sam), VENDORS, NOW)
    assert list(against_stopping(order, "orthanc", register)) == []


def test_a_stop_a_freeze_and_what_is_overdue_close_the_gate():
    assert "order to go on by safety: Sam stopped" in the_one_reason(judge(stop=STOP))
    assert "freeze until 2025-06-11T12:00+00:00: Christmas" in the_one_reason(
        judge(freezes=(FREEZE,))
    )
    assert the_one_reason(judge(overdue=("the sign-offs of 1.12.5",))).startswith("the sign-offs")


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"products": ["orthanc"]}, True),
        ({"products": ["pas"]}, False),
        ({"sites": ["south", "east"]}, True),
        ({"sites": ["east"]}, False),
        ({"from": NOW + ONE_HOUR}, False),
        ({"until": NOW}, False),
        ({"from": NOW}, True),
    ],
)
def test_a_freeze_holds_in_its_time_for_its_products_and_sites(changes: Any, holds: bool):
    given = {"from": NOW - DAY, "until": NOW + DAY, "reason": "r", **changes}
    calendar = Calendar.model_validate({"schema": 1, "freezes": [given]})
    assert bool(calendar.in_force("orthanc", SITES, NOW)) is holds


@pytest.mark.parametrize(
    "changes",
    [{"until": NOW - 2 * DAY}, {"until": NOW.replace(tzinfo=None)}, {"sites": []}, {"reason": ""}],
)
def test_a_freeze_that_says_nothing_is_none(changes: Any):
    with pytest.raises(ValidationError):
        Freeze.model_validate({"from": NOW - DAY, "until": NOW + DAY, "reason": "r", **changes})


# Sites


def quorum(sites: int = 2) -> Any:
    return policy(requires=[{"role": "safety"}, {"role": "operations", "sites": sites}])


def speaking(who: str, site: str | None, **changes: Any) -> CheckedSignature:
    return signed(who, "operations", site=site, **changes)


OF_BOTH = people(
    sam=PEOPLE["sam"].model_copy(update={"sites": ["north", "west"]}),
    kim=PEOPLE["kim"].model_copy(update={"sites": ["south", "north"]}),
)


def test_a_quorum_needs_people_of_different_sites_that_the_release_goes_to():
    asked = {"policy": quorum(), "signers": OF_BOTH, "sites": SITES}
    joy = signed("joy", "safety")
    assert judge(joy, speaking("sam", "north"), speaking("kim", "south"), **asked).open
    report = judge(joy, speaking("sam", "north"), speaking("kim", "north"), **asked)
    assert the_one_reason(report) == "1 more sign-off by role operations for another site"
    assert report.awaited == ("operations",)
    assert judge(joy, **asked).missing == (
        "2 more sign-offs by role operations, each for another site",
    )
    west = judge(joy, speaking("sam", "west"), speaking("kim", "south"), **asked)
    assert not west.open


def test_nobody_speaks_for_a_site_that_is_not_theirs():
    report = judge(speaking("sam", "south"), policy=quorum(1), signers=OF_BOTH, sites=SITES)
    assert [one.rule for one in report.refused] == [Rule.SITE_NOT_THEIRS]


def test_a_person_fills_one_place_for_one_site():
    asked = {"policy": quorum(), "signers": OF_BOTH, "sites": SITES}
    both_sites = [speaking("kim", "south"), speaking("kim", "north")]
    report = judge(signed("joy", "safety"), *both_sites, **asked)
    assert not report.open
    (refused,) = report.refused
    assert refused.rule is Rule.SAME_PERSON
    assert "already fills the role operations for" in refused.sentence


# What is missing, in words


def test_names_the_alternatives_that_lack_as_little():
    asked = policy(requires=[{"role": "safety"},
                             {"any_of": [{"role": "operations"}, {"role": "porter"}]}])  # fmt: skip
    report = judge(signed("joy", "safety"), policy=asked)
    assert report.missing == (
        "either 1 more sign-off by role operations, or 1 more sign-off by role porter",
    )
    assert report.awaited == ("operations", "porter")
    assert judge(signed("joy", "safety"), signed("kim", "porter"), policy=asked).open


def test_a_later_signature_takes_the_place_of_an_earlier_one():
    early = signed("joy", "safety", sequence=7)
    late = signed("joy", "safety", sequence=9, at=NOW)
    report = judge(early, late)
    assert [one.sequence for one in report.counted] == [9]
    assert [(one.rule, one.sequence) for one in report.refused] == [(Rule.SAME_PERSON, 7)]


def test_a_signature_upon_the_ledger_says_which():
    assert signed("joy", "safety").signed.ledger == Anchor(sequence=0, digest=digest("0"))


def test_whoever_changed_what_the_release_is_made_of_does_not_sign_it_off():
    report = judge(contributors={"trust:joy"})
    assert [one.rule for one in report.refused] == [Rule.COMMITTER]
    assert not report.open


def test_nothing_more_is_said_about_a_key_of_nobody():
    register = Register(policy(), people(), VENDORS, NOW)
    found = list(register.of_lasting_word(approved(with_key="stranger"), "safety"))
    assert [rule for rule, _ in found] == [Rule.UNKNOWN_KEY]
