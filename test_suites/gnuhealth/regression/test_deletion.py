"""GNU-008: what is deleted takes nothing else with it."""

import pytest
from people import ALLERGY, LINE, MEDICATION, PATIENT, RESULT
from record import RefusedError

pytestmark = pytest.mark.hazard("GNU-008")


def test_deleting_one_allergy_leaves_the_others(record, people):
    patient = people.patient()
    mistaken, real = people.allergy(patient, "Z91.0"), people.allergy(patient, "Z88.0")
    record.delete(ALLERGY, mistaken)
    assert record.search(ALLERGY, ["name", "=", patient.id]) == [real]


def test_deleting_a_line_leaves_the_report_and_its_other_lines(record, people):
    report = people.result(people.patient(), {"name": "Sodium"}, {"name": "Urea"})
    first, second = people.lines(report)
    record.delete(LINE, first["id"])
    assert people.lines(report) == [second]
    assert record.count(RESULT, ["id", "=", report]) == 1


def test_deleting_a_medication_leaves_those_of_others(record, people):
    patients = [people.patient(), people.patient()]
    mine, others = (people.medication(each) for each in patients)
    record.delete(MEDICATION, mine)
    assert record.search(MEDICATION, ["id", "in", [mine, others]]) == [others]


def test_a_drug_that_somebody_is_given_cannot_be_deleted(record, people):
    medication = people.medication(people.patient())
    drug = record.read(MEDICATION, medication, "medicament")["medicament"]
    with pytest.raises(RefusedError):
        record.delete("gnuhealth.medicament", drug)
    assert record.read(MEDICATION, medication, "medicament")["medicament"] == drug


@pytest.mark.hazard("GNU-001")
def test_a_patient_with_reports_cannot_be_deleted(record, people):
    patient = people.patient()
    report = people.result(patient)
    with pytest.raises(RefusedError):
        record.delete(PATIENT, patient.id)
    assert record.read(RESULT, report, "patient")["patient"] == patient.id


def test_a_patient_who_is_made_inactive_stays_on_record(record, people):
    patient = people.patient()
    allergy = people.allergy(patient)
    record.write(PATIENT, patient.id, active=False)
    assert record.read(PATIENT, patient.id, "active")["active"] is False
    assert record.read(ALLERGY, allergy, "name")["name"] == patient.id
