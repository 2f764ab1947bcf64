"""Ranks: hard rules first, then score; and what can never lower a rank."""

from __future__ import annotations

import datetime as dt
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.rank import Ranking, rank
from clinops.domain.rank_case import Rule
from clinops.domain.request import Request
from clinops.errors import NotFoundError
from tests.ranked import NOW, policy, request, residuals

SOURCES = ("statute", "patch-14-days", "alert-48-hours", "end-of-support")


def ranked(*requests: Request, **changes: Any) -> Ranking:
    return rank(requests, policy(**changes), residuals(), NOW)


def order(*requests: Request, **changes: Any) -> list[str]:
    return [one.request.id for one in ranked(*requests, **changes).ranked]


def test_hard_rules_come_before_every_score():
    cheap = request("cheap", risk=3, effort={"testing": 0.1})
    law = request("law", left=60, source="statute", effort={"testing": 900})
    worse = request("worse", risk=5, effort={"testing": 900})
    bad = request("bad", risk=4)
    alert = request("alert", left=1, source="alert-48-hours", effort={"testing": 900})
    found = ranked(cheap, law, bad, worse, alert)
    assert [one.request.id for one in found.ranked] == ["alert", "worse", "bad", "law", "cheap"]
    assert [one.rule for one in found.ranked] == [1, 2, 2, 3, 4]
    assert [one.place for one in found.ranked] == [1, 2, 3, 4, 5]


def test_the_nearest_alert_and_the_nearest_statute_come_first():
    alerts = [request(f"a{left}", left=left, source="alert-48-hours") for left in (2, -1, 1)]
    laws = [request(f"b{left}", left=left, source="statute") for left in (80, 3, 91)]
    assert order(*alerts, *laws) == ["a-1", "a1", "a2", "b3", "b80", "b91"]
    assert ranked(*laws).of("b91").rule is Rule.SCORE


def test_the_score_is_cost_of_delay_by_confidence_and_effort():
    one = ranked(request(risk=2, left=7, confidence="medium", effort={"testing": 4})).of("a")
    assert [part.share for part in one.parts] == [0.4, 0.5, 0.0, 0.5]
    assert [part.points for part in one.parts] == [16, 12.5, 0, 7.5]
    assert one.cost_of_delay == 36
    assert one.score == pytest.approx(36 * 0.8 / 4)


def test_what_is_equal_in_everything_is_in_the_order_of_its_ids():
    assert order(request("b"), request("c"), request("a")) == ["a", "b", "c"]


def test_a_rank_is_told_in_words_with_its_inputs():
    said = ranked(request(risk=2, left=7.25, effort={"testing": 1})).of("a").breakdown
    assert said == {
        "rule": "no hard rule applies: the highest score first",
        "risk": "0.40 times 40 is 16.0: class 2 of 5, PAS-002 of pas: Hazard 2 "
        "(acceptable where the cost of further reduction outweighs the benefit)",
        "clock": "0.48 times 25 is 12.1: 7.2 days left of 2026-03-09 18:00 UTC, counting from "
        "14 days before (A letter)",
        "statute": "0.00 times 20 is 0.0: the law sets no day",
        "benefit": "0.50 times 15 is 7.5: 5 of 10 points: A reason",
        "cost of delay": "35.6, the sum of these four",
        "confidence": "high, which counts 1",
        "effort": "1 person-day: testing 1",
        "score": "35.6 times 1, divided by 1, is 35.55",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"left": 1, "source": "alert-48-hours"}, "an alert's clock runs until 2026-03-03 12:00"),
        ({"risk": 4}, "a residual risk of class 4, from 4 on: after alerts"),
        ({"left": 0, "source": "statute"}, "the law sets 2026-03-02 12:00 UTC, within 90 days"),
    ],
)
def test_a_hard_rule_is_told(changes, rule):
    assert ranked(request(**changes)).of("a").breakdown["rule"].startswith(rule)


def test_a_deadline_that_has_passed_counts_in_full_and_is_told_so():
    one = ranked(request(left=-3)).of("a")
    assert one.parts[1].share == 1
    assert one.parts[1].because.startswith("3.0 days past 2026-02-27 12:00 UTC")


def test_a_statute_is_no_other_clock():
    one = ranked(request(left=100, source="statute")).of("a")
    assert one.parts[1].because == "no other clock runs"
    assert one.parts[2].because.startswith("100.0 days left of 2026-06-10")


def test_only_hazards_of_its_own_systems_count():
    other = request("a", systems=["lab"], risk=5)
    assert ranked(other).of("a").parts[0].because == "it names no open hazard"
    both = rank([request(systems=["lab", "pas"], risk=3)], policy(), residuals("lab"), NOW)
    assert both.of("a").parts[0].because.startswith("class 3 of 5, PAS-003 of lab")


