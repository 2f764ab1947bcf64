"""Comparing: a candidate's regressions are found by no test of the product's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from clinops.domain.comparing import compare
from clinops.domain.comparison import Comparison
from tests.fakes.observations import DAY, compared, observed, rule, subjects

NAME = "Wolfeschlegelsteinhausenbergerdorff^Hubert Adolph Blaine Charles"
DIGEST = "sha256:" + "ab" * 32


def patients(count: int = 5) -> dict[str, Any]:
    people = [
        {
            "PatientID": f"99900{number:05d}",
            "PatientName": NAME if number == 3 else f"Smith^{number}",
            "event": f"2026-10-25T01:30:{number % 60:02d}+01:00",
            "result": {"value": f"{number}.50", "unit": "µmol/L"},
            "laterality": "L",
            "PixelData": {"pixels": DIGEST, "shape": "2x2 uint8"},
        }
        for number in range(count)
    ]
    return {"status": 200, "headers": {"content-type": "application/json"}, "body": people}


def after(change: Callable[[list[dict[str, Any]]], object], count: int = 5) -> Comparison:
    offered = patients(count)
    change(offered["body"])
    return compared(patients(count), patients(count), offered)


def test_finds_nothing_where_all_three_answer_the_same():
    found = compared(patients(), patients(), patients())
    assert found == Comparison(probes=1, answers=1, groups=())


def put(record: int, *path: str, value: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(body: list[dict[str, Any]]) -> None:
        tree = body[record]
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value

    return change


def swap_ids(body: list[dict[str, Any]]) -> None:
    body[1]["PatientID"], body[2]["PatientID"] = body[2]["PatientID"], body[1]["PatientID"]


def pixel(body: list[dict[str, Any]]) -> None:
    body[4]["PixelData"]["pixels"] = "sha256:" + "ac" * 32


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (put(3, "PatientName", value=NAME[:63]), "patients body/*/PatientName: changed"),
        (put(3, "PatientName", value=NAME[:60]), "patients body/*/PatientName: changed"),
        (put(2, "result", "unit", value="Âµmol/L"), "patients body/*/result/unit: changed"),
        (put(2, "result", "value", value="2.5"), "patients body/*/result/value: changed"),
        (put(2, "laterality", value="R"), "patients body/*/laterality: changed"),
        (pixel, "patients body/*/PixelData/pixels: changed"),
        (lambda body: body.pop(3), "patients body/*: removed"),
        (lambda body: body.append(body[0]), "patients body/*: added"),
        (lambda body: body[2].pop("PatientName"), "http body/*/PatientName: removed"),
    ],
)
def test_finds_a_single_change_of_what_is_protected(change: Any, subject: str):
    [group] = after(change).groups
    assert (group.subject, group.protected, group.count) == (subject, True, 1)


def test_finds_two_patients_whose_ids_are_swapped():
    [group] = after(swap_ids).groups
    assert (group.subject, group.count) == ("patients body/*/PatientID: changed", 2)
    assert group.protected


def test_a_record_under_another_id_is_a_protected_change():
    records = [
        [{"id": n, "text": text} for n, text in pairs]
        for pairs in ([(1, "Ann"), (2, "Bob")], [(2, "Ann"), (1, "Bob")])
    ]
    [group] = compared(records[0], records[0], records[1]).groups
    assert (group.subject, group.protected) == ("patients */id: changed", True)


def test_finds_an_event_that_is_an_hour_off_even_where_times_are_noise():
    offered = patients()
    offered["body"][2]["event"] = "2026-10-25T02:30:02+01:00"
    ruled = rule("body/#/event", "timestamp", tolerance_seconds=900)
    [group] = compared(patients(), patients(), offered, ruled).groups
    assert group.subject == "patients body/*/event: changed"
    assert "02:30:02" in group.examples[0].after
    offered["body"][2]["event"] = "2026-10-25T01:30:02+00:00"
    assert compared(patients(), patients(), offered, ruled).groups


def test_finds_one_record_missing_among_ten_thousand_and_names_it():
    [group] = after(lambda body: body.pop(6543), 10_000).groups
    assert (group.change, group.count) == ("removed", 1)
    assert group.examples[0].path == "body/6543"
    assert "9990006543" in group.examples[0].before


def test_finds_one_record_changed_among_ten_thousand():
    [group] = after(put(6543, "PatientName", value="Smith^6544"), 10_000).groups
    assert (group.count, group.examples[0].path) == (1, "body/6543/PatientName")


def test_says_which_questions_a_baseline_did_not_answer():
    a = [observed(1, "p[x=1]"), observed(1, "q"), observed(1, "r"), observed(None, "s")]
    a2 = [observed(1, "p[x=1]", problem="refused"), observed(1, "q")]
    b = [observed(1, "p[x=1]"), observed(1, "q"), observed(1, "s"), observed(1, "t")]
    found = compare(a, a2, b, [], DAY)
    assert found.unanswered == (
        "p[x=1]: refused",
        "r: was not asked",
        "s: was not asked",
        "t: was not asked",
    )
    assert (found.probes, found.answers) == (5, 1)


def test_an_answer_that_the_candidate_does_not_give_is_a_difference():
    a = [observed(1, "p"), observed(1, "q"), observed({"PatientID": 1}, "r")]
    b = [observed(None, "p", problem="no answer within 10 seconds"), observed(1, "q")]
    found = compare(a, a, b, [], DAY)
    assert [(g.subject, g.change, g.protected) for g in found.groups] == [
        ("r: not answered", "removed", True),
        ("p: not answered", "removed", False),
    ]
    assert found.groups[1].examples[0].after == "none: no answer within 10 seconds"
    assert found.answers == 2


def test_questions_that_are_asked_twice_are_compared_in_their_order():
    a = [observed(1, "p"), observed(2, "p")]
    assert compare(a, a, a, [], DAY).groups == ()
    assert compare(a, a, [*reversed(a)], [], DAY).groups


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(20, 99, 0), (20, 900, 0), (20, 1000, 1), (99, 10_000, 1), (900, 10_000, 1), (900, 9000, 0)],
)
def test_an_answer_that_takes_two_classes_longer_is_a_difference(
    before: float, after: float, found: int
):
    slow = observed(1, milliseconds=before)
    comparison = compare([observed(1)], [slow], [observed(1, milliseconds=after)], [], DAY)
    assert subjects(comparison) == ["patients: time class changed"] * found


def test_a_hundred_large_answers_are_compared_within_a_second_or_so():
    def body(seed: int) -> dict[str, Any]:
        answer = patients(180)
        answer["headers"]["date"] = f"Sat, 31 Jan 2026 10:00:0{seed} GMT"
        return answer

    a, a2, b = ([observed(body(seed), f"p[n={n}]") for n in range(100)] for seed in (1, 2, 3))
    start = time.process_time()
    found = compare(a, a2, b, [rule("headers/date", "header")], DAY)
    assert time.process_time() - start < 3
    assert (found.groups, found.noise, found.answers) == ((), (), 100)
