from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from clinops.domain.evidence import Evidence
from clinops.domain.gate import GateReport, Rule
from clinops.domain.judgement import evaluate
from clinops.domain.outcome import Outcome
from clinops.domain.signer import Key, Registration
from clinops.domain.signoff import BrokenSignature, CheckedSignature, Meaning
from tests.fakes.gates import (
    NOW,
    ONE_HOUR,
    PEOPLE,
    VENDORS,
    circumstances,
    digest,
    evidence,
    key,
    people,
    policy,
    signed,
)

DAY = dt.timedelta(days=1)
GOOD = (signed("joy", "safety"), signed("sam", "operations"))


def judge(*signatures: CheckedSignature | BrokenSignature, **changes: Any) -> GateReport:
    given: dict[str, Any] = {
        "policy": policy(),
        "signers": people(),
        "vendors": VENDORS,
        "evidence": evidence(),
        "committer": "vendor:acme",
        "circumstances": circumstances(),
        "now": NOW,
        **changes,
    }
    return evaluate(signatures=signatures, **given)


def only_rule(report: GateReport) -> Rule:
    """Return the one rule by which the one signature was refused; the gate must be closed."""
    assert not report.open
    (refused,) = report.refused
    assert refused.sentence
    return refused.rule


def with_key(who: str, made: Key) -> Any:
    return people(**{who: PEOPLE[who].model_copy(update={"keys": [made]})})


def test_opens_when_every_role_has_signed():
    report = judge(*GOOD)
    assert report.open
    assert report.missing == report.refused == ()
    assert [(c.signer, c.role, c.meaning) for c in report.counted] == [
        ("joy", "safety", Meaning.APPROVED),
        ("sam", "operations", Meaning.APPROVED),
    ]
    assert report.counted[0].registration == Registration(body="GMC", number="0000000")


def test_stays_closed_and_says_so_when_nobody_has_signed():
    report = judge()
    assert not report.open
    assert report.missing == (
        "nobody has signed yet",
        "1 more sign-off by role safety",
        "1 more sign-off by role operations",
    )


def test_counts_what_is_still_missing_in_a_role():
    asked = policy(requires=[{"role": "safety", "count": 3}])
    report = judge(signed("joy", "safety"), policy=asked)
    assert report.missing == ("2 more sign-offs by role safety",)


def test_an_additional_sign_off_counts_as_well():
    report = judge(*GOOD, signed("kim", "operations"))
    assert report.open
    assert [c.signer for c in report.counted] == ["joy", "sam", "kim"]


def test_refuses_a_signature_that_does_not_verify():
    broken = BrokenSignature(problem="cut short", recorded=NOW.isoformat(), sequence=7)
    report = judge(broken)
    assert only_rule(report) is Rule.BROKEN_SIGNATURE
    assert report.refused[0].sentence == "the signature does not verify: cut short"


def test_refuses_an_unknown_key():
    assert only_rule(judge(signed("joy", "safety", with_key="stranger"))) is Rule.UNKNOWN_KEY


def test_refuses_a_key_that_two_people_share():
    sam = PEOPLE["sam"].model_copy(update={"keys": [key("joy")]})
    assert only_rule(judge(signed("joy", "safety"), signers=people(sam=sam))) is Rule.UNKNOWN_KEY


def test_refuses_a_revoked_key_even_for_what_it_signed_before():
    signers = with_key("joy", key("joy", revoked=NOW.date()))
    report = judge(signed("joy", "safety", at=NOW - 3 * DAY), signers=signers)
    assert only_rule(report) is Rule.REVOKED_KEY


@pytest.mark.parametrize(
    "validity",
    [
        {"valid_from": NOW.date()},
        {"valid_until": (NOW - DAY).date()},
        {"valid_until": (NOW - 3 * DAY).date()},
    ],
    ids=["not yet valid when used", "expired now", "expired when used"],
)
def test_refuses_a_key_out_of_its_time(validity: dict[str, Any]):
    signers = with_key("joy", key("joy", **validity))
    report = judge(signed("joy", "safety", at=NOW - 2 * DAY), signers=signers)
    assert only_rule(report) is Rule.KEY_OUT_OF_TIME


@pytest.mark.parametrize(
    "claim",
    [
        {"signer": "sam"},
        {"name": "Prof Joy Okafor"},
        {"registration": None},
        {"registration": Registration(body="NMC", number="0000000")},
        {"demonstration": True},
    ],
)
def test_refuses_claims_that_are_not_those_in_the_list(claim: dict[str, Any]):
    assert only_rule(judge(signed("joy", "safety", **claim))) is Rule.CLAIM_DIFFERS


