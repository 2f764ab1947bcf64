"""One cause reads as one line, under a subject that a vendor can name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.observations import compared


def answer(**fields: Any) -> dict[str, Any]:
    return {"status": 200, "body": [{"KVP": 120, "FlipAngle": 90, **fields}]}


def subjects(before: Any, after: Any) -> list[tuple[str, int]]:
    return [(group.subject, group.count) for group in compared(before, before, after).groups]


def test_numbers_that_become_text_are_one_cause_wherever_they_are():
    before = answer(SliceLocation="number 0.69999999999999996")
    after = answer(KVP="120.0", FlipAngle="90", SliceLocation="0.7")
    (found,) = subjects(before, after)
    assert found[0].endswith("body: numbers are written as text")
    assert found[1] == 3


def test_text_that_becomes_a_number_is_the_other_cause():
    (found,) = subjects(answer(KVP="120"), answer())
    assert found[0].endswith("body: text is written as numbers")


@pytest.mark.parametrize("value", ["121", "nan", True, "", "1 20", "number 121"])
def test_another_number_is_never_taken_for_the_same_one(value):
    (found,) = subjects(answer(), answer(KVP=value))
    assert "written as" not in found[0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0120", 120),
        ("+120", 120),
        ("1_20", 120),
        ("12345678901234567", "number 12345678901234568"),
        ("\u0661", 1),
    ],
)
def test_a_name_that_loses_what_makes_it_one_is_a_change_of_its_own(text: str, number: Any):
    (found,) = subjects(answer(KVP=text), answer(KVP=number))
    assert "written as" not in found[0]


def test_the_same_number_written_with_other_digits_is_no_change_of_its_kind():
    (found,) = subjects(answer(KVP="0.5"), answer(KVP=".5"))
    assert "written as" not in found[0]


def test_a_whole_part_of_an_answer_that_is_gone_is_told_of_its_probe():
    answers = {"status": 0, "datasets": [{"PatientID": "9990000018"}]}
    (found,) = compared(answers, answers, {"status": 0}).groups
    assert found.subject == f"{found.examples[0].probe} datasets: removed"


def test_one_status_is_never_told_under_the_line_of_another():
    before = [{"status": status} for status in (400, 200, 200)]
    after = [{"status": status} for status in (404, 500, 404)]
    assert [subject.partition("status: ")[2] for subject, _ in subjects(before, after)] == [
        "changed from 200 to 404",
        "changed from 200 to 500",
        "changed from 400 to 404",
    ]


def test_the_one_that_is_altered_in_a_way_of_its_own_is_among_the_examples():
    before = {"body": [{"note": f"CT of the head {number}."} for number in range(900)]}
    after = {"body": [{"note": each["note"].removesuffix(".")} for each in before["body"]]}
    after["body"][700]["note"] = "left: 5 mg"
    (group,) = compared(before, before, after).groups
    assert group.count == 900
    usual, odd, *_ = group.examples
    assert (usual.path, odd.path) == ("body/0/note", "body/700/note")
    assert "5 mg" in odd.after
