"""One JUnit file for a release, and reading the files of single runs."""

from __future__ import annotations

import pytest
from junitparser import JUnitXml

from clinops.adapters.junit import JUnitTotals, cases_in, merged
from clinops.domain.suite import Role, Verdict
from tests.fakes.evidence import FakeEvidence, case, qualified, run


@pytest.fixture
def evidence():
    """Evidence of a release; tests put runs of their own into it."""
    return qualified(FakeEvidence()).model_copy(update={"baseline_version": "1.1.0"})


def merge(evidence, *runs):
    text, totals = merged(evidence.model_copy(update={"runs": runs}))
    return JUnitXml.fromstring(text.encode()), totals


def test_each_suite_and_role_is_a_suite_of_its_own(evidence):
    parsed, _ = merge(evidence, run(case()), run(case(), role=Role.BASELINE))
    assert [suite.name for suite in parsed] == [
        f"smoke on candidate {evidence.release.version}",
        f"smoke on baseline {evidence.baseline_version}",
    ]


def test_suites_say_which_release_and_images_they_belong_to(evidence):
    parsed, _ = merge(
        evidence, run(case(hazards=("DEM-002",)), case("test_b", hazards=("DEM-001",)))
    )
    (suite,) = parsed
    told = {each.name: each.value for each in suite.properties()}
    assert (told["release"], told["role"]) == (evidence.release.id, "candidate")
    images = {k: v for k, v in told.items() if k.startswith("image.")}
    assert images == {f"image.{k}": v for k, v in evidence.candidate_images().items()}
    assert images
    assert told["hazards"] == "DEM-001 DEM-002"


def test_totals_are_what_the_file_holds(evidence):
    every = [case(f"test_{verdict}", verdict, message="why") for verdict in Verdict]
    parsed, totals = merge(evidence, run(*every), run(*every[:2], role=Role.BASELINE))
    parsed.update_statistics()
    assert totals == JUnitTotals(tests=6, failures=2, errors=1, skipped=1)
    assert totals == (parsed.tests, parsed.failures, parsed.errors, parsed.skipped)


def test_a_run_that_did_not_get_to_its_end_is_an_error(evidence):
    parsed, totals = merge(evidence, run(case(), exit_code=-9, junit=None))
    assert totals == JUnitTotals(tests=2, failures=0, errors=1, skipped=0)
    assert "pytest ended with code -9" in parsed.tostring().decode()


@pytest.mark.parametrize(
    "text",
    [
        "</testcase><evil/>",
        "]]>",
        "&nbsp;",
        "\x00\x1b[31m\x0b",
        "\ufffe",
        "💉 µmol/L",
        '"',
    ],
)
def test_hostile_text_stays_text(evidence, text):
    hostile = case(f"test_it.py::test[{text}]", Verdict.FAILED, message=text)
    parsed, _ = merge(evidence, run(hostile.model_copy(update={"detail": text})))
    assert "evil" not in {element.tag for element in parsed._elem.iter()}
    assert len(list(next(iter(parsed)))) == 1


def test_characters_that_xml_cannot_hold_can_still_be_seen(evidence):
    parsed, _ = merge(evidence, run(case(verdict=Verdict.FAILED, message="\x1b[31m red")))
    ((failed,),) = parsed
    assert failed.result[0].message == r"\x1b[31m red"


@pytest.mark.parametrize("junit", [b"", b"<testsuites>", b"no xml", b"<html/>"])
def test_what_is_no_whole_junit_file_has_no_cases(junit):
    assert cases_in(junit) is None


def test_a_case_without_the_plugins_properties_keeps_its_own_name():
    (found,) = cases_in(
        b'<testsuites><testsuite><testcase classname="a.b" name="c"/></testsuite></testsuites>'
    )
    assert (found.name, found.verdict, found.hazards) == ("a.b::c", Verdict.PASSED, ())
