"""WRK-001: a modality is given the patient that it asked for, and nobody else."""

import pytest

pytestmark = pytest.mark.hazard("WRK-001")


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        pytest.param("9990001022", "9990001200", id="digits-exchanged"),
        pytest.param("LEG-0012a", "LEG-0012A", id="letter-case"),
        pytest.param("9990000018", "09990000018", id="zero-in-front"),
        pytest.param("99900001", "999000011", id="one-begins-with-the-other"),
        pytest.param("9990000018 1", "99900000181", id="space-within"),
    ],
)
def test_near_identical_identifiers_are_two_patients(schedule, worklist, wanted, other):
    # Numbers of its own, so that it is alone with them; the seeded ones differ in the same way.
    accession = schedule(PatientID=f"T{wanted}")
    schedule(PatientID=f"T{other}")
    (found,) = worklist.find(PatientID=f"T{wanted}")
    assert (found.AccessionNumber, found.PatientID) == (accession, f"T{wanted}")


def test_near_identical_accession_numbers_are_two_examinations(schedule, worklist):
    schedule(AccessionNumber="SYN77000123456")
    schedule(AccessionNumber="SYN77000123465")
    assert worklist.accessions(AccessionNumber="SYN77000123456") == ["SYN77000123456"]


def test_twins_keep_their_own_examinations(schedule, worklist):
    twins = {
        schedule(PatientID=f"T-{given}", PatientName=f"Ttwin^{given}"): f"Ttwin^{given}"
        for given in ("Chidi", "Chika")
    }
    found = worklist.find(PatientName="Ttwin^*")
    assert {each.AccessionNumber: each.PatientName for each in found} == twins


def test_all_examinations_of_one_patient_are_given(schedule, worklist):
    accessions = [schedule(PatientID="T-THREE") for _ in range(3)]
    assert worklist.accessions(PatientID="T-THREE") == accessions


def test_two_patients_with_one_name_differ_by_their_number(schedule, worklist):
    for number, born in (("T-SMITH-1", "19400101"), ("T-SMITH-2", "19400110")):
        schedule(PatientID=number, PatientName="Tsmith^John", PatientBirthDate=born)
    found = worklist.find(PatientName="Tsmith^John")
    assert sorted((each.PatientID, each.PatientBirthDate) for each in found) == [
        ("T-SMITH-1", "19400101"),
        ("T-SMITH-2", "19400110"),
    ]
