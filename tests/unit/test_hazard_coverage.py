"""Which hazards the evidence covers: a test that did not pass never counts as one that did."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.coverage import Coverage, HazardTest, coverage
from clinops.domain.hazard import HazardLog
from clinops.domain.parsing import parse
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from tests.fakes.evidence import case, run
from tests.fakes.wiring import hazard, hazards

ONE = "PAS-001"
LOG = parse("hazards.yaml", hazards(), HazardLog)
PASSED, BASELINE = Verdict.PASSED, Role.BASELINE


def naming(name: str = "test_a", verdict: Verdict = PASSED, *also: str) -> CaseResult:
    return case(name, verdict, hazards=(ONE, *also))


def of(*runs: SuiteRun, **changes: object) -> Coverage:
    """Return what the runs say about one hazard."""
    log = parse("hazards.yaml", hazards(hazard(ONE, **changes)), HazardLog) if changes else LOG
    [found] = coverage(log, runs)
    return found


def test_says_what_the_log_says_of_a_hazard():
    found = of(run(naming()), residual={"severity": "major", "likelihood": "high"})
    assert (found.hazard, found.name, found.status) == (
        ONE,
        "A patient is taken for another",
        "open",
    )
    assert (found.initial_class, found.residual_class, found.weight) == (3, 4, 4)


def test_a_hazard_is_covered_by_one_test_that_passed():
    found = of(run(naming()), run(naming(), role=BASELINE))
    assert (found.covered, found.why) == (True, "Its test passed.")
    assert found.tests == (
        HazardTest(suite="smoke", name="test_a", baseline=PASSED, candidate=PASSED),
    )


def test_a_new_system_has_no_baseline_and_can_be_covered():
    found = of(run(naming(), naming("test_b")))
    assert (found.covered, found.why) == (True, "All 2 tests that name it passed.")
    assert {test.baseline for test in found.tests} == {None}


def test_a_hazard_that_no_test_names_is_not_covered():
    found = of(run(case(hazards=("PAS-002",))))
    assert (found.covered, found.why, found.tests) == (False, "No test names it.", ())


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.ERROR, Verdict.SKIPPED])
def test_one_test_that_did_not_pass_uncovers_a_hazard(verdict: Verdict):
    found = of(run(naming(), naming("test_b", verdict)))
    assert not found.covered
    assert found.why == f"smoke: test_b did not pass on the candidate ({verdict})."


def test_names_the_worst_test_and_counts_the_others():
    found = of(run(naming("test_a", Verdict.SKIPPED), naming("test_b", Verdict.ERROR)))
    assert found.why == "smoke: test_b did not pass on the candidate (error), nor did 1 more."


def test_a_failure_in_another_suite_uncovers_a_hazard_too():
    failed = run(naming(verdict=Verdict.FAILED), suite="regression")
    assert [test.suite for test in of(run(naming()), failed).tests] == ["regression", "smoke"]
    assert not of(run(naming()), failed).covered


def test_a_failure_on_the_baseline_alone_uncovers_nothing():
    assert of(run(naming()), run(naming(verdict=Verdict.FAILED), role=BASELINE)).covered


def test_a_test_that_only_the_baseline_ran_has_not_passed():
    found = of(run(case("test_b")), run(naming(), role=BASELINE))
    assert not found.covered
    assert found.why == "smoke: test_a did not pass on the candidate (not run to the end)."


def test_a_test_that_passed_before_its_run_broke_off_has_not_passed():
    found = of(run(naming(), exit_code=2))
    assert (found.covered, found.tests[0].candidate) == (False, None)


def test_a_test_that_failed_before_its_run_broke_off_has_failed():
    broken = run(naming(verdict=Verdict.FAILED), exit_code=2)
    assert of(broken).tests[0].candidate is Verdict.FAILED


def test_a_second_run_that_passes_does_not_make_good_the_first():
    assert not of(run(naming(verdict=Verdict.FAILED)), run(naming())).covered
    assert not of(run(naming()), run(naming(), exit_code=3)).covered


def test_a_closed_hazard_is_listed_as_it_is():
    assert of(status="closed", evidence=["minutes"]).status == "closed"


def test_keeps_the_order_of_the_log():
    log = parse("h.yaml", hazards(hazard("PAS-002"), hazard(ONE)), HazardLog)
    assert [found.hazard for found in coverage(log, [])] == ["PAS-002", ONE]


verdicts = st.sampled_from(Verdict)
results = st.builds(naming, st.sampled_from(["test_a", "test_b", "test_c"]), verdicts)
some_runs = st.lists(
    st.builds(
        lambda cases, role, suite, code: run(*cases, role=role, suite=suite, exit_code=code),
        st.lists(results, max_size=3),
        st.sampled_from(Role),
        st.sampled_from(["smoke", "regression"]),
        st.sampled_from([0, 1, 2]),
    ),
    max_size=4,
)


@settings(deadline=None)
@given(some_runs, results)
def test_no_further_result_that_did_not_pass_ever_covers_a_hazard(runs: list[SuiteRun], more):
    bad = more.model_copy(update={"verdict": Verdict.FAILED})
    assert not of(*runs, run(bad)).covered


@settings(deadline=None)
@given(some_runs)
def test_what_is_covered_has_a_test_that_passed_on_the_candidate(runs: list[SuiteRun]):
    found = of(*runs)
    passed = [
        one
        for finished in runs
        for one in finished.cases
        if finished.role is Role.CANDIDATE and finished.completed and one.verdict is PASSED
    ]
    assert passed or not found.covered
