"""What findings and which outcome follow from what ran."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clinops.domain.digest import digest_bytes
from clinops.domain.evidence import Evidence, compare_runs, decide, missing_runs
from clinops.domain.finding import Finding, Weight
from clinops.domain.outcome import STATE_AFTER, Outcome
from clinops.domain.suite import Role, Verdict
from tests.fakes.evidence import FakeEvidence, case, qualified, run

SMOKE = ("smoke", Role.CANDIDATE)
BASELINE = Role.BASELINE
FAILED, SKIPPED = Verdict.FAILED, Verdict.SKIPPED


def evidence() -> Evidence:
    return qualified(FakeEvidence())


def kinds(*runs) -> list[tuple[str, Weight]]:
    return [(finding.kind, finding.weight) for finding in compare_runs(runs)]


def test_a_suite_that_ran_to_its_end_is_not_missing():
    assert missing_runs([SMOKE], [run(case())]) == []


@pytest.mark.parametrize(
    "broken",
    [
        run(case(), exit_code=2),
        run(case(), junit=None),
        run(),
        run(case(), role=BASELINE),
        run(case(), suite="regression"),
    ],
    ids=["interrupted", "no JUnit file", "no test", "other version", "other suite"],
)
def test_a_suite_that_did_not_really_run_is_missing_evidence(broken):
    [finding] = missing_runs([SMOKE], [broken])
    assert finding.weight is Weight.INCONCLUSIVE
    assert finding.summary == "The smoke suite did not run to its end on the candidate version"


def test_a_broken_run_is_not_made_good_by_another_one_of_the_same_suite():
    assert missing_runs([SMOKE], [run(case(), exit_code=3), run(case())])


def test_tests_that_pass_on_both_versions_are_no_finding():
    assert kinds(run(case()), run(case(), role=BASELINE)) == []


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.ERROR])
def test_a_test_that_fails_on_the_candidate_alone_refuses(verdict):
    candidate = run(case(verdict=verdict, message="boom", hazards=("HAZ-1",)))
    [finding] = compare_runs([candidate, run(case(), role=BASELINE)])
    assert (finding.kind, finding.weight) == ("test-failed", Weight.REFUSES)
    assert (finding.detail, finding.hazards) == ("boom", ("HAZ-1",))


def test_a_test_that_fails_without_a_baseline_refuses():
    assert kinds(run(case(verdict=FAILED))) == [("test-failed", Weight.REFUSES)]


def test_a_test_that_fails_on_both_versions_says_nothing_about_the_release():
    runs = [run(case(verdict=FAILED)), run(case(verdict=FAILED), role=BASELINE)]
    assert kinds(*runs) == [("test-failed-on-both", Weight.INCONCLUSIVE)]


def test_a_failure_of_another_suite_on_the_baseline_excuses_nothing():
    other = run(case(verdict=FAILED), role=BASELINE, suite="regression")
    assert kinds(run(case(verdict=FAILED)), other) == [("test-failed", Weight.REFUSES)]


def test_a_skipped_test_is_missing_evidence_even_if_it_is_skipped_on_both():
    runs = [run(case(verdict=SKIPPED)), run(case(verdict=SKIPPED), role=BASELINE)]
    assert kinds(*runs) == [("test-skipped", Weight.INCONCLUSIVE)]


def test_a_test_that_vanished_from_the_candidate_is_missing_evidence():
    baseline = run(case(), case("test_b", hazards=("HAZ-2",)), role=BASELINE)
    [finding] = compare_runs([run(case()), baseline])
    assert (finding.kind, finding.weight) == ("evidence-missing", Weight.INCONCLUSIVE)
    assert finding.hazards == ("HAZ-2",)


def test_a_test_that_the_candidate_mends_is_a_note():
    runs = [run(case()), run(case(verdict=FAILED), role=BASELINE)]
    assert kinds(*runs) == [("test-mended", Weight.NOTE)]


@pytest.mark.parametrize("role", list(Role))
def test_a_failed_run_that_names_no_failed_test_is_missing_evidence(role):
    assert kinds(run(case(), role=role, exit_code=1)) == [("evidence-missing", Weight.INCONCLUSIVE)]


def finding(weight: Weight) -> Finding:
    return Finding(kind="k", weight=weight, summary="s")


@pytest.mark.parametrize(
    ("weights", "runs", "outcome"),
    [
        ([], [run(case())], Outcome.QUALIFIED),
        ([Weight.NOTE], [run(case())], Outcome.QUALIFIED),
        ([Weight.INCONCLUSIVE], [run(case())], Outcome.INCONCLUSIVE),
        ([Weight.INCONCLUSIVE, Weight.REFUSES], [run(case())], Outcome.REFUSED),
        ([Weight.REFUSES], [], Outcome.REFUSED),
        ([], [], Outcome.INCONCLUSIVE),
        ([], [run(case(), role=BASELINE)], Outcome.INCONCLUSIVE),
        ([], [run(case(), exit_code=4)], Outcome.INCONCLUSIVE),
    ],
)
def test_the_worst_finding_decides_and_nothing_qualifies_without_a_run(weights, runs, outcome):
    assert decide([finding(weight) for weight in weights], runs) is outcome


def test_every_outcome_leads_to_a_state_of_its_own():
    assert set(STATE_AFTER) == set(Outcome)
    assert len(set(STATE_AFTER.values())) == len(Outcome)


def test_the_digest_covers_every_field():
    original = evidence()
    changed = {
        "baseline_version": "1.1.0",
        "images": (),
        "plan": (),
        "runs": (),
        "findings": (finding(Weight.NOTE),),
        "outcome": Outcome.REFUSED,
        "files": {},
        "engine": "0.2.0",
        "started": "2025-06-10T12:00:01+00:00",
        "ended": "2025-06-10T12:00:01+00:00",
        "release": original.release.model_copy(update={"version": "1.2.1"}),
    }
    assert set(changed) == set(Evidence.model_fields) - {"schema_uri"}
    copies = [original.model_copy(update={name: value}) for name, value in changed.items()]
    assert original.digest not in {copy.digest for copy in copies}
    assert original.digest == Evidence.model_validate(original.json_value()).digest


def test_names_the_candidates_images():
    assert evidence().candidate_images() == {"app": digest_bytes(b"input")}
    assert evidence().model_copy(update={"images": ()}).candidate_images() == {}


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "a b", "a\nb", "\u00e9", "a\\b", "x" * 201],
)
def test_refuses_a_file_name_that_could_do_harm(name):
    value = evidence().json_value()
    with pytest.raises(ValidationError):
        Evidence.model_validate({**value, "files": {name: digest_bytes(b"")}})


def test_refuses_evidence_of_another_schema():
    with pytest.raises(ValidationError):
        Evidence.model_validate({**evidence().json_value(), "schema_uri": "urn:clinops:evidence:2"})


def test_honest_evidence_contradicts_nothing():
    assert evidence().contradictions() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"runs": (run(case(verdict=FAILED)),)}, "the outcome is qualified"),
        ({"runs": ()}, "say inconclusive"),
        ({"outcome": Outcome.REFUSED}, "say qualified"),
        ({"findings": (finding(Weight.REFUSES),)}, "say refused"),
        ({"plan": ()}, "was not planned on the candidate version"),
        ({"files": {}}, "a file of the smoke run on the candidate version"),
    ],
)
def test_says_what_in_doctored_evidence_does_not_agree(change, said):
    [sentence] = evidence().model_copy(update=change).contradictions()
    assert said in sentence


def test_a_run_without_a_junit_file_needs_its_log_alone():
    broken = run(case(), junit=None)
    files = {"log.txt": broken.log}
    changes = {"runs": (broken,), "files": files, "outcome": Outcome.INCONCLUSIVE}
    assert evidence().model_copy(update=changes).contradictions() == []
