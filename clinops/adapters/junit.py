"""JUnit XML: the cases that a run's file tells of, and one file for a whole release.

Names and messages come from vendors' software: they are data here, and never trusted as XML.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from junit_xml import TestCase, TestSuite, to_xml_report_string
from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Properties, Skipped
from junitparser import TestCase as ParsedCase

from clinops.adapters.pytest_plugin import HAZARD_PROPERTY, TEST_PROPERTY
from clinops.domain.evidence import Evidence
from clinops.domain.measured import of_suite
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict

_TEXT_LIMIT = 4_000
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VERDICTS = ((Error, Verdict.ERROR), (Failure, Verdict.FAILED), (Skipped, Verdict.SKIPPED))


class JUnitTotals(NamedTuple):
    """How the tests of a release ended, on candidate and baseline together."""

    tests: int
    failures: int
    errors: int
    skipped: int


def cases_in(junit: bytes) -> tuple[CaseResult, ...] | None:
    """Read the cases of one run; None where this is no whole JUnit file."""
    try:
        report = JUnitXml.fromstring(junit)
    except (SyntaxError, JUnitXmlError):  # a SyntaxError is what every XML parser raises
        return None
    results: dict[str, CaseResult] = {}
    for suite in report:
        for case in suite:
            result = _result_of(case)
            told = results.get(result.name)
            # A test that fails and then breaks in its teardown is told of twice: the failure stays.
            if told is None or told.verdict is not Verdict.FAILED:
                results[result.name] = result
    return tuple(results.values())


def _result_of(case: ParsedCase) -> CaseResult:
    held = case.child(Properties) or ()  # type: ignore[no-untyped-call]
    properties = [(each.name, each.value) for each in held]
    names = [value for name, value in properties if name == TEST_PROPERTY]
    outcome = next(iter(case.result), None)
    return CaseResult(
        name=names[0] if names else f"{case.classname}::{case.name}",
        verdict=next((v for kind, v in _VERDICTS if isinstance(outcome, kind)), Verdict.PASSED),
        milliseconds=round((case.time or 0) * 1000),
        message=_clipped(outcome.message) if outcome is not None else "",
        detail=_clipped(outcome.text) if outcome is not None else "",
        hazards=tuple(sorted({value for name, value in properties if name == HAZARD_PROPERTY})),
    )


def _clipped(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def merged(evidence: Evidence) -> tuple[str, JUnitTotals]:
    """Write one JUnit file for a release: a test suite for each suite and role that ran.

    A run that did not get to its end has an error of its own, so that no reader takes the tests
    that it did finish for the whole.

    Returns:
        The file's text, and the counts that it holds.
    """
    suites = [_suite_of(evidence, run) for run in evidence.runs]
    cases = [case for suite in suites for case in suite.test_cases]
    return str(to_xml_report_string(suites, prettyprint=False)), JUnitTotals(
        tests=len(cases),
        failures=sum(case.is_failure() for case in cases),
        errors=sum(case.is_error() for case in cases),
        skipped=sum(case.is_skipped() for case in cases),
    )


def _suite_of(evidence: Evidence, run: SuiteRun) -> TestSuite:
    version = _version_of(evidence, run)
    cases = [_case_of(case) for case in run.cases]
    if not run.completed:
        unfinished = TestCase("the suite runs to its end", classname=run.suite)
        unfinished.add_error_info(f"pytest ended with code {run.exit_code}")
        cases.append(unfinished)
    return TestSuite(
        f"{run.suite} on {run.role.value} {version}",
        cases,
        properties={
            "release": evidence.release.id,
            **{
                f"image.{service}": digest
                for images in evidence.images
                if images.role is run.role
                for service, digest in images.services.items()
            },
            "version": version,
            "role": run.role.value,
            **_origin_of(evidence, run),
            "hazards": " ".join(sorted({each for case in run.cases for each in case.hazards})),
        },
    )


def _origin_of(evidence: Evidence, run: SuiteRun) -> dict[str, str]:
    """Tell a run that was carried over apart from one of this release's own."""
    origin = evidence.origin_of(of_suite(run.suite, run.role))
    return (
        {}
        if origin is None
        else {
            "carried.release": origin.release,
            "carried.evidence": origin.evidence,
            "carried.measured": origin.measured,
        }
    )


def _version_of(evidence: Evidence, run: SuiteRun) -> str:
    if run.role is Role.CANDIDATE:
        return evidence.release.version
    return evidence.baseline_version or "unknown"


def _case_of(result: CaseResult) -> TestCase:
    file, _, name = result.name.partition("::")
    case = TestCase(
        _escaped(name or file),
        classname=_escaped(file),
        elapsed_sec=result.milliseconds / 1000,
        category=" ".join(result.hazards) or None,
    )
    message, detail = _escaped(result.message), _escaped(result.detail)
    if result.verdict is Verdict.FAILED:
        case.add_failure_info(message or "failed", detail)
    elif result.verdict is Verdict.ERROR:
        case.add_error_info(message or "error", detail)
    elif result.verdict is Verdict.SKIPPED:
        case.add_skipped_info(message or "skipped", detail)
    return case


def _escaped(text: str) -> str:
    """Write each character that XML cannot hold as its code, so that they can still be seen."""
    return _NOT_IN_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
