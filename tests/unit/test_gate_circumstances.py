"""What a gate must know besides the signatures under a release, and the routes through it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from clinops.domain.calendar import Calendar, Freeze
from clinops.domain.circumstances import Deployed
from clinops.domain.coverage import coverage
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.finding import Finding, Weight
from clinops.domain.gate import GateReport, Rule
from clinops.domain.identity import Register
from clinops.domain.judgement import evaluate
from clinops.domain.ledger import Anchor
from clinops.domain.line import Order, Stop, against_stopping, stop_in_force
from clinops.domain.outcome import Outcome
from clinops.domain.signoff import BrokenSignature, ChangeType, CheckedSignature, LineAction
from clinops.domain.suite import Verdict
from clinops.domain.waiver import Waiver
from tests.fakes.compared import comparison, rehearsal
from tests.fakes.evidence import case, run
from tests.fakes.gates import (
    HAZARDS,
    LOG,
    NOW,
    ONE_HOUR,
    PEOPLE,
    VENDORS,
    approved,
    circumstances,
    digest,
    evidence,
    key,
    ordered,
    people,
    policy,
    signed,
)

DAY = dt.timedelta(days=1)
SITES = ("north", "south")
COVERING = case(hazards=("ORT-001",))
EMERGENCY = {"requires": [{"role": "safety"}], "owed_within_hours": 72}
STOP = Stop(signer="sam", name="Sam", role="operations", reason="odd", time="noon", sequence=5)
FREEZE = Freeze.model_validate({"from": NOW - DAY, "until": NOW + DAY, "reason": "Christmas"})


def both(about: Evidence, **claims: Any) -> list[CheckedSignature]:
    return [
        signed("joy", "safety", about=about, **claims),
        signed("sam", "operations", about=about),
    ]


def judge(*signatures: Any, about: Evidence | None = None, **changes: Any) -> GateReport:
    """Judge an orderly release, but for what is changed; signed by both who should by default."""
    found = about or evidence()
    around = {
        name: changes.pop(name)
        for name in [*changes]
        if name in {"sites", "hazard_log", "coverage", "approvals", "authors", "stop", "freezes",
                    "overdue", "deployed", "changed"}
    }  # fmt: skip
    given: dict[str, Any] = {
        "policy": policy(),
        "signers": people(),
        "vendors": VENDORS,
        "committer": "vendor:acme",
        "now": NOW,
        **changes,
    }
    return evaluate(
        signatures=signatures or both(found),
        evidence=found,
        circumstances=circumstances(**around),
        **given,
    )


def the_one_reason(report: GateReport) -> str:
    assert not report.open
    assert report.route is None
    (reason,) = report.missing
    return reason


def covered(**changes: Any) -> Any:
    return coverage(HAZARDS, (run(COVERING.model_copy(update=changes)),))


# Hazards


def test_opens_where_every_serious_hazard_has_passing_evidence():
    assert judge(coverage=covered()).open


def test_is_closed_without_a_hazard_log():
    assert the_one_reason(judge(hazard_log=None)).startswith("a hazard log: there is none")


def test_is_closed_for_a_demonstrations_hazard_log_unless_demonstrations_are_accepted():
    log = HAZARDS.model_copy(update={"demonstration": True})
    assert "marked as a demonstration's" in the_one_reason(judge(hazard_log=log))
    assert judge(hazard_log=log, policy=policy(accept_demonstration=True)).open


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.ERROR, Verdict.SKIPPED])
def test_a_serious_hazard_without_passing_evidence_closes_the_gate(verdict: Verdict):
    reason = the_one_reason(judge(coverage=covered(verdict=verdict)))
    assert "evidence for the hazard ORT-001 (wrong patient)" in reason
    assert "acceptance in writing by safety" in reason


def test_a_hazard_that_no_test_names_closes_the_gate():
    assert "No test names it." in the_one_reason(judge(coverage=covered(hazards=())))


def test_a_hazard_below_the_class_or_closed_needs_no_evidence():
    (found,) = covered(hazards=())
    assert judge(coverage=(found.model_copy(update={"weight": 2}),)).open
    assert judge(coverage=(found.model_copy(update={"status": "closed"}),)).open
    transferred = found.model_copy(update={"status": "transferred"})
    assert not judge(coverage=(transferred,)).open
    strict = policy(hazards={"evidence_from_class": 1, "accepted_by": "safety",
                             "approved_by": "safety"})  # fmt: skip
    weak = found.model_copy(update={"weight": 1})
    assert not judge(coverage=(weak,), policy=strict).open


def test_a_hazard_that_is_accepted_in_writing_stays_in_sight():
    accepting = both(evidence(), accepts={"ORT-001": "Read-only until June."})
    report = judge(*accepting, coverage=covered(hazards=()))
    assert report.open
    (acceptance,) = report.accepted
    assert (acceptance.hazard, acceptance.signer, acceptance.reason) == (
        *("ORT-001", "joy"),
        "Read-only until June.",
    )
    assert acceptance.registration == PEOPLE["joy"].registration


def test_an_acceptance_of_another_hazard_accepts_nothing():
    accepting = both(evidence(), accepts={"ORT-002": "Read-only until June."})
    assert not judge(*accepting, coverage=covered(hazards=())).open


def test_only_the_role_that_answers_for_hazards_accepts_them():
    accepting = signed("sam", "operations", accepts={"ORT-001": "Fine by me."})
    report = judge(signed("joy", "safety"), accepting, coverage=covered(hazards=()))
    assert [one.rule for one in report.refused] == [Rule.NOT_TO_ACCEPT]
    assert report.accepted == ()
    assert not report.open


def test_an_acceptance_counts_though_its_signer_is_needed_elsewhere():
    """Else somebody's additional signature could close the gate."""
    accepting = [
        signed("joy", "safety", accepts={"ORT-001": "Known."}),
        signed("joy", "operations"),
        signed("ann", "safety"),
    ]
    report = judge(*accepting, coverage=covered(hazards=()), approvals=(approved("kim"),))
    assert [(one.signer, one.role) for one in report.counted] == [
        ("joy", "operations"), ("ann", "safety"),
    ]  # fmt: skip
    assert report.open


