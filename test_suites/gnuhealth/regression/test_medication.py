"""GNU-003: a dose and its unit are what was written."""

import pytest
from people import MEDICATION

pytestmark = pytest.mark.hazard("GNU-003")


@pytest.mark.parametrize("dose", [0.0625, 0.1, 0.5, 2.5, 10.0, 1000000.0])
def test_a_dose_is_not_rounded(record, people, dose):
    medication = people.medication(people.patient(), dose=dose)
    assert record.read(MEDICATION, medication, "dose")["dose"] == dose


@pytest.mark.parametrize("unit", ["mg", "ug", "mL", "mmol", "unit"])
def test_a_unit_is_kept_to_the_letter(record, people, unit):
    medication = people.medication(people.patient(), unit)
    kept = record.read(MEDICATION, medication, "dose_unit.name")
    assert kept["dose_unit."]["name"] == unit


@pytest.mark.parametrize("times", ["08:00 20:00", "½ tablet", "µg, not mg", "Ä'\"\\;--"])
def test_the_times_of_administration_are_kept_to_the_letter(record, people, times):
    medication = people.medication(people.patient(), admin_times=times)
    assert record.read(MEDICATION, medication, "admin_times")["admin_times"] == times


def test_a_changed_dose_replaces_the_old_one(record, people):
    patient = people.patient()
    medication = people.medication(patient, dose=5.0)
    record.write(MEDICATION, medication, dose=0.5)
    assert record.search(MEDICATION, ["name", "=", patient.id]) == [medication]
    assert record.read(MEDICATION, medication, "dose")["dose"] == 0.5


def test_a_drug_that_was_stopped_stays_on_record_as_stopped(record, people):
    patient = people.patient()
    reason = {"discontinued": True, "discontinued_reason": "Bradycardia", "is_active": False}
    medication = people.medication(patient, **reason)
    assert record.search(MEDICATION, ["name", "=", patient.id]) == [medication]
    assert record.read(MEDICATION, medication, *reason) == {"id": medication, **reason}
