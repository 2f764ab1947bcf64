"""What a gate asks of hazards, waivers and their approvals."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.finding import Finding, Weight
from clinops.domain.gate import Rule
from clinops.domain.signoff import BrokenSignature
from clinops.domain.suite import Verdict
from clinops.domain.waiver import Waiver
from tests.fakes.gates import (
    HAZARDS,
    LOG,
    NOW,
    ONE_HOUR,
    PEOPLE,
    approved,
    digest,
    evidence,
    key,
    people,
    policy,
    signed,
)
from tests.unit.judging import DAY, both, covered, judge, the_one_reason

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
