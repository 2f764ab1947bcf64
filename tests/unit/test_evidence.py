"""What findings and which outcome follow from what ran."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from clinops.domain.behaviour import differing_behaviour
from clinops.domain.comparison import Group
from clinops.domain.difference import Difference, differing_results, undeclared
from clinops.domain.digest import canonical, digest_bytes
from clinops.domain.evidence import Evidence, compare_runs, decide, missing_runs
from clinops.domain.fault_trial import FaultsTried
from clinops.domain.finding import Finding, Weight
from clinops.domain.measured import Measured
from clinops.domain.outcome import STATE_AFTER, Outcome
from clinops.domain.suite import Role, Verdict
from clinops.domain.waiver import Waiver, apply
from tests.fakes.compared import SLOWER, comparison, group, lossy, rehearsal
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
        "differences": (CHANGED_USER,),
        "waivers": (WAIVER,),
        "rehearsal": rehearsal(),
        "comparison": comparison(),
        "faults": FaultsTried(asked=("paused",), trials=()),
        "measured": (Measured(what="rehearsal", inputs={}),),
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
    assert original.digest == Evidence.model_validate_json(canonical(original.json_value())).digest


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


def contradictions(**changes: object) -> list[str]:
    return evidence().model_copy(update=changes).contradictions()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"runs": (run(case(verdict=FAILED)),)}, ["is left out: smoke: test_a", "is qualified"]),
        ({"runs": ()}, ["a finding is left out: The smoke suite", "say inconclusive"]),
        ({"outcome": Outcome.REFUSED}, ["say qualified"]),
        ({"findings": (finding(Weight.REFUSES),)}, ["say refused"]),
        ({"plan": ()}, ["was not planned on the candidate version"]),
        ({"files": {}}, ["a file of the smoke run on the candidate version"]),
    ],
)
def test_says_what_in_doctored_evidence_does_not_agree(change, said):
    sentences = contradictions(**change)
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


def test_a_run_without_a_junit_file_needs_its_log_alone():
    broken = run(case(), junit=None)
    findings = tuple(missing_runs([SMOKE], [broken]))
    files = {"log.txt": broken.log}
    outcome = Outcome.INCONCLUSIVE
    assert contradictions(runs=(broken,), files=files, findings=findings, outcome=outcome) == []


CHANGED_USER = Difference(
    kind="image-configuration", subject="image: user", before="app", after="root"
)
WAIVER = Waiver(
    id="W-001",
    version="1.2.0",
    finding="test-failed",
    occurrence="smoke: test_a",
    reason="The replica's clock is late.",
    owner="Operations",
    expires=dt.date(2025, 6, 10),
)
BAD_RUN = run(case(verdict=FAILED))


def waived(**changes: object) -> Evidence:
    """Make evidence of one failing test that a waiver waives on its last day."""
    known = (WAIVER,)
    findings = apply(compare_runs([BAD_RUN]), known, "1.2.0", WAIVER.expires)
    made = {"runs": (BAD_RUN,), "findings": findings, "waivers": known}
    return evidence().model_copy(update=made | changes)


def test_a_failure_that_is_waived_refuses_nothing_and_is_still_told():
    [finding] = waived().findings
    assert (finding.kind, finding.weight, finding.waiver) == ("test-failed", Weight.NOTE, "W-001")
    assert waived().outcome is Outcome.QUALIFIED
    assert waived().contradictions() == []
    assert Evidence.model_validate_json(canonical(waived().json_value())) == waived()


@pytest.mark.parametrize(
    "changes",
    [
        {"waivers": ()},
        {"waivers": (WAIVER.model_copy(update={"version": "1.1.0"}),)},
        {"waivers": (WAIVER.model_copy(update={"occurrence": "smoke: test_b"}),)},
        {"waivers": (WAIVER.model_copy(update={"id": "W-002"}),)},
        {"ended": "2025-06-11T00:00:00+00:00"},
        {"ended": "never"},
    ],
    ids=["none", "other version", "other test", "other id", "expired", "no time"],
)
def test_a_waived_finding_without_a_waiver_in_force_contradicts_itself(changes):
    told = waived(**changes).contradictions()
    assert "no waiver in force is for this finding: smoke: test_a fails on the candidate" in told
    assert any("a finding is left out: smoke: test_a" in sentence for sentence in told)


def test_a_waived_failure_may_not_be_left_out():
    [sentence] = waived(findings=()).contradictions()
    assert sentence == "a finding is left out: smoke: test_a fails on the candidate"


def test_a_mended_test_that_differs_must_be_listed_and_noted():
    runs = (run(case()), run(case(verdict=FAILED), role=BASELINE))
    found = tuple(differing_results(runs))
    plan = (SMOKE, ("smoke", BASELINE))
    findings = (*compare_runs(runs), *undeclared(found))
    whole = {"runs": runs, "plan": plan, "findings": findings, "differences": found}
    assert contradictions(**whole) == []
    [left_out] = contradictions(**{**whole, "differences": ()})
    assert left_out == "the difference in smoke: test_a is left out"
    [hidden] = contradictions(**{**whole, "findings": findings[:1]})
    assert hidden.startswith("a finding is left out: smoke: test_a differs")


def test_evidence_from_before_waivers_and_differences_keeps_its_digest():
    value = evidence().json_value()
    assert "waivers" not in value
    assert "differences" not in value
    assert set(finding(Weight.NOTE).json_value()) == {
        "kind",
        "weight",
        "summary",
        "detail",
        "hazards",
    }


@pytest.mark.parametrize(
    ("runs", "occurrence"),
    [
        ([run(case(verdict=FAILED))], "smoke: test_a"),
        ([run(case(verdict=SKIPPED))], "smoke: test_a"),
        ([run(case()), run(case(), case("test_b"), role=BASELINE)], "smoke: test_b"),
    ],
)
def test_a_finding_about_a_test_names_its_occurrence(runs, occurrence):
    assert [found.occurrence for found in compare_runs(runs)] == [occurrence]


def compared(*groups: Group, **changes: object) -> dict[str, object]:
    """Bind a comparison to evidence as a qualification does."""
    made = comparison(*groups)
    differences = tuple(differing_behaviour(made))
    findings = tuple(undeclared(differences))
    whole = {
        "comparison": made,
        "differences": differences,
        "findings": findings,
        "outcome": decide(findings, [run(case())]),
        "files": {
            **evidence().files,
            "comparison.json": digest_bytes(canonical(made.json_value())),
        },
    }
    return {**whole, **changes}


def test_evidence_of_a_comparison_contradicts_nothing():
    assert contradictions(**compared()) == []
    assert contradictions(**compared(group())) == []


def test_evidence_of_before_comparisons_and_rehearsals_keeps_its_digest():
    assert not {"comparison", "rehearsal"} & set(evidence().json_value())


@pytest.mark.parametrize("left_out", ["comparison", "files"])
def test_a_comparison_and_its_file_belong_together(left_out):
    told = contradictions(**compared(**{left_out: getattr(evidence(), left_out)}))
    assert told == ["comparison.json does not say what the evidence says of the comparison"]


def test_a_regression_can_not_be_left_out():
    told = contradictions(
        **compared(group(), differences=(), findings=(), outcome=Outcome.QUALIFIED)
    )
    subject = "behaviour: http body/*/Name: changed"
    assert told == [f"the difference in {subject} is left out, or told otherwise"]


def test_a_regression_can_not_be_made_harmless():
    added = differing_behaviour(comparison(group()))[0].model_copy(update={"change": "added"})
    told = contradictions(**compared(group(), differences=(added,)))
    assert told[0].startswith("the difference in behaviour: http body/*/Name: changed is left out")


def test_what_follows_from_a_comparison_can_not_be_left_out():
    made = comparison(speeds=(SLOWER,))
    files = {"comparison.json": digest_bytes(canonical(made.json_value()))}
    told = contradictions(
        **compared(comparison=made, differences=(), files={**evidence().files, **files})
    )
    assert told == [
        "a finding is left out: search has become slower beyond doubt",
        "the outcome is qualified, but the runs and findings say refused",
    ]


def test_what_follows_from_a_rehearsal_can_not_be_left_out():
    assert contradictions(rehearsal=rehearsal()) == []
    left_out, outcome = contradictions(rehearsal=lossy())
    assert "9990000018" in left_out
    assert outcome == "the outcome is qualified, but the runs and findings say refused"