def test_refuses_a_role_that_the_signer_does_not_hold():
    joy = PEOPLE["joy"].model_copy(update={"roles": ["operations"]})
    assert only_rule(judge(signed("joy", "safety"), signers=people(joy=joy))) is Rule.ROLE_NOT_HELD


def test_refuses_a_role_that_the_gate_does_not_ask_for():
    assert only_rule(judge(signed("kim", "porter"))) is Rule.ROLE_NOT_IN_GATE


def test_refuses_a_signature_over_another_digest():
    older = evidence(engine="0.0.9")
    assert only_rule(judge(signed("joy", "safety", about=older))) is Rule.OTHER_EVIDENCE


@pytest.mark.parametrize("claim", [{"release": "other"}, {"product": "p"}, {"version": "2"}])
def test_refuses_a_signature_for_another_release(claim: dict[str, str]):
    assert only_rule(judge(signed("joy", "safety", **claim))) is Rule.OTHER_RELEASE


@pytest.mark.parametrize("images", [{}, {"archive": digest("b")}, {"proxy": digest("a")}])
def test_refuses_a_signature_for_other_images(images: dict[str, str]):
    assert only_rule(judge(signed("joy", "safety", images=images))) is Rule.OTHER_IMAGES


def test_refuses_a_person_who_also_holds_a_key_of_the_vendor():
    keys = [key("joy"), key("vendor")]
    signers = people(joy=PEOPLE["joy"].model_copy(update={"keys": keys}))
    own = judge(signed("joy", "safety"), signers=signers)
    vendors = judge(signed("joy", "safety", with_key="vendor"), signers=signers)
    assert only_rule(own) is only_rule(vendors) is Rule.VENDOR


def test_lets_a_vendor_sign_only_where_the_policy_says_so_and_it_did_not_commit():
    joy = PEOPLE["joy"].model_copy(update={"keys": [key("joy"), key("vendor")]})
    lax = {"policy": policy(separation={"vendor": False}), "signers": people(joy=joy)}
    assert judge(*GOOD, committer="trust:kim", **lax).open
    assert only_rule(judge(*GOOD, committer="vendor:acme", **lax)) is Rule.COMMITTER


@pytest.mark.parametrize("with_key", ["joy", "joy-second"])
def test_refuses_the_committer_with_whatever_key(with_key: str):
    report = judge(signed("joy", "safety", with_key=with_key), committer="trust:joy")
    assert only_rule(report) is Rule.COMMITTER


def test_lets_the_committer_sign_where_the_policy_says_so():
    lax = policy(separation={"committer": False})
    assert judge(*GOOD, committer="trust:joy", policy=lax).open


def test_refuses_the_same_person_twice_in_one_role():
    asked = policy(requires=[{"role": "safety", "count": 2}])
    twice = [signed("joy", "safety"), signed("joy", "safety", with_key="joy-second")]
    assert only_rule(judge(*twice, policy=asked)) is Rule.SAME_PERSON


def test_refuses_the_same_person_in_two_roles():
    report = judge(signed("joy", "safety"), signed("joy", "operations"))
    assert only_rule(report) is Rule.SAME_PERSON
    assert report.missing == ("1 more sign-off by role operations",)


def test_lets_one_person_fill_two_roles_where_the_policy_says_so():
    lax = policy(separation={"one_role_each": False})
    both = [signed("joy", "safety"), signed("joy", "operations")]
    assert judge(*both, policy=lax).open
    assert judge(*both, signed("joy", "safety"), policy=lax).refused[0].rule is Rule.SAME_PERSON


def test_seats_people_in_the_role_where_they_are_needed():
    report = judge(
        signed("joy", "operations"), signed("joy", "safety"), signed("sam", "operations")
    )
    assert report.open
    assert {(c.signer, c.role) for c in report.counted} == {
        ("joy", "safety"),
        ("sam", "operations"),
    }


def test_refuses_an_expired_sign_off_but_takes_its_renewal():
    old = signed("joy", "safety", at=NOW - 14 * DAY - ONE_HOUR)
    assert only_rule(judge(old)) is Rule.EXPIRED
    assert judge(old, *GOOD).open


def test_takes_a_sign_off_on_its_last_day():
    assert judge(signed("joy", "safety", at=NOW - 14 * DAY), GOOD[1]).open


@pytest.mark.parametrize("minutes", [-11, 11])
def test_refuses_a_time_that_the_ledger_does_not_confirm(minutes: int):
    at = NOW - ONE_HOUR
    report = judge(signed("joy", "safety", at=at, recorded=at + dt.timedelta(minutes=minutes)))
    assert only_rule(report) is Rule.CLOCKS_APART


