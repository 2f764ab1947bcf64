"""The hazard log: the class of every risk, and how each mistake in the file is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.hazard import HazardLog, Likelihood, Score, Severity, risk_class
from clinops.domain.parsing import parse
from clinops.errors import BadInputError

GOOD = """\
schema: 1
product: pas
hazards:
  - id: PAS-001
    name: A patient is taken for another
    type: patient identity
    description: Two patients with one name are taken for one.
    causes: [a search that is too wide]
    effect: A clinician reads another patient's record.
    harm: Treatment of the wrong patient.
    existing_controls: [staff ask for the date of birth]
    initial: {severity: major, likelihood: medium}
    new_controls:
      design: [patients are keyed by number]
      test: [smoke suite]
      training: [read back the number]
      business_process: [wristbands]
    residual: {severity: major, likelihood: very-low}
    owner: Clinical safety officer
    status: open
  - id: PAS-002
    name: The system is unavailable
    type: availability
    description: Nobody can look anything up.
    causes: [a failed upgrade]
    effect: Staff wait.
    harm: Delay.
    initial: {severity: minor, likelihood: low}
    residual: {severity: minor, likelihood: low}
    owner: Operations
    status: transferred
    evidence: [minutes of 2026-01-31]
"""

# Likelihood down, severity across: DCB0129 and DCB0160, as the standards print it.
MATRIX = """
            minor  significant  considerable  major  catastrophic
very-high       3            4             4      5             5
high            2            3             3      4             5
medium          2            2             3      3             4
low             1            2             2      3             4
very-low        1            1             2      2             3
"""
SEVERITIES, *ROWS = (line.split() for line in MATRIX.strip().splitlines())
CELLS = [
    (severity, likelihood, int(cell))
    for likelihood, *row in ROWS
    for severity, cell in zip(SEVERITIES, row, strict=True)
]

severities, likelihoods = st.sampled_from(Severity), st.sampled_from(Likelihood)


def log(text: str) -> HazardLog:
    return parse("hazards.yaml", text.encode(), HazardLog)


def test_the_matrix_has_every_cell_once():
    assert len({(severity, likelihood) for severity, likelihood, _ in CELLS}) == 25


@pytest.mark.parametrize(("severity", "likelihood", "expected"), CELLS)
def test_the_class_is_that_of_the_standard(severity: str, likelihood: str, expected: int):
    score = Score(severity=Severity(severity), likelihood=Likelihood(likelihood))
    assert score.risk_class == expected
    assert risk_class(Severity(severity), Likelihood(likelihood)) == expected


@settings(deadline=None)
@given(severities, severities, likelihoods, likelihoods)
def test_a_worse_score_never_has_a_lower_class(one, other, rare, often):
    mild, grave = sorted([one, other], key=list(Severity).index)
    rare, often = sorted([rare, often], key=list(Likelihood).index)
    assert risk_class(mild, rare) <= risk_class(grave, often)


def test_reads_a_whole_log():
    first, second = log(GOOD).hazards
    assert (first.initial.risk_class, first.residual.risk_class, first.weight) == (3, 2, 3)
    assert first.new_controls.business_process == ["wristbands"]
    assert second.new_controls.test == []
    assert (second.status, second.evidence) == ("transferred", ["minutes of 2026-01-31"])
    assert HazardLog.model_validate_json(log(GOOD).model_dump_json()) == log(GOOD)


def test_a_residual_risk_that_is_the_worse_one_weighs():
    worse = GOOD.replace("likelihood: very-low", "likelihood: very-high")
    assert log(worse).hazards[0].weight == 5


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (GOOD.replace("PAS-002", "PAS-001"), 21, "`hazards[1].id` is the id of an earlier hazard"),
        (GOOD.replace("PAS-002", "PAS-2"), 21, "`hazards[1].id` must be three capital letters"),
        (GOOD.replace("status: open", "status: closed"), 20, "is `closed`, and nothing shows why"),
        (GOOD.replace("[minutes of 2026-01-31]", "[]"), 31, "is `transferred`, and nothing"),
        (GOOD.replace("status: open", "status: accepted"), 20, "`hazards[0].status` must be"),
        (GOOD.replace("severity: major", "severity: mild", 1), 12, "`hazards[0].initial.severity"),
        (GOOD.replace("likelihood: very-low", "likelihood: 1"), 18, "hazards[0].residual.likeli"),
        (GOOD.replace("major, likelihood: medium", "major"), 12, "initial.likelihood` is missing"),
        (GOOD.replace("    harm: Delay.\n", ""), 21, "`hazards[1].harm` is missing"),
        (GOOD.replace("harm: Delay.", "harm: ''"), 27, "`hazards[1].harm` must have at least"),
        (GOOD.replace("[a failed upgrade]", "[]"), 25, "`hazards[1].causes` must have at least"),
        (GOOD.replace("training", "trainings"), 16, "`hazards[0].new_controls.trainings` is not"),
        (GOOD + "    class: 1\n", 33, "`hazards[1].class` is not a known key"),
        ("schema: 1\nproduct: pas\nhazards: []\n", 3, "`hazards` must have at least 1 item"),
    ],
)
def test_tells_each_mistake_with_its_line(text: str, line: int, what: str):
    with pytest.raises(BadInputError) as caught:
        log(text)
    told = [(problem.line, problem.what) for problem in caught.value.problems]
    assert any(at == line and what in said for at, said in told), told


def test_the_log_of_the_reference_archive_and_the_documented_one_are_good():
    home = Path(__file__).parents[2]
    archive = log((home / "environments/orthanc/hazards.yaml").read_text(encoding="utf-8"))
    assert archive.demonstration
    example = (home / "docs/hazards.md").read_text(encoding="utf-8").split("```yaml\n")[1]
    assert log(example.split("```")[0]).product
