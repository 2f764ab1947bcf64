"""What holds of a gate for any set of sign-offs."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.gate import GatePolicy
from clinops.domain.judgement import evaluate
from clinops.domain.signoff import CheckedSignature, Meaning
from tests.fakes.gates import NOW, VENDORS, circumstances, evidence, people, policy, signed

ROLES = st.sampled_from(["safety", "operations"])
PEOPLE = st.sampled_from(["joy", "sam", "kim"])
EVIDENCE = evidence()

approvals = st.builds(
    lambda who, role, days, claims: signed(
        who, role, at=NOW - dt.timedelta(days=days), about=EVIDENCE, **claims
    ),
    PEOPLE,
    ROLES,
    st.integers(0, 20),
    st.sampled_from([{}, {}, {}, {"release": "other"}, {"name": "Somebody"}]),
)
policies = st.builds(
    lambda safety, operations, alone: policy(
        requires=[
            {"role": "safety", "count": safety},
            {"role": "operations", "count": operations},
        ],
        separation={"one_role_each": alone},
    ),
    st.integers(1, 2),
    st.integers(1, 2),
    st.booleans(),
)
quick = settings(max_examples=200, deadline=None)


def opens(asked: GatePolicy, signatures: list[CheckedSignature]) -> bool:
    report = evaluate(
        asked,
        people(),
        VENDORS,
        signatures,
        evidence=EVIDENCE,
        committer="vendor:acme",
        circumstances=circumstances(),
        now=NOW,
    )
    assert report.open == (not report.missing)
    assert len(report.counted) + len(report.refused) == len(signatures)
    return report.open


@quick
@given(policies, st.lists(approvals, max_size=6), approvals, st.integers(0, 6))
def test_one_more_approval_never_closes_a_gate_and_one_fewer_never_opens_it(
    asked: GatePolicy, before: list[CheckedSignature], more: CheckedSignature, where: int
):
    after = [*before[:where], more, *before[where:]]
    assert opens(asked, before) <= opens(asked, after)


@quick
@given(policies)
def test_no_gate_opens_without_a_signature(asked: GatePolicy):
    assert not opens(asked, [])


@quick
@given(st.permutations(["joy", "sam", "kim"]), st.integers(1, 2), st.randoms())
def test_a_gate_opens_when_all_is_met_and_nothing_is_wrong(who, safety, random):
    asked = policy(
        requires=[{"role": "safety", "count": safety}, {"role": "operations", "count": 1}]
    )
    signatures = [signed(person, "safety", about=EVIDENCE) for person in who[:safety]]
    signatures.append(signed(who[-1], "operations", about=EVIDENCE))
    random.shuffle(signatures)
    assert opens(asked, signatures)


@quick
@given(policies, st.lists(approvals, max_size=6), PEOPLE, st.integers(0, 6))
def test_a_rejection_closes_any_gate(asked: GatePolicy, before, who, where):
    rejection = signed(who, "safety", meaning=Meaning.REJECTED, about=EVIDENCE)
    assert not opens(asked, [*before[:where], rejection, *before[where:]])
