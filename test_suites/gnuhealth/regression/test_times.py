"""GNU-006: times and dates of birth are what was written."""

import datetime as dt

import pytest
from people import APPOINTMENT, PERSON, RESULT

pytestmark = pytest.mark.hazard("GNU-006")

SUMMER = dt.datetime(2025, 10, 26, 0, 30, tzinfo=dt.UTC)
"""01:30 in London, before the clocks go back."""
WINTER = SUMMER + dt.timedelta(hours=1)
"""01:30 in London again."""


@pytest.mark.parametrize(
    "born",
    [
        dt.date(2000, 1, 1),
        dt.date(1999, 12, 31),
        dt.date(1981, 3, 29),
        dt.date(1979, 10, 28),
        dt.date(2004, 2, 29),
        dt.date(1900, 1, 1),
        dt.date(1970, 1, 1),
    ],
    ids=str,
)
def test_a_date_of_birth_is_kept(record, people, born):
    patient = people.patient(dob=born)
    assert record.read(PERSON, patient.person, "dob")["dob"] == born
    assert record.search(PERSON, ["ref", "=", patient.ref], ["dob", "=", born]) == [patient.person]


def test_the_hour_that_comes_twice_is_kept_as_two(record, people):
    patient = people.patient()
    second = people.appointment(patient, WINTER)
    first = people.appointment(patient, SUMMER)
    own = ["patient", "=", patient.id]
    assert record.search(APPOINTMENT, own, order=[["appointment_date", "ASC"]]) == [first, second]
    times = [record.read(APPOINTMENT, each, "appointment_date") for each in (first, second)]
    assert [each["appointment_date"] for each in times] == [SUMMER, WINTER]


@pytest.mark.parametrize(
    "at",
    [
        dt.datetime(2025, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC),
        dt.datetime(2024, 2, 29, 12, 0, tzinfo=dt.UTC),
    ],
    ids=str,
)
def test_the_time_of_an_appointment_is_kept(record, people, at):
    appointment = people.appointment(people.patient(), at)
    assert record.read(APPOINTMENT, appointment, "appointment_date")["appointment_date"] == at


def test_an_event_is_found_on_its_own_day_only(record, people):
    patient = people.patient()
    last = people.appointment(patient, dt.datetime(2026, 6, 30, 23, 59, 59, tzinfo=dt.UTC))
    first = people.appointment(patient, dt.datetime(2026, 7, 1, tzinfo=dt.UTC))
    midnight = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
    own = ["patient", "=", patient.id]
    assert record.search(APPOINTMENT, own, ["appointment_date", "<", midnight]) == [last]
    assert record.search(APPOINTMENT, own, ["appointment_date", ">=", midnight]) == [first]


@pytest.mark.hazard("GNU-004")
def test_results_of_the_hour_that_comes_twice_stay_an_hour_apart(record, people):
    patient = people.patient()
    reports = [people.result(patient, date_requested=at) for at in (SUMMER, WINTER)]
    times = [record.read(RESULT, each, "date_requested")["date_requested"] for each in reports]
    assert times == [SUMMER, WINTER]
