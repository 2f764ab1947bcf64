"""What holds of a gate for any set of sign-offs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.coverage import coverage
from clinops.domain.gate import GatePolicy, GateReport
from clinops.domain.judgement import evaluate
from clinops.domain.line import Stop
from clinops.domain.signoff import ChangeType, CheckedSignature, Meaning
from tests.fakes.evidence import case, run
from tests.fakes.gates import HAZARDS, NOW, VENDORS, circumstances, evidence, people, policy, signed

ROLES = st.sampled_from(["safety", "operations"])
PEOPLE = st.sampled_from(["joy", "sam", "kim"])
EVIDENCE = evidence()
STOP = Stop(signer="sam", name="Sam", role="operations", reason="odd", time="noon", sequence=5)
COVERING = run(case(hazards=("ORT-001",)))

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


needs = st.recursive(
    st.one_of(
        st.builds(lambda role, count: {"role": role, "count": count}, ROLES, st.integers(1, 2)),
        st.builds(lambda role, sites: {"role": role, "sites": sites}, ROLES, st.integers(1, 2)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=2).map(lambda some: {"any_of": some}),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda some: {"n_of": {"count": 2, "among": some}}
        ),
    ),
    max_leaves=3,
)
composed = st.builds(
    lambda normal, standard, emergency, alone: policy(
        requires=[normal],
        standard={"requires": [standard]},
        emergency={"requires": [emergency], "owed_within_hours": 1, "passes": ["stop"]},
        separation={"one_role_each": alone},
    ),
    needs,
    needs,
    needs,
    st.booleans(),
)
claims = st.fixed_dictionaries(
    {},
    optional={
        "change": st.just(ChangeType.EMERGENCY),
        "site": st.sampled_from(["north", "south"]),
        "accepts": st.just({"ORT-001": "Known."}),
        "name": st.just("Somebody"),
    },
)
various = st.lists(
    st.builds(
        lambda who, role, more: signed(who, role, about=EVIDENCE, **more), PEOPLE, ROLES, claims
    ),
    max_size=6,
)
arounds = st.builds(
    lambda stopped, found: circumstances(
        sites=("north", "south"), stop=STOP if stopped else None, coverage=found
    ),
    st.booleans(),
    st.sampled_from([(), coverage(HAZARDS, ()), coverage(HAZARDS, (COVERING,))]),
)
OF_BOTH = people(
    **{
        who: person.model_copy(update={"sites": ["north", "south"]})
        for who, person in people().signers.items()
    }
)


def judged(asked: GatePolicy, signatures: Sequence[CheckedSignature], around: Any) -> GateReport:
    numbered = [one.model_copy(update={"sequence": n}) for n, one in enumerate(signatures)]
    return evaluate(
        asked, OF_BOTH, VENDORS, numbered,
        evidence=EVIDENCE, committer="vendor:acme", circumstances=around, now=NOW,
    )  # fmt: skip


@quick
@given(composed, various, various, arounds, st.randoms())
def test_on_every_route_more_approvals_never_close_and_fewer_never_open(
    asked, before, more, around, random
):
    after = [*before, *more]
    random.shuffle(after)
    assert judged(asked, before, around).open <= judged(asked, after, around).open


@quick
@given(composed, various, arounds, st.randoms())
def test_the_order_of_signatures_does_not_matter(asked, signatures, around, random):
    shuffled = random.sample(signatures, len(signatures))
    one, other = judged(asked, signatures, around), judged(asked, shuffled, around)
    assert (one.open, one.route) == (other.open, other.route)
    assert {a.hazard for a in one.accepted} == {a.hazard for a in other.accepted}


@quick
@given(composed, various, arounds)
def test_every_signature_either_counts_or_is_told_why_not(asked, signatures, around):
    report = judged(asked, signatures, around)
    told = [*report.counted, *report.refused]
    assert sorted(one.sequence for one in told) == list(range(len(signatures)))
    assert report.open == (not report.missing) == (report.route is not None)


@quick
@given(composed, various, arounds)
def test_no_route_is_open_over_a_hazard_that_nobody_covers_or_accepts(asked, signatures, around):
    report = judged(asked, signatures, around)
    uncovered = any(not one.covered for one in around.coverage)
    if report.open and uncovered:
        assert any(one.role == "safety" for one in report.accepted)
