"""What follows from a comparison of behaviour."""

from __future__ import annotations

import pytest

from clinops.domain.behaviour import MOST_CAUSES, bounded, cut, differing_behaviour, findings
from clinops.domain.comparison import Comparison, Example
from clinops.domain.difference import Difference, declared, undeclared
from clinops.domain.finding import Weight
from clinops.domain.manifest import Change
from tests.fakes.compared import SLOWER, comparison, group, speed


def found(compared: Comparison) -> list[tuple[str, Weight]]:
    return [(one.kind, one.weight) for one in findings(compared)]


def test_one_cause_is_one_difference_however_many_answers_show_it():
    [difference] = differing_behaviour(
        comparison(group(count=240, hazards=("H-1",), protected=True, change="removed"))
    )
    assert difference == Difference(
        kind="behaviour",
        subject="behaviour: http body/*/Name: changed",
        before="Ann",
        after="Anne",
        change="removed",
        protected=True,
        hazards=("H-1",),
        count=240,
        where="study[patient=1] body/0/Name",
    )
    [finding] = undeclared([difference])
    assert finding.kind == "regression"
    assert finding.detail.startswith("study[patient=1] body/0/Name: before: Ann")


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("added", "not there", "there"),
        ("removed", "there", "not there"),
        ("changed", "not shown", "not shown"),
    ],
)
def test_a_cause_without_an_example_says_what_became_of_it(change, before, after):
    [difference] = differing_behaviour(comparison(group(change=change, examples=())))
    assert (difference.before, difference.after) == (before, after)


def test_cuts_what_a_system_answers_to_what_a_person_reads():
    example = Example(probe="p", path="body", before="a" * 10_000, after="b" * 10_000)
    [difference] = differing_behaviour(comparison(group(examples=(example,))))
    assert len(difference.before) == len(difference.after) == 301
    assert cut("short") == "short"


def test_long_subjects_that_differ_at_their_end_stay_two():
    first, second = differing_behaviour(comparison(group("x" * 400 + "1"), group("x" * 400 + "2")))
    assert first.subject != second.subject
    assert len(first.subject) == len(second.subject) < 400


def test_a_candidate_that_answers_at_random_does_not_fill_the_evidence():
    many = comparison(*[group(f"http body/{number}: changed") for number in range(MOST_CAUSES + 9)])
    kept = bounded(many)
    assert len(kept.groups) == MOST_CAUSES + 1
    assert kept.groups[-1].subject.startswith("9 more causes (")
    assert kept.groups[-1].count == 9
    assert bounded(kept.model_copy(update={"groups": kept.groups[:3]})).groups == kept.groups[:3]


def test_what_is_put_together_still_refuses_and_nobody_can_declare_it_beforehand():
    told = [group(f"http body/{number}: changed") for number in range(MOST_CAUSES)]
    subjects = set()
    for name in ("x", "y"):
        added = group(f"http body/{name}: added", change="added", hazards=("H-1",))
        last = bounded(comparison(*told, added)).groups[-1]
        assert (last.change, last.hazards) == ("changed", ("H-1",))
        subjects.add(last.subject)
        [*_, together] = differing_behaviour(bounded(comparison(*told, added)))
        change = Change(summary="All of it", covers=[together.subject])
        assert declared([together], [change]) == (together,), "a vendor may have run it before"
    assert len(subjects) == 2


def test_equal_behaviour_is_no_finding():
    assert findings(comparison(speeds=(speed(),))) == []


def test_noise_that_no_rule_explains_leaves_the_answer_open():
    noise = tuple(
        Example(probe=f"p{number}", path="body/date", before="1\n2", after="2")
        for number in range(25)
    )
    [finding] = findings(comparison(noise=noise))
    assert (finding.kind, finding.weight) == ("unexplained-noise", Weight.INCONCLUSIVE)
    assert finding.detail.splitlines()[0] == "p0 body/date: 1 2 / 2"
    assert finding.detail.splitlines()[-1] == "and 5 more"


def test_a_probe_without_an_answer_leaves_the_answer_open():
    [finding] = findings(comparison(unanswered=("echo: refused",)))
    assert (finding.kind, finding.weight) == ("probe-unanswered", Weight.INCONCLUSIVE)
    assert (finding.summary[:10], finding.detail) == ("1 of 40 pr", "echo: refused")


def test_a_comparison_of_nothing_passes_nothing():
    assert found(comparison(answers=0)) == [("probe-unanswered", Weight.INCONCLUSIVE)]


def test_what_became_slower_refuses_with_its_numbers():
    [finding] = findings(comparison(speeds=(speed(), SLOWER)))
    assert (finding.kind, finding.weight) == ("slower", Weight.REFUSES)
    assert finding.occurrence == "speed: search"
    assert "median 100.0 ms, now 200.0 ms; longer in 99% of 20 pairs" in finding.detail


def test_numbers_that_say_slower_refuse_whatever_stands_beside_them():
    doctored = SLOWER.model_copy(update={"slower": False})
    assert found(comparison(speeds=(doctored,))) == [("slower", Weight.REFUSES)]


def test_what_there_was_no_time_to_measure_is_noted():
    assert found(comparison(unmeasured=("search",))) == [("speed-not-measured", Weight.NOTE)]
