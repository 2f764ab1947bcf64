"""GNU-002: a known allergy is shown, as it was written."""

import pytest
from people import ALLERGY, PATIENT

pytestmark = pytest.mark.hazard("GNU-002")

FIELDS = ("is_allergy", "allergy_type", "disease_severity", "is_active", "short_comment")


@pytest.mark.parametrize("severity", ["1_mi", "2_mo", "3_sv"])
@pytest.mark.parametrize("kind", ["da", "fa", "ma", "mc"])
def test_an_allergy_is_kept_with_its_kind_and_severity(record, people, kind, severity):
    patient = people.patient()
    remark = "Anaphylaxis 1974: adrenaline 500 µg"
    allergy = people.allergy(
        patient, allergy_type=kind, disease_severity=severity, short_comment=remark
    )
    kept = record.read(ALLERGY, allergy, *FIELDS)
    assert [kept[field] for field in FIELDS] == [True, kind, severity, True, remark]


def test_all_allergies_of_a_patient_are_listed_with_them(record, people):
    patient = people.patient()
    allergies = [people.allergy(patient, code) for code in ("Z88.0", "Z88.4", "Z91.0")]
    assert sorted(record.read(PATIENT, patient.id, "diseases")["diseases"]) == allergies


def test_the_summary_of_a_patient_names_their_allergies(record, people):
    patient = people.patient()
    people.allergy(patient)
    summary = record.read(PATIENT, patient.id, "critical_summary")["critical_summary"]
    assert "Allergy to penicillin" in summary


def test_an_allergy_that_is_no_longer_active_stays_on_record(record, people):
    patient = people.patient()
    allergy = people.allergy(patient)
    record.write(ALLERGY, allergy, is_active=False)
    assert record.search(ALLERGY, ["name", "=", patient.id]) == [allergy]


def test_everybody_with_an_allergy_is_found_by_it(record, people):
    patients = [people.patient() for _ in range(3)]
    allergies = [people.allergy(patient, "Z88.8") for patient in patients]
    found = record.search(ALLERGY, ["pathology.code", "=", "Z88.8"], ["is_allergy", "=", True])
    assert set(allergies) <= set(found)
    codes = {record.read(ALLERGY, each, "pathology.code")["pathology."]["code"] for each in found}
    assert codes == {"Z88.8"}