def test_takes_a_clock_that_is_a_little_off():
    ahead = NOW + dt.timedelta(minutes=10)
    assert judge(signed("joy", "safety", at=ahead, recorded=NOW), GOOD[1]).open


def test_refuses_a_sign_off_from_the_future():
    assert only_rule(judge(signed("joy", "safety", at=NOW + ONE_HOUR))) is Rule.FUTURE


def test_a_demonstration_identity_counts_only_where_the_policy_says_so():
    demo = PEOPLE["joy"].model_copy(update={"demonstration": True})
    signatures = [signed("joy", "safety", demonstration=True), GOOD[1]]
    assert only_rule(judge(*signatures, signers=people(joy=demo))) is Rule.DEMONSTRATION
    assert judge(
        *signatures, signers=people(joy=demo), policy=policy(accept_demonstration=True)
    ).open


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.INCONCLUSIVE, Outcome.ERRORED])
def test_never_opens_for_evidence_that_does_not_qualify(outcome: Outcome):
    bad = evidence(outcome=outcome)
    report = judge(
        signed("joy", "safety", about=bad), signed("sam", "operations", about=bad), evidence=bad
    )
    assert not report.open
    assert len(report.counted) == 2
    assert outcome in report.missing[0]


def rejection(who: str = "kim", role: str = "safety", **changes: Any) -> CheckedSignature:
    return signed(who, role, meaning=Meaning.REJECTED, **changes)


def test_a_rejection_closes_the_gate_whatever_else_is_signed():
    report = judge(*GOOD, rejection())
    assert not report.open
    assert report.counted[0].meaning is Meaning.REJECTED
    assert report.missing == (
        "a new release: kim (safety) rejected this one for good, saying: Read it.",
    )


def test_a_rejection_neither_expires_nor_falls_with_its_key():
    ended = key("kim", valid_until=(NOW - DAY).date(), revoked=NOW.date())
    old = rejection(at=NOW - 20 * DAY)
    assert not judge(*GOOD, old, signers=with_key("kim", ended)).open


def test_the_committer_may_reject():
    assert not judge(*GOOD, rejection(), committer="trust:kim").open


@pytest.mark.parametrize(
    ("signature", "signers", "rule"),
    [
        (rejection(with_key="stranger"), people(), Rule.UNKNOWN_KEY),
        (rejection("sam", with_key="kim"), people(), Rule.CLAIM_DIFFERS),
        (
            rejection(),
            people(kim=PEOPLE["kim"].model_copy(update={"roles": ["porter"]})),
            Rule.ROLE_NOT_HELD,
        ),
        (rejection(), with_key("kim", key("kim", revoked=NOW.date())), Rule.REVOKED_KEY),
        (
            rejection(),
            with_key("kim", key("kim", valid_until=(NOW - DAY).date())),
            Rule.KEY_OUT_OF_TIME,
        ),
        (
            rejection(),
            people(kim=PEOPLE["kim"].model_copy(update={"demonstration": True})),
            Rule.DEMONSTRATION,
        ),
        (rejection(about=evidence(engine="0.0.9")), people(), Rule.OTHER_EVIDENCE),
        (rejection(release="other"), people(), Rule.OTHER_RELEASE),
    ],
)
def test_a_rejection_that_is_nobodys_word_on_this_release_closes_nothing(
    signature: CheckedSignature, signers: Any, rule: Rule
):
    report = judge(*GOOD, signature, signers=signers)
    assert report.open
    assert [r.rule for r in report.refused] == [rule]


def test_judges_the_evidence_that_is_given_not_the_one_that_was_signed():
    changed: Evidence = evidence(baseline_version="1.12.4")
    report = judge(*GOOD, evidence=changed)
    assert [r.rule for r in report.refused] == [Rule.OTHER_EVIDENCE] * 2


def test_a_policy_names_each_role_once():
    with pytest.raises(ValidationError, match="lists a role twice"):
        policy(requires=[{"role": "safety"}, {"role": "safety"}])


@pytest.mark.parametrize(
    "change",
    [
        {"requires": []},
        {"requires": [{"role": "safety", "count": 0}]},
        {"sign_offs_expire_after_days": 0},
        {"sign_offs_expire_after_days": 366},
        {"surprise": True},
    ],
)
def test_a_policy_without_teeth_is_no_policy(change: dict[str, Any]):
    with pytest.raises(ValidationError):
        policy(**change)
