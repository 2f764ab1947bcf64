"""What differs from the version in use, and which of it the vendor has declared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.difference import (
    Difference,
    declared,
    differing_images,
    differing_results,
    undeclared,
)
from clinops.domain.finding import Weight
from clinops.domain.manifest import Change
from clinops.domain.suite import Role, Verdict
from tests.fakes.evidence import case, run

BASELINE = Role.BASELINE


def results(*runs) -> list[tuple[str, str, str]]:
    return [(one.subject, one.before, one.after) for one in differing_results(runs)]


def test_a_test_that_ends_otherwise_is_a_difference():
    runs = [run(case(verdict=Verdict.FAILED), role=BASELINE), run(case())]
    assert results(*runs) == [("smoke: test_a", "failed", "passed")]


def test_a_test_that_one_version_does_not_have_is_a_difference():
    runs = [run(case("test_a"), role=BASELINE), run(case("test_b"))]
    assert results(*runs) == [
        ("smoke: test_a", "passed", "not run"),
        ("smoke: test_b", "not run", "passed"),
    ]


def test_equal_results_are_none():
    assert results(run(case(), role=BASELINE), run(case(message="took longer"))) == []


def test_nothing_is_said_of_a_suite_that_did_not_run_to_its_end_on_both():
    failed = case(verdict=Verdict.FAILED)
    assert results(run(case(), role=BASELINE), run(failed, exit_code=2)) == []
    assert results(run(case(), role=BASELINE, junit=None), run(failed)) == []
    assert results(run(case(), role=BASELINE), run(failed, suite="regression")) == []
    assert results(run(failed)) == []


def test_tells_what_an_image_sets_otherwise_by_key():
    before = {"user": "app", "port 80/tcp": "exposed", "command": "x"}
    after = {"user": "root", "volume /data": "declared", "command": "x"}
    assert differing_images(before, after) == [
        Difference(
            kind="image-configuration",
            subject="image: port 80/tcp",
            before="exposed",
            after="not set",
        ),
        Difference(kind="image-configuration", subject="image: user", before="app", after="root"),
        Difference(
            kind="image-configuration",
            subject="image: volume /data",
            before="not set",
            after="declared",
        ),
    ]


def test_a_value_that_says_it_is_not_set_is_not_one_that_is_not_set():
    [found] = differing_images({}, {"user": "not set"})
    assert found.subject == "image: user"


ROOT, PORT = differing_images({}, {"port 80/tcp": "exposed", "user": "root"})[::-1]


def test_a_change_covers_what_it_names_to_the_letter():
    changes = [
        Change(summary="Runs as root", covers=["image: user"]),
        Change(summary="Runs as root again", covers=["image: user", "image: port"]),
    ]
    found = declared([ROOT, PORT], changes)
    assert [one.declared_by for one in found] == ["Runs as root", None]


def test_what_no_change_covers_is_noted_and_refuses_nothing():
    [finding] = undeclared(declared([ROOT, PORT], [Change(summary="s", covers=["image: user"])]))
    assert (finding.kind, finding.weight) == ("undeclared-difference", Weight.NOTE)
    assert finding.occurrence == "image: port 80/tcp"
    assert finding.detail == "before: not set; after: exposed"


texts = st.dictionaries(st.sampled_from(["user", "command", "port 1/tcp"]), st.sampled_from("ab"))


@settings(deadline=None)
@given(texts, texts)
def test_the_way_back_differs_in_the_same_things(before, after):
    there, back = differing_images(before, after), differing_images(after, before)
    assert [(one.subject, one.before, one.after) for one in there] == [
        (one.subject, one.after, one.before) for one in back
    ]
    assert bool(there) == (before != after)


def found(**changes: Any) -> Difference:
    made = {"kind": "behaviour", "subject": "behaviour: x", "before": "a", "after": "b"}
    return Difference.model_validate({**made, **changes})


def weighed(*differences: Difference) -> list[tuple[str, Weight]]:
    return [(one.kind, one.weight) for one in undeclared(differences)]


REGRESSION = ("regression", Weight.REFUSES)
NOTED = ("undeclared-difference", Weight.NOTE)
SEEN = ("declared-protected-change", Weight.NOTE)


@pytest.mark.parametrize(
    ("difference", "findings"),
    [
        (found(), [REGRESSION]),
        (found(kind="data"), [REGRESSION]),
        (found(change="removed"), [REGRESSION]),
        (found(change="added"), [NOTED]),
        (found(kind="data", change="added"), [NOTED]),
        (found(change="added", protected=True), [REGRESSION]),
        (found(kind="schema", change="removed"), [NOTED]),
        (found(kind="schema", protected=True), [NOTED]),
        (found(kind="test-result"), [NOTED]),
        (found(declared_by="It was wrong"), []),
        (found(declared_by="It was wrong", protected=True), [SEEN]),
        (found(kind="data", declared_by="Gone", change="removed", protected=True), [SEEN]),
    ],
)
def test_what_refuses_unless_it_is_declared(difference, findings):
    assert weighed(difference) == findings


def test_a_finding_has_the_hazards_of_the_probes_that_show_it():
    [finding] = undeclared([found(hazards=("H-1",))])
    assert finding.hazards == ("H-1",)


def test_a_difference_of_before_reads_and_is_written_as_it_was():
    value = ROOT.json_value()
    assert set(value) == {"kind", "subject", "before", "after", "declared_by"}
    assert Difference.model_validate(value) == ROOT