def test_every_number_of_a_rank_can_be_unfolded_from_its_json():
    told = ranked(request(risk=2, left=7)).of("a").json_value()
    parts: Any = told["parts"]
    assert told["cost_of_delay"] == sum(part["share"] * part["weight"] for part in parts)
    assert told["worst_residual_risk"]["risk_class"] == 2  # type: ignore[index]
    assert told["days_left"] == 7


def test_a_request_that_is_not_open_has_no_rank():
    with pytest.raises(NotFoundError) as refused:
        ranked(request("archive")).of("archives")
    assert "did you mean `archive`?" in refused.value.diagnostics()


# What the order depends on


def test_says_what_would_change_places_with_other_weights():
    risky = request("risky", risk=3, benefit={"points": 0, "reasons": ["None"]})
    useful = request("useful", benefit={"points": 10, "reasons": ["Much"]})
    found = ranked(risky, useful, weights={"risk": 20, "clock": 1, "statute": 1, "benefit": 11})
    assert [one.request.id for one in found.ranked] == ["risky", "useful"]
    told = {(one.weight, one.becomes): one.moves for one in found.sensitivity()}
    assert len(told) == 8
    swapped = (("risky", 1, 2), ("useful", 2, 1))
    assert told["risk", 16.0] == told["benefit", 13.2] == swapped
    assert {moves for moves in told.values() if moves} == {swapped}


def test_tells_what_would_come_among_the_first():
    first = [request(f"a{n}", benefit={"points": 9, "reasons": ["."]}) for n in range(3)]
    risky = request("risky", risk=3, benefit={"points": 0, "reasons": ["None"]})
    found = ranked(*first, risky, weights={"risk": 20, "clock": 0, "statute": 0, "benefit": 15})
    moves = next(one.moves for one in found.sensitivity(top=1) if one.becomes == 24)
    assert moves == (("a0", 1, 2), ("risky", 4, 1))


# Properties

requests = st.builds(
    request,
    risk=st.integers(0, 5),
    left=st.none() | st.floats(-20, 400),
    source=st.sampled_from(SOURCES),
    confidence=st.sampled_from(["low", "medium", "high"]),
    effort=st.dictionaries(
        st.sampled_from(["integration", "testing"]), st.floats(0.1, 100), min_size=1
    ),
)
weights = st.fixed_dictionaries(
    dict.fromkeys(("risk", "clock", "statute"), st.floats(0, 100)) | {"benefit": st.floats(1, 100)}
)
estates = st.lists(requests, min_size=1, max_size=12).map(
    lambda found: [one.model_copy(update={"id": f"r{n}"}) for n, one in enumerate(found)]
)


def place(found: list[Request], **changes: Any) -> int:
    return ranked(*found, **changes).of("r0").place


quick = settings(deadline=None)


@given(estates, weights, st.integers(1, 5))
@quick
def test_raising_risk_never_lowers_a_rank(found, weights, risk):
    was = int(found[0].hazards[0][-1]) if found[0].hazards else 0
    raised = found[0].model_copy(update={"hazards": [f"PAS-00{max(risk, was)}"]})
    after = place([raised, *found[1:]], weights=weights)
    assert after <= place(found, weights=weights)


@given(estates, weights, st.floats(0, 500))
@quick
def test_nearing_a_deadline_never_lowers_a_rank(found, weights, days):
    deadline = found[0].deadline
    if deadline is None:
        return
    by = deadline.by - dt.timedelta(days=days)
    nearer = found[0].model_copy(update={"deadline": deadline.model_copy(update={"by": by})})
    assert place([nearer, *found[1:]], weights=weights) <= place(found, weights=weights)


@given(estates, weights, st.floats(0.1, 1))
@quick
def test_lowering_effort_never_lowers_a_rank(found, weights, factor):
    effort = {team: days * factor for team, days in found[0].effort.items()}
    easier = found[0].model_copy(update={"effort": effort})
    assert place([easier, *found[1:]], weights=weights) <= place(found, weights=weights)


@given(estates, weights)
@settings(quick, max_examples=30)
def test_the_order_is_that_of_rules_and_scores_whatever_the_order_of_the_files(found, weights):
    first = order(*found, weights=weights)
    assert first == order(*reversed(found), weights=weights)
    keys = [one.case.key(one.case.policy.weights) for one in ranked(*found, weights=weights).ranked]
    assert keys == sorted(keys)


def test_ranks_five_thousand_requests_within_a_second():
    many = [
        request(f"r{n}", risk=n % 6, left=n % 400 - 20, source=SOURCES[n % 4]) for n in range(5000)
    ]
    begun = process_time()
    found = ranked(*many)
    assert process_time() - begun < 1
    assert len(found.sensitivity()) == 8
