"""Differences in words: one line for one cause, the same for all records and runs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from clinops.domain.comparing import compare
from tests.fakes.observations import DAY, compared, observed, subjects


def http(probe: str, **changes: Any) -> Any:
    answer = {"status": 200, "headers": {"server": "Mongoose"}, "body": [{"Level": "Study"}]}
    return observed({**answer, **changes}, probe, hazards=("ORT-001",))


def test_one_cause_in_many_answers_is_one_line():
    probes = [f"study[patient={n}]" for n in range(8)] + ["series", "instances"]
    a = [http(probe) for probe in probes]
    b = [
        http(
            probe, headers={"server": "Mongoose 7", "vary": "*"}, body=[{"Level": "Study", "L": n}]
        )
        for n, probe in enumerate(probes)
    ]
    found = compare(a, a, b, [], DAY).groups
    assert [(group.subject, group.count, len(group.examples)) for group in found] == [
        ("http body/*/L: added", 10, 5),
        ('http headers/server: changed from "Mongoose" to "Mongoose 7"', 10, 5),
        ("http headers/vary: added", 10, 5),
    ]
    assert found[0].hazards == ("ORT-001",)
    assert found[0].examples[0].probe == "study[patient=0]"


def test_one_value_that_becomes_another_everywhere_is_one_line():
    units = [[{"unit": unit}] for unit in ("µmol/L", "Âµmol/L")]
    a = [http("labs", body=units[0]), http("chart", body=units[0]), http("ward", body=[{"a": 1}])]
    b = [http("labs", body=units[1]), http("chart", body=units[1]), http("ward", body=[{"a": "2"}])]
    assert [(g.subject, g.count) for g in compare(a, a, b, [], DAY).groups] == [
        ('http body/*/unit: changed from "µmol/L" to "Âµmol/L"', 2),
        ("ward body/*/a: changed from number to text", 1),
    ]


def test_two_causes_at_places_of_the_same_name_are_two_lines():
    a = [http("labs", body=[{"level": n}]) for n in range(3)] + [http("ward", body=[{"level": 7}])]
    b = [http("labs", body=[{"level": n + 10}]) for n in range(3)] + [http("ward", body=[{}])]
    found = compare(a, a, b, [], DAY).groups
    assert {(group.subject, group.change) for group in found} == {
        ("labs body/*/level: changed", "changed"),
        ("http body/*/level: removed", "removed"),
    }


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ({"9990000018": {"ward": 1}}, "patients */ward"),
        ({str(uuid.UUID(int=7, version=4)): {"ward": 1}}, "patients */ward"),
        ({"00081030": {"vr": "LO", "Value": [1]}}, "patients 00081030/Value/*"),
        ({"00081030": {"ward": 1}}, "patients */ward"),
        ({"a/b~c": 1}, "patients a~1b~0c"),
        ({"MSH": [{"9": [{"1": 1}]}]}, "patients MSH/*/9/*/1"),
        ({"line\nbreak": 1}, "patients line\\nbreak"),
        ([[1]], "patients */*"),
        (1, "patients answer"),
    ],
)
def test_a_subject_is_the_same_for_all_records_and_runs(before: Any, place: str):
    offered = _with(before, "x")
    [group] = compared(before, before, offered).groups
    assert group.subject == f"{place}: changed from number to text"


def _with(tree: Any, value: object) -> Any:
    if isinstance(tree, dict):
        return {key: each if key == "vr" else _with(each, value) for key, each in tree.items()}
    return [_with(each, value) for each in tree] if isinstance(tree, list) else value


def test_a_data_element_that_is_added_is_named_by_its_tag():
    offered = {"00081030": {"vr": "LO", "Value": ["Chest"]}}
    assert subjects(compared({}, {}, offered)) == ["http 00081030: added"]


def test_a_subject_stays_short_and_tells_long_keys_apart():
    one, other = "k" * 500 + "1", "k" * 500 + "2"
    found = subjects(compared({one: {other: 1}}, {one: {other: 1}}, {one: {other: "x"}}))[0]
    assert len(found) < 300
    assert found != subjects(compared({one: {one: 1}}, {one: {one: 1}}, {one: {one: "x"}}))[0]
    deep: Any = 1
    for key in range(30):
        deep = {f"level of depth {key}": deep}
    assert len(subjects(compared(deep, deep, _with(deep, "x")))[0]) < 300


def test_values_of_one_run_never_stand_in_a_subject():
    a = [observed({"at": "2026-01-31T10:00:00Z", "by": {}}, probe) for probe in "pq"]
    b = [observed({"at": "2026-01-31T12:00:00Z", "by": []}, probe) for probe in "pq"]
    assert subjects(compare(a, a, b, [], DAY)) == [
        "p at: changed",
        "p by: changed from object to list",
        "q at: changed",
        "q by: changed from object to list",
    ]


def test_what_has_no_kind_is_grouped_by_its_probe():
    a, b = observed({"a": 1}, "p[x=1]", kind=""), observed({}, "p[x=1]", kind="")
    assert subjects(compare([a], [a], [b], [], DAY)) == ["p a: removed"]


def test_shows_another_order_without_its_elements():
    [group] = compared([1, 2], [1, 2], [2, 1]).groups
    assert group.subject == "patients answer: order changed"
    assert (group.examples[0].before, group.examples[0].after) == ("one order", "another")
    [group] = compared({"values": [1, 2]}, {"values": [1, 2]}, {"values": [2, 1]}).groups
    assert group.protected
