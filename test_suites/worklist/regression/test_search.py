"""WRK-004: a search gives what matches it, all of it, and nothing else."""

import pytest

pytestmark = pytest.mark.hazard("WRK-004")


@pytest.mark.parametrize("pattern", ["Twildcard*", "*Tquery", "Twild?ard^Tquery"])
def test_patients_are_found_by_wildcards(schedule, worklist, pattern):
    accession = schedule(PatientName="Twildcard^Tquery")
    schedule(PatientName="Twildgoose^Chase")
    assert worklist.accessions(PatientName=pattern) == [accession]


def test_a_station_is_given_its_own_items_only(schedule, worklist):
    mine = schedule({"ScheduledStationAETitle": "TROOM1"})
    schedule({"ScheduledStationAETitle": "TROOM11"})
    assert worklist.accessions({"ScheduledStationAETitle": "TROOM1"}) == [mine]


def test_items_are_found_by_modality_and_day(schedule, worklist):
    day = {"ScheduledProcedureStepStartDate": "20290303"}
    scan = schedule({**day, "Modality": "CT"})
    schedule({**day, "Modality": "MR"})
    schedule({"ScheduledProcedureStepStartDate": "20290304", "Modality": "CT"})
    assert worklist.accessions({**day, "Modality": "CT"}) == [scan]


def test_keys_of_item_and_step_must_both_match(schedule, worklist):
    wanted = schedule({"Modality": "US"}, PatientID="T-BOTH")
    schedule({"Modality": "CT"}, PatientID="T-BOTH")
    assert worklist.accessions({"Modality": "US"}, PatientID="T-BOTH") == [wanted]


def test_a_long_list_comes_to_its_end(schedule, worklist):
    accessions = [schedule(PatientID="T-MANY") for _ in range(40)]
    assert worklist.accessions(PatientID="T-MANY") == sorted(accessions)


@pytest.mark.hazard("WRK-001")
def test_nobody_is_found_for_a_number_that_is_not_there(worklist):
    assert worklist.find(PatientID="T-NOBODY") == []


@pytest.mark.hazard("WRK-001")
@pytest.mark.parametrize("pattern", ["T-STA?-1", "T-ST*", "T-STAR-*"])
def test_a_number_is_never_a_pattern(schedule, worklist, pattern):
    # Annex K matches it by single value: whoever types a star has not named a patient.
    schedule(PatientID="T-STAR-1")
    assert worklist.find(PatientID=pattern) == []
