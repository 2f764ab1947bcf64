"""What no test suite would have told: a vendor's silent changes, found on the real engine.

The system has a smoke suite, a handful of probes that ask for what there is, and nothing that
knows which fields matter.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from clinops.domain.evidence import decide
from clinops.domain.finding import Finding, Weight
from clinops.domain.outcome import Outcome
from clinops.domain.rehearsal import Rehearsal, WayBack, findings
from tests.records import ASKED, NOISE, PATIENTS, RULES, Records, noise, records
from tests.systems.records.seed import LONG

pytestmark = pytest.mark.docker

TABLES = "data: records:/data/records.db#"
FILES = "data: records:/data: record images/"
LONG_ONE, OTHER = "9990000018", "9990000026"
"""The probes ask for both; for the next one nobody asks."""
SOMEBODY = "9990054991"

ON_RECORD = {
    f"drop {SOMEBODY}": f"{TABLES}patients: record {SOMEBODY}: lost",
    f"alter {SOMEBODY}": f"{TABLES}results: record {SOMEBODY}: value",
    f"truncate {LONG_ONE}": f"{TABLES}patients: record {LONG_ONE}: name",
    f"swap {SOMEBODY} {OTHER}": f"{TABLES}patients: record {SOMEBODY}: name",
    f"garble {LONG_ONE}": f"{TABLES}results: record {LONG_ONE}: unit",
    f"shift {SOMEBODY}": f"{TABLES}appointments: record {SOMEBODY}: starts",
    f"repaint {LONG_ONE}": f"{FILES}{LONG_ONE}.png: contents",
    f"repaint-raw {LONG_ONE}": f"{FILES}{LONG_ONE}.raw: contents",
}
"""What a new version does to the data, and the subject under which it is found."""
ANSWERED = {
    "answer-name": ("behaviour: patient body/name: changed", "body/name"),
    "answer-unit": (
        'behaviour: http body/results/*/unit: changed from "µmol/L" to "Âµmol/L"',
        "body/results/0/unit",
    ),
}
"""What it only answers otherwise: the data stays as it was."""
VALUES = {
    f"alter {SOMEBODY}": ("0.5", "1.0"),
    f"truncate {LONG_ONE}": (LONG, LONG[:-1]),
    f"garble {LONG_ONE}": ("µmol/L", "Âµmol/L"),
    f"shift {SOMEBODY}": ("2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00+00:00"),
    "answer-name": (LONG, LONG[:-1]),
    "answer-unit": ("µmol/L", "Âµmol/L"),
}


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    with records(tmp_path_factory.mktemp("records"), writer="write.py") as made:
        yield made


@pytest.fixture(scope="module")
def read_back(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """The same system with a program that reads every patient through its interface."""
    programs = {"inventory": "inventory.py", "writer": "write.py"}
    with records(tmp_path_factory.mktemp("read-back"), **programs) as made:
        yield made


@pytest.fixture(scope="module")
def judged(estate: Records) -> Mapping[str, Mapping[str, Finding]]:
    """The findings about each harmful version, by their subjects."""
    offered = {mischief: estate.offer(mischief) for mischief in (*ON_RECORD, *ANSWERED)}

    def found(mischief: str) -> dict[str, Finding]:
        candidate = offered[mischief]
        upgraded = candidate.goes_up()
        if mischief in ON_RECORD:
            judged = candidate.judged(upgraded.differences)
        else:
            assert upgraded.differences == ()
            compared = candidate.compared(upgraded.snapshot)
            judged = candidate.judged(compared.differences, compared.comparison)
        return {finding.occurrence: finding for finding in judged}

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(offered, pool.map(found, offered), strict=True))


def test_the_system_holds_what_is_hard_to_keep():
    names = {each["name"] for each in PATIENTS.values()}
    assert (len(PATIENTS), len(LONG), LONG in names) == (10_000, 64, True)
    assert {each["value"] for each in PATIENTS.values()} >= {"0.5", ".5", "<0.1"}
    assert PATIENTS[SOMEBODY]["starts"] == "2026-10-25T01:30:00+01:00"
    assert SOMEBODY not in ASKED


def test_a_version_that_harms_nothing_qualifies(read_back):
    evidence = read_back.qualify()
    assert evidence.outcome is Outcome.QUALIFIED, evidence.findings
    assert evidence.rehearsal.way_back is WayBack.CLEAN
    assert evidence.rehearsal.read["records:/data/records.db#patients"] == 10_000
    assert (evidence.rehearsal.read["patients"], evidence.rehearsal.written) == (
        10_000,
        {"patients": 2},
    )
    assert evidence.comparison.groups == ()
    assert set(evidence.comparison.rules_used) == {rule["id"] for rule in RULES}


def test_a_version_that_swaps_two_patients_is_refused_from_end_to_end(estate):
    evidence = estate.qualify(f"swap {SOMEBODY} {OTHER}")
    assert evidence.outcome is Outcome.REFUSED
    assert all(run.exit_code == 0 for run in evidence.runs)
    refusing = {one.occurrence: one for one in evidence.findings if one.weight is Weight.REFUSES}
    for patient in (SOMEBODY, OTHER):
        assert f"{TABLES}patients: record {patient}: name" in refusing
    answered = refusing["behaviour: patient body/name: changed"].detail
    assert answered.startswith(f"patient[id={OTHER}] body/name: before: ")
    assert PATIENTS[SOMEBODY]["name"] in answered


@pytest.mark.parametrize("mischief", ON_RECORD)
def test_one_altered_record_of_ten_thousand_is_refused_by_its_name(judged, mischief):
    finding = judged[mischief][ON_RECORD[mischief]]
    assert decide(list(judged[mischief].values()), ()) is Outcome.REFUSED
    assert (finding.kind, finding.weight) == ("regression", Weight.REFUSES)
    for value in VALUES.get(mischief, ()):
        assert f"“{value}”" in finding.detail


def test_a_lost_record_is_told_with_what_it_held(judged):
    mischief = f"drop {SOMEBODY}"
    told = judged[mischief][ON_RECORD[mischief]].detail
    assert PATIENTS[SOMEBODY]["name"] in told
    assert PATIENTS[SOMEBODY]["born"] in told


def test_swapped_patients_are_both_named(judged):
    subjects = judged[f"swap {SOMEBODY} {OTHER}"]
    assert {subject.split(": ")[2] for subject in subjects} == {
        f"record {SOMEBODY}",
        f"record {OTHER}",
    }


@pytest.mark.parametrize("mischief", ANSWERED)
def test_a_garbled_answer_is_refused_with_the_record_though_the_data_is_whole(judged, mischief):
    subject, place = ANSWERED[mischief]
    finding = judged[mischief][subject]
    assert decide(list(judged[mischief].values()), ()) is Outcome.REFUSED
    assert finding.weight is Weight.REFUSES
    assert finding.detail.startswith(f"patient[id={LONG_ONE}] {place}: ")
    for value in VALUES[mischief]:
        assert f"“{value}”" in finding.detail


# Noise


def test_noise_without_an_approved_rule_leaves_it_open(estate):
    estate.write(NOISE, noise([]))
    try:
        candidate = estate.offer()
        compared = candidate.compared(candidate.baseline)
    finally:
        estate.write(NOISE, noise(RULES))
    found = candidate.judged(compared.differences, compared.comparison)
    assert {finding.kind for finding in found} == {"unexplained-noise"}
    assert decide(found, ()) is Outcome.INCONCLUSIVE
    # What a system makes up to know a request by needs no rule: it is renamed, one to one.
    noisy = {each.path for each in compared.comparison.noise}
    assert noisy == {"body/answered/at", "body/answered/served", "body/wards"}


def test_a_rule_that_masks_a_name_is_refused_where_it_stands(estate):
    masking = {**RULES[0], "id": "N-009", "path": "body/name"}
    text = noise([*RULES, masking])
    estate.write(NOISE, text)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "clinops", "--estate", estate.checkout, "validate", NOISE],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        estate.write(NOISE, noise(RULES))
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "body/name" in one)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"{NOISE}:{line}: ")
    assert "protected" in done.stderr


# The way back


@pytest.fixture(scope="module")
def ways_back(read_back: Records) -> Mapping[tuple[str, str], Rehearsal]:
    """Rehearsals by what the candidate does with its first write, and the declared way back."""
    asked = [("moves", "binary"), ("encodes", "binary"), ("encodes", "restore")]
    offered = [
        read_back.offer(mischief, rollback={"strategy": strategy}) for mischief, strategy in asked
    ]
    with ThreadPoolExecutor(3) as pool:
        gone = pool.map(lambda candidate: candidate.comes_back(candidate.goes_up()), offered)
        return dict(zip(asked, gone, strict=True))


@pytest.mark.parametrize("mischief", ["moves", "encodes"])
def test_records_that_the_old_version_can_not_read_are_no_clean_way_back(ways_back, mischief):
    rehearsal = ways_back[mischief, "binary"]
    assert not any(step.problem for step in rehearsal.steps), "health and smoke suite are green"
    assert rehearsal.way_back is WayBack.LOSSY
    assert rehearsal.lost >= 10_000
    refusing = [one for one in findings(rehearsal) if one.weight is Weight.REFUSES]
    assert {one.kind for one in refusing} == {"rollback-lossy"}
    assert any("patients" in one.summary for one in refusing)


def test_names_that_writing_has_garbled_are_no_clean_way_back_though_no_program_reads_them(estate):
    candidate = estate.offer("encodes")
    rehearsal = candidate.comes_back(candidate.goes_up())
    assert rehearsal.way_back is WayBack.LOSSY
    refusing = {one.kind for one in findings(rehearsal) if one.weight is Weight.REFUSES}
    assert refusing == {"rollback-lossy"}


def test_an_empty_list_and_a_garbled_name_are_told_apart(ways_back):
    moved, encoded = (ways_back[each, "binary"].losses for each in ("moves", "encodes"))
    assert {loss.field for loss in moved if loss.collection == "patients"} == {""}
    assert {loss.field for loss in encoded if loss.collection == "patients"} >= {"name"}


def test_a_restored_backup_loses_exactly_what_was_written_since(ways_back):
    rehearsal = ways_back["encodes", "restore"]
    lost = {loss.record: loss for loss in rehearsal.losses if loss.collection == "patients"}
    assert rehearsal.way_back is WayBack.LOSSY
    assert set(lost) == {"9991000005", "9991000013"}
    assert all(loss.new for loss in lost.values())
    assert "Ñandú, Ana" in lost["9991000005"].before
    assert {one.weight for one in findings(rehearsal)} == {Weight.NOTE}
