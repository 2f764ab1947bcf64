"""WRK-005: examinations keep their day and time, in the nights when the clock is changed too."""

import pytest

pytestmark = pytest.mark.hazard("WRK-005")

AUTUMN, SPRING = "20261025", "20270328"
DATE, TIME = "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"


@pytest.mark.parametrize(
    ("date", "time"),
    [
        pytest.param(AUTUMN, "013000", id="comes-twice"),
        pytest.param(SPRING, "013000", id="does-not-exist"),
        pytest.param(AUTUMN, "000000", id="midnight"),
        pytest.param("20261231", "235959", id="last-second-of-the-year"),
        pytest.param("20280229", "1200", id="leap-day-without-seconds"),
    ],
)
def test_a_start_is_told_as_it_was_scheduled(schedule, worklist, date, time):
    accession = schedule({DATE: date, TIME: time})
    (found,) = worklist.find(AccessionNumber=accession)
    (step,) = found.ScheduledProcedureStepSequence
    assert (step[DATE].value, step[TIME].value) == (date, time)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("20290228", [1]),
        ("20290228-20290301", [1, 2]),
        ("-20290228", [0, 1]),
        ("20290301-", [2, 3]),
    ],
)
def test_a_range_of_days_holds_both_its_ends(schedule, worklist, asked, expected):
    days = ("20290131", "20290228", "20290301", "20290331")
    accessions = [schedule({DATE: day}, PatientID="T-DAYS") for day in days]
    found = worklist.accessions({DATE: asked}, PatientID="T-DAYS")
    assert found == [accessions[position] for position in expected]


@pytest.mark.parametrize(
    ("asked", "expected"), [("080000-120000", [0, 1]), ("120000-", [1, 2]), ("080000", [0])]
)
def test_a_range_of_times_holds_both_its_ends(schedule, worklist, asked, expected):
    times = ("080000", "120000", "120001")
    accessions = [schedule({TIME: time}, PatientID="T-TIMES") for time in times]
    found = worklist.accessions({DATE: "20290101", TIME: asked}, PatientID="T-TIMES")
    assert found == [accessions[position] for position in expected]


@pytest.mark.hazard("WRK-001")
@pytest.mark.parametrize("born", [AUTUMN, SPRING, "20240229", "18991231"])
def test_a_date_of_birth_is_told_as_it_was_written(schedule, worklist, born):
    accession = schedule(PatientBirthDate=born)
    (found,) = worklist.find(AccessionNumber=accession)
    assert found.PatientBirthDate == born
