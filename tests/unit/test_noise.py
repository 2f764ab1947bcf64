"""Noise rules: what each type lets differ, what no rule may say, and where it is told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from clinops.domain.moment import moment_of
from clinops.domain.noise import Noise
from clinops.domain.parsing import parse
from clinops.errors import BadInputError, Problem
from tests.fakes.observations import DAY, rule
from tests.unit.test_validate import problems_of

GOOD = """\
schema: 1
product: archive
rules:
  - id: N-001
    probe: "*"
    path: headers/date
    type: header
    reason: The clock goes on.
    owner: Head of radiology systems
    expires: 2026-12-31
  - id: N-002
    probe: study-*
    path: body/#/InstanceCreationTime/Value/#
    type: timestamp
    tolerance_seconds: 30
    reason: The archive writes when it took the image in.
    owner: Head of radiology systems
    expires: 2026-12-31
"""
PROBES = """\
schema: 1
product: archive
probes:
  - {id: study-list, http: {path: /studies}}
"""
N, P = "environments/archive/noise.yaml", "test_suites/archive/probes/http.yaml"


def problems(text: str) -> list[Problem]:
    with pytest.raises(BadInputError) as error:
        parse(N, text.encode(), Noise)
    return list(error.value.problems)


def test_reads_a_good_file():
    one, two = parse(N, GOOD.encode(), Noise).rules
    assert (one.type, one.segments, one.tolerance_seconds) == ("header", ("headers", "date"), None)
    assert two.is_for("study-list")
    assert not two.is_for("patient-list")
    assert (two.tolerance_seconds, two.expires) == (30, dt.date(2026, 12, 31))


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("headers/date", "headers/*", 6, "`*` at its end can stand for a protected key"),
        ("headers/date", '"**"', 6, "can stand for a protected key"),
        ("InstanceCreationTime", "PatientName", 13, "`PatientName` is protected"),
        ("InstanceCreationTime", "*", 13, "`Value` is protected where it is the last"),
        ("body/#/InstanceCreationTime/Value/#", "body/PID/#/3", 13, "HL7 v2 field PID-3"),
        ("body/#/InstanceCreationTime/Value/#", "'**/value/#'", 13, "where it is the last key"),
        ("body/#/InstanceCreationTime/Value/#", "a//b", 13, "must be a place in the answer"),
        ("body/#/InstanceCreationTime/Value/#", "'**/a/**/b/**/c'", 13, "too long"),
        ("body/#/Ins", "/".join(["a"] * 30) + "/Ins", 13, "too long"),
        ("headers/date", "body/date", 6, "is not that of a header"),
        ("headers/date", "date", 6, "is not that of a header"),
        ("type: timestamp", "type: unordered", 13, "is that of a row"),
        ("type: timestamp", "type: counter", 15, "is for timestamps"),
        ("type: timestamp", "type: anything", 14, "must be 'timestamp'"),
        ("seconds: 30", "seconds: 3600", 15, "must be at most 900"),
        ("seconds: 30", "seconds: 0", 15, "must be at least 1"),
        ("N-002", "N-001", 11, "is the id of an earlier rule"),
        ("N-002", "N 2", 11, "must be letters"),
        ("study-*", "study[patient=1]", 12, "must be the id of a probe"),
        ("    owner: Head of radiology systems\n", "", 4, "`rules[0].owner` is missing"),
        ("    reason: The clock goes on.\n", "", 4, "`rules[0].reason` is missing"),
        ("    expires: 2026-12-31\n", "", 4, "`rules[0].expires` is missing"),
    ],
)
def test_refuses_what_could_mask_too_much_or_has_no_owner(old: str, new: str, line: int, what: str):
    text = GOOD.replace(old, new)
    assert text != GOOD
    found = problems(text)
    assert any(each.line == line and what in each.what for each in found), found


@pytest.mark.parametrize(
    ("noise", "file", "line", "what"),
    [
        (GOOD.replace("archive\n", "archives\n", 1), N, 2, "the folder is that of the product arc"),
        (GOOD.replace("study-*", "stuby-list"), N, 12, "the product has no probe stuby-list"),
        (GOOD.replace("headers/date", "body/PatientID"), N, 6, "can mask a protected place"),
    ],
)
def test_a_push_is_told_what_is_wrong_with_its_rules(noise: str, file: str, line: int, what: str):
    found = problems_of({N: noise, P: PROBES})
    assert any((p.file, p.line) == (file, line) and what in p.what for p in found), found


def test_a_push_with_good_rules_passes():
    assert problems_of({N: GOOD, P: PROBES}) == []
    expired = GOOD.replace("2026-12-31", "2020-01-31")
    assert problems_of({N: expired, P: PROBES}) == []


def test_rules_are_not_held_against_probes_that_are_broken_themselves():
    found = problems_of({N: GOOD, P: PROBES.replace("id: study-list, ", "")})
    assert {each.file for each in found} == {P}


def test_a_rule_holds_until_its_last_day():
    assert rule("a", "counter").holds(DAY)
    assert not rule("a", "counter").holds(DAY + dt.timedelta(days=1))


def test_a_slash_inside_a_key_is_written_as_in_a_json_pointer():
    made = rule("body/a~1b~01", "counter")
    assert made.covers(("body", "a/b~1"))
    assert not made.covers(("body", "a", "b~1"))
    assert not made.covers(())


FITS = [
    ("timestamp", "2026-01-31T10:00:00Z", "2026-01-31T10:01:00Z"),
    ("timestamp", "2026-01-31T10:00:00.1Z", "2026-01-31T10:00:30.123Z"),
    ("timestamp", "2026-01-31 10:00:00", "2026-01-31 10:00:09"),
    ("timestamp", "2026-01-31T10:00:00+01:00", "2026-01-31T10:00:09+01:00"),
    ("timestamp", "20260131100000", "20260131100009"),
    ("timestamp", "20260131T100000", "20260131T100009"),
    ("timestamp", "20260131100000.123+0100", "20260131100009.5+0100"),
    ("timestamp", "101500.123", "101530.1"),
    ("timestamp", "10:15:00", "10:15:30"),
    ("timestamp", "235959", "000010"),
    ("timestamp", "Sat, 31 Jan 2026 10:00:00 GMT", "Sat, 31 Jan 2026 10:00:09 GMT"),
    ("timestamp", 1769853600, 1769853609),
    ("timestamp", 1769853600.5, 1769853609.25),
    ("timestamp", 1769853600000, 1769853609000),
    ("timestamp", "1769853600", "1769853609"),
    ("uuid", "0f0e1d2c-3b4a-4968-8796-a5b4c3d2e1f0", "5f0e1d2c-3b4a-4968-8796-a5b4c3d2e1f1"),
    ("uuid", "2.25.329800735698586629295641978511506172918", "2.25.1234567890123456789"),
    ("sequence", 1, 2),
    ("sequence", "00012", "00013"),
    ("counter", 0, 12),
    ("duration", 0.25, 3),
    ("duration", "12 ms", "7 ms"),
    ("duration", "0.2s", "1.25s"),
    ("unordered", [1], [2]),
    ("header", "a", "b"),
    ("header", ["a"], ["b", "c"]),
]
DIFFERS = [
    ("timestamp", "2026-01-31T10:00:00Z", "2026-01-31T11:00:00Z"),
    ("timestamp", "2026-01-31T10:00:00Z", "2026-01-31T10:01:01Z"),
    ("timestamp", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00"),
    ("timestamp", "2026-01-31T10:00:00+01:00", "2026-01-31T10:00:00+00:00"),
    ("timestamp", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00Z"),
    ("timestamp", "2026-01-31T10:00:00Z", "20260131T100000Z"),
    ("timestamp", "2026-01-31", "2026-02-01"),
    ("timestamp", "20260131", "20260131"),
    ("timestamp", "2026-02-31T10:00:00Z", "2026-02-31T10:00:00Z"),
    ("timestamp", "2026-01-31T10:00:00Z", None),
    ("timestamp", "2026-01-31T10:00:00Z", ""),
    ("timestamp", 1769853600, 1769853600.0),
    ("timestamp", 1769853600, "1769853600"),
    ("timestamp", True, True),
    ("timestamp", 12, 13),
    ("timestamp", "Smith^Ann", "Smith^Anne"),
    ("uuid", "0f0e1d2c-3b4a-4968-8796-a5b4c3d2e1f0", ""),
    ("uuid", "0f0e1d2c-3b4a-4968-8796-a5b4c3d2e1f0", "the letter of a person 12"),
    ("uuid", "short1", "short2"),
    ("sequence", 1, "2"),
    ("sequence", 1, -2),
    ("counter", 1, 1.5),
    ("counter", 1, True),
    ("counter", "1", "x"),
    ("counter", "1", "²"),
    ("duration", 1, -1),
    ("duration", "12 ms", "12 s"),
    ("duration", "12 ms", 12),
    ("duration", True, False),
    ("duration", "fast", "slow"),
    ("unordered", [1], {"a": 1}),
    ("header", "a", 1),
    ("header", "a", ["a"]),
]


def of_type(kind: str) -> Any:
    return rule("headers/x" if kind == "header" else "x", kind)


@pytest.mark.parametrize(("kind", "before", "after"), FITS)
def test_a_type_lets_differ_what_it_names(kind: str, before: Any, after: Any):
    assert of_type(kind).fits(before, after)
    assert of_type(kind).fits(after, before)


@pytest.mark.parametrize(("kind", "before", "after"), DIFFERS)
def test_a_type_lets_nothing_else_differ(kind: str, before: Any, after: Any):
    assert not of_type(kind).fits(before, after)
    assert not of_type(kind).fits(after, before)


def test_a_tolerance_is_what_the_rule_says():
    narrow = rule("x", "timestamp", tolerance_seconds=5)
    assert narrow.fits("10:15:00", "10:15:05")
    assert not narrow.fits("10:15:00", "10:15:06")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "99999999999999"])
def test_no_text_is_too_odd_to_be_looked_at(text: str):
    moment_of(text)
    moment_of(f"{text}+14:00")


def test_what_is_no_rule_is_none():
    with pytest.raises(ValidationError):
        rule("body/*", "counter")
