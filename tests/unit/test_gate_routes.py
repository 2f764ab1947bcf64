"""The routes through a gate: standard changes, ordinary ones, emergencies."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.circumstances import Deployed
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.finding import Finding, Weight
from clinops.domain.gate import GateReport, Rule
from clinops.domain.ledger import Anchor
from clinops.domain.outcome import Outcome
from clinops.domain.signoff import ChangeType, CheckedSignature
from tests.fakes.compared import comparison, rehearsal
from tests.fakes.evidence import case, run
from tests.fakes.gates import NOW, digest, evidence, policy, signed
from tests.unit.judging import DAY, FREEZE, STOP, covered, judge

EMERGENCY = {"requires": [{"role": "safety"}], "owed_within_hours": 72}


STANDARD = policy(standard={"requires": [{"role": "operations"}]})


def calm(**changes: Any) -> Evidence:
    tried = {"rehearsal": rehearsal(), "comparison": comparison()}
    return evidence(**{**tried, **changes})


def by_sam(about: Evidence, **changes: Any) -> GateReport:
    given = {"policy": STANDARD, "coverage": covered(), **changes}
    return judge(signed("sam", "operations", about=about), about=about, **given)


def test_a_standard_change_takes_the_standard_route():
    report = by_sam(calm())
    assert (report.open, report.route) == (True, ChangeType.STANDARD)


def difference(**changes: Any) -> Difference:
    made = {"kind": "test-result", "subject": "smoke: test_b", "before": "failed",
            "after": "passed", "declared_by": "Mended."}  # fmt: skip
    return Difference.model_validate({**made, **changes})


MILD = run(case("test_b", hazards=("ORT-009",)))
SERIOUS = run(case("test_b", hazards=("ORT-001",)))


@pytest.mark.parametrize(
    "about",
    [
        calm(baseline_version=None),
        calm(rehearsal=None),
        calm(comparison=None),
        calm(findings=(Finding(kind="test-mended", weight=Weight.NOTE, summary="s"),)),
        calm(differences=(difference(declared_by=None),), runs=(MILD,)),
        calm(differences=(difference(),), runs=(SERIOUS,)),
        calm(differences=(difference(),)),
        calm(differences=(difference(kind="image-configuration"),), runs=(MILD,)),
        calm(differences=(difference(kind="schema", hazards=("ORT-009",)),)),
        calm(differences=(difference(kind="data", hazards=("ORT-009",)),)),
        calm(differences=(difference(kind="behaviour", hazards=("ORT-001",)),)),
        calm(differences=(difference(kind="behaviour"),)),
    ],
    ids=[
        "new",
        "not rehearsed",
        "not compared",
        "finding",
        "undeclared",
        "serious hazard",
        "no hazard known",
        "configuration",
        "schema",
        "data",
        "answers of a serious hazard",
        "answers of no hazard known",
    ],
)
def test_what_is_no_standard_change_needs_everybody(about: Evidence):
    report = by_sam(about)
    assert not report.open
    assert report.missing == ("1 more sign-off by role safety",)
    assert judge(about=about, policy=STANDARD).route is ChangeType.NORMAL


def mild() -> Any:
    """Cover one serious hazard and one that is not."""
    (serious,) = covered()
    return serious, serious.model_copy(update={"hazard": "ORT-009", "weight": 2})


def test_a_declared_difference_that_touches_no_serious_hazard_is_standard():
    about = calm(differences=(difference(),), runs=(MILD,))
    assert by_sam(about, coverage=mild()).route is ChangeType.STANDARD
    assert not by_sam(about).open, "nobody has said how bad ORT-009 is"


def test_declared_answers_that_touch_no_serious_hazard_are_standard():
    about = calm(differences=(difference(kind="behaviour", hazards=("ORT-009",)),))
    assert by_sam(about, coverage=mild()).route is ChangeType.STANDARD


def test_a_standard_change_is_tested_and_deployed_as_the_version_in_use_is():
    about = calm()
    assert by_sam(about).open
    assert by_sam(about, changed=("compose.yaml",)).missing == ("1 more sign-off by role safety",)
    assert judge(about=about, policy=STANDARD, changed=("a",)).route is ChangeType.NORMAL


def test_a_standard_change_is_closed_by_whatever_closes_the_others():
    assert not by_sam(calm(), stop=STOP).open
    assert not by_sam(calm(), hazard_log=None).open


QUICK = policy(emergency={**EMERGENCY, "passes": ["freeze", "stop"]})


def urgent(upon: int = STOP.sequence, **changes: Any) -> CheckedSignature:
    anchor = Anchor(sequence=upon, digest=digest("f"))
    return signed("joy", "safety", change=ChangeType.EMERGENCY, ledger=anchor, **changes)


def test_an_emergency_goes_with_fewer_and_owes_the_others():
    report = judge(urgent(), policy=QUICK)
    assert (report.open, report.route) == (True, ChangeType.EMERGENCY)
    assert report.owed is not None
    assert report.owed.missing == ("1 more sign-off by role operations",)
    assert report.owed.awaited == ("operations",)
    assert report.owed.deadline == "2025-06-13T12:00:00.000000+00:00"
    assert report.counted[0].change is ChangeType.EMERGENCY


def test_nobodys_ordinary_approval_is_taken_for_an_emergency():
    assert not judge(signed("joy", "safety"), policy=QUICK).open


def test_an_emergencys_approval_counts_where_there_is_time():
    report = judge(urgent(), signed("sam", "operations"), policy=QUICK)
    assert (report.route, report.owed) == (ChangeType.NORMAL, None)


def test_an_emergency_passes_what_the_policy_says_and_nothing_else():
    assert judge(urgent(), policy=QUICK, stop=STOP, freezes=(FREEZE,)).open
    assert not judge(urgent(), policy=QUICK, overdue=("x",)).open
    assert not judge(urgent(), policy=QUICK, coverage=covered(hazards=())).open
    assert not judge(urgent(), policy=QUICK, approvals=()).open
    slow = policy(emergency=EMERGENCY)
    assert not judge(urgent(), policy=slow, stop=STOP).open
    assert not judge(urgent(), policy=slow, freezes=(FREEZE,)).open
    refused = evidence(outcome=Outcome.REFUSED)
    assert not judge(urgent(about=refused), about=refused, policy=QUICK).open


def test_an_emergency_passes_only_a_stop_that_its_signers_knew_of():
    early = urgent(upon=STOP.sequence - 1)
    assert judge(early, policy=QUICK).open
    assert judge(early, policy=QUICK, stop=STOP).missing == (
        (
            "Dr Joy Okafor signed as an emergency before the line was stopped; "
            "who still wants it to go live signs again, knowing why: odd"
        ),
        "1 more sign-off by role safety",
    )
    again = urgent().model_copy(update={"sequence": 8})
    report = judge(early, again, policy=QUICK, stop=STOP)
    assert (report.open, [one.sequence for one in report.counted]) == (True, [8])


def test_says_what_is_missing_on_the_route_that_people_are_on():
    asked = policy(emergency={**EMERGENCY, "requires": [{"role": "safety", "count": 2}]})
    assert judge(urgent(), policy=asked).missing == ("1 more sign-off by role safety",)


def test_there_is_no_emergency_without_a_route_for_it():
    report = judge(urgent(), signed("sam", "operations"))
    assert [one.rule for one in report.refused] == [Rule.NO_EMERGENCY]
    assert not report.open


def test_an_emergency_that_everybody_signed_owes_nothing_though_it_passes_a_stop():
    report = judge(urgent(), signed("sam", "operations"), policy=QUICK, stop=STOP)
    assert (report.route, report.owed) == (ChangeType.EMERGENCY, None)


def live(**changes: Any) -> Deployed:
    made = Deployed(ChangeType.EMERGENCY, "2025-05-01T12:00:00.000000+00:00")
    return made._replace(**changes)


def test_what_is_live_owes_until_it_is_given_by_a_deadline_from_its_start():
    old = urgent(at=NOW - 40 * DAY)
    report = judge(old, policy=QUICK, deployed=live())
    assert report.owed is not None
    assert report.owed.deadline == "2025-05-04T12:00:00.000000+00:00"
    assert report.owed.missing == ("1 more sign-off by role operations",)
    assert judge(old, signed("sam", "operations"), policy=QUICK, deployed=live()).owed is None
    assert judge(old, policy=QUICK, deployed=live(settled=True)).owed is None
    assert judge(old, policy=QUICK, deployed=live(route=ChangeType.NORMAL)).owed is None
    assert judge(old, policy=policy(), deployed=live()).owed is None


def test_what_is_still_on_its_way_is_judged_as_of_now():
    old = urgent(at=NOW - 40 * DAY)
    report = judge(old, policy=QUICK, deployed=live(live=False))
    assert [one.rule for one in report.refused] == [Rule.EXPIRED]
