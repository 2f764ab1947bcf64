"""Waivers: one finding of one version, until a day; and it stays in sight."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.finding import Finding, Weight
from clinops.domain.parsing import parse
from clinops.domain.waiver import Waiver, Waivers, apply
from clinops.errors import BadInputError

DAY = dt.date(2026, 1, 31)
FAILED = Finding(
    kind="test-failed",
    weight=Weight.REFUSES,
    summary="smoke: test_a fails on the candidate",
    detail="assert 1 == 2",
    occurrence="smoke: test_a",
)
GOOD = """\
schema: 1
product: pas
waivers:
  - id: W-001
    version: "2.0"
    finding: test-failed
    occurrence: "smoke: test_a"
    message: assert 1 == 2
    reason: The clock of the test replica is an hour late.
    owner: Head of radiology systems
    expires: 2026-01-31
  - id: W-002
    version: "2.0"
    finding: undeclared-difference
    occurrence: "image: user"
    reason: Agreed with the vendor.
    owner: Operations
    expires: 2026-03-31
"""
ONE, TWO = parse("waivers.yaml", GOOD.encode(), Waivers).waivers


def waiver(**changes: object) -> Waiver:
    return ONE.model_copy(update=changes)


def applied(*waivers: Waiver, to: Finding = FAILED, day: dt.date = DAY) -> Finding:
    [found] = apply([to], waivers, "2.0", day)
    return found


def test_a_waived_finding_keeps_its_kind_and_says_by_what_it_was_waived():
    found = applied(TWO, ONE)
    assert (found.weight, found.waiver) == (Weight.NOTE, "W-001")
    assert found == FAILED.model_copy(update={"weight": Weight.NOTE, "waiver": "W-001"})


@pytest.mark.parametrize(
    "other",
    [
        waiver(version="2.0.1"),
        waiver(finding="test-skipped"),
        waiver(occurrence="smoke: test_"),
        waiver(occurrence="smoke: *"),
        waiver(occurrence="Smoke: test_a"),
        waiver(message="assert 1 == 3"),
        waiver(message=""),
        waiver(expires=dt.date(2026, 1, 30)),
    ],
    ids=["version", "kind", "part", "pattern", "case", "message", "no message", "expired"],
)
def test_a_waiver_of_something_else_waives_nothing(other: Waiver):
    assert applied(other) == FAILED


def test_a_waiver_without_a_message_takes_the_failure_as_it_comes():
    assert applied(waiver(message=None)).waiver == "W-001"


def test_another_waiver_takes_the_place_of_an_expired_one():
    old = waiver(id="W-000", expires=dt.date(2025, 12, 31))
    assert applied(old, ONE).waiver == "W-001"


@pytest.mark.parametrize("kind", ["replica-never-ready", "seed-failed", "evidence-missing"])
def test_refuses_to_waive_what_is_no_failure_of_a_test(kind: str):
    with pytest.raises(BadInputError) as caught:
        parse("w.yaml", GOOD.replace("test-failed", kind).encode(), Waivers)
    assert (caught.value.problems[0].line, kind in str(caught.value.problems[0])) == (6, True)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (GOOD.replace("W-002", "W-001"), 12, "`waivers[1].id` is the id of an earlier waiver"),
        (GOOD.replace("W-002", "W 2"), 12, "`waivers[1].id` must be letters, digits and hyphens"),
        (GOOD.replace("2026-01-31", "soon"), 11, "`waivers[0].expires` must be a date, not `soon`"),
        (GOOD.replace("2026-01-31", "20260131"), 11, "`waivers[0].expires` must be a date"),
        (GOOD.replace("    expires: 2026-01-31\n", ""), 4, "`waivers[0].expires` is missing"),
        (GOOD.replace("Operations", "''"), 17, "`waivers[1].owner` must have at least 1 char"),
        (GOOD.replace('"2.0"', "2.0"), 5, "`waivers[0].version` must be text"),
        (GOOD.replace("    owner: Operations\n", ""), 12, "`waivers[1].owner` is missing"),
    ],
)
def test_tells_each_mistake_with_its_line(text: str, line: int, what: str):
    with pytest.raises(BadInputError) as caught:
        parse("waivers.yaml", text.encode(), Waivers)
    told = [(problem.line, problem.what) for problem in caught.value.problems]
    assert any(at == line and what in said for at, said in told), told


def test_the_digest_covers_every_field():
    changed = {
        "id": "W-003",
        "version": "2.1",
        "finding": "test-skipped",
        "occurrence": "smoke: test_b",
        "message": None,
        "reason": "Another.",
        "owner": "Nobody",
        "expires": dt.date(2027, 1, 31),
    }
    assert set(changed) == set(Waiver.model_fields)
    digests = {waiver(**{name: value}).digest for name, value in changed.items()}
    assert len(digests | {ONE.digest}) == len(changed) + 1
    assert Waiver.model_validate_json(ONE.model_dump_json()).digest == ONE.digest


def test_the_documented_waivers_are_good():
    page = (Path(__file__).parents[2] / "docs/hazards.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[2].split("```")[0]
    assert parse("waivers.yaml", example.encode(), Waivers).waivers


kinds = st.sampled_from(["test-failed", "test-skipped", "test-failed-on-both", "seed-failed"])
occurrences = st.sampled_from(["smoke: test_a", "smoke: test_b", ""])
findings = st.builds(
    Finding,
    kind=kinds,
    weight=st.sampled_from(Weight),
    summary=st.just("s"),
    detail=st.sampled_from(["", "assert 1 == 2"]),
    occurrence=occurrences,
)
days = st.dates(dt.date(2026, 1, 1), dt.date(2026, 3, 1))
waivers = st.builds(
    waiver,
    id=st.sampled_from(["W-1", "W-2"]),
    version=st.sampled_from(["2.0", "3.0"]),
    finding=kinds.filter(lambda kind: kind != "seed-failed"),
    occurrence=occurrences,
    message=st.sampled_from([None, "", "assert 1 == 2"]),
    expires=days,
)
many = {"found": st.lists(findings), "known": st.lists(waivers), "day": days}


@settings(deadline=None)
@given(**many)
def test_a_waiver_never_changes_a_finding_of_another_occurrence(found, known, day):
    named = {(one.finding, one.occurrence) for one in known}
    after = apply(found, known, "2.0", day)
    assert len(after) == len(found)
    for old, new in zip(found, after, strict=True):
        assert new == old or (old.kind, old.occurrence) in named
        assert new == old.model_copy(update={"weight": new.weight, "waiver": new.waiver})


@settings(deadline=None)
@given(**many)
def test_an_expired_waiver_is_no_waiver(found, known, day):
    in_time = [one for one in known if day <= one.expires]
    assert apply(found, known, "2.0", day) == apply(found, in_time, "2.0", day)
    assert apply(found, known, "2.0", dt.date.max) == tuple(found)