# Approvals of documents


@pytest.mark.parametrize(
    ("approval", "why"),
    [
        ((), ""),
        (
            (BrokenSignature(problem="cut", recorded=NOW.isoformat(), sequence=3),),
            "does not verify",
        ),
        ((approved(digest=digest("8")),), ""),
        ((approved(document="environments/orthanc/waivers.yaml"),), ""),
        ((approved(item="W-001"),), ""),
        ((approved(product="pas"),), ""),
        ((approved(document="environments/pas/hazards.yaml", product="pas"),), ""),
        ((approved(with_key="stranger"),), "the key belongs to nobody"),
        ((approved(with_key="sam"),), "belongs to sam, not to ann"),
        ((approved("kim", "porter"),), "this takes the role safety"),
        ((approved("kim", "nurse"),), "does not hold the role nurse"),
        ((approved(at=NOW - 300 * DAY),), "not yet valid when it was used"),
        ((approved(at=NOW + ONE_HOUR),), "dated in the future"),
        ((approved(recorded=NOW - 3 * ONE_HOUR),), "the ledger"),
    ],
)
def test_is_closed_until_that_version_of_the_hazard_log_is_approved(approval: Any, why: str):
    reason = the_one_reason(judge(approvals=approval))
    assert "an approval of this version of the hazard log" in reason
    assert "by role safety" in reason
    assert why in reason
    assert ("not counted" in reason) == bool(why)


def test_tells_which_approval_counts():
    (found,) = judge().approved
    assert (found.document, found.digest, found.signer) == (LOG, digest("9"), "ann")


def test_an_approval_stays_good_when_the_key_runs_out_but_not_when_it_is_revoked():
    for changes, is_open in [
        ({"valid_until": (NOW - DAY).date()}, True),
        ({"revoked": NOW.date()}, False),
    ]:
        ann = PEOPLE["ann"].model_copy(update={"keys": [key("ann", **changes)]})
        old = approved(at=NOW - 3 * DAY)
        assert judge(approvals=(old,), signers=people(ann=ann)).open is is_open


@pytest.mark.parametrize("authors", [{"trust:ann"}, {"trust:ops", "trust:ann"}])
def test_whoever_changed_the_hazard_log_does_not_approve_it(authors: set[str]):
    reason = the_one_reason(judge(authors={LOG: frozenset(authors)}))
    assert "Dr Ann Low changed what would be approved" in reason


def test_neither_vendors_nor_administrators_approve():
    pushes = PEOPLE["ann"].model_copy(update={"may_push": True})
    sells = PEOPLE["ann"].model_copy(update={"keys": [key("ann"), key("vendor")]})
    assert "may change the estate" in the_one_reason(judge(signers=people(ann=pushes)))
    assert "signs for the vendor acme" in the_one_reason(judge(signers=people(ann=sells)))
    made_up = PEOPLE["ann"].model_copy(update={"demonstration": True})
    demo = approved()
    demo = demo.model_copy(
        update={"signed": demo.signed.model_copy(update={"demonstration": True})}
    )
    reason = the_one_reason(judge(approvals=(demo,), signers=people(ann=made_up)))
    assert "an identity of a demonstration" in reason


WAIVER = Waiver.model_validate_json("""{
  "id": "W-001", "version": "1.12.6", "finding": "test-failed", "occurrence": "smoke: x",
  "reason": "r", "owner": "o", "expires": "2025-06-10"
}""")
WAIVED = Finding(kind="test-failed", weight=Weight.NOTE, summary="x fails", waiver="W-001")


def of_waiver(**changes: Any) -> Any:
    about = {"document": LOG.replace("hazards", "waivers"), "item": "W-001"}
    return approved(**{**about, "digest": WAIVER.digest, **changes})


def test_a_waiver_that_the_evidence_uses_must_be_approved_to_the_letter():
    waived = evidence(findings=(WAIVED,), waivers=(WAIVER,))
    assert "the waiver W-001" in the_one_reason(judge(about=waived))
    assert judge(about=waived, approvals=(approved(), of_waiver())).open
    other = of_waiver(digest=digest("7"))
    assert not judge(about=waived, approvals=(approved(), other)).open
    unused = evidence(waivers=(WAIVER,))
    assert judge(about=unused).open


def test_a_waiver_that_has_expired_since_closes_the_gate():
    waived = evidence(findings=(WAIVED,), waivers=(WAIVER,))
    report = judge(about=waived, approvals=(approved(), of_waiver()), now=NOW + DAY)
    assert "W-001 expired on 2025-06-10" in the_one_reason(report)


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


# Routes


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
