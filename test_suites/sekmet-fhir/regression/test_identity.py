"""FHR-001: what is asked for one patient is never answered with another's."""

import pytest

pytestmark = pytest.mark.hazard("FHR-001")

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        pytest.param("T9990001022", "T9990001200", id="digits-exchanged"),
        pytest.param("TLEG-0012a", "TLEG-0012A", id="letter-case"),
        pytest.param("T9990000018", "T09990000018", id="zero-in-front"),
        pytest.param("T99900001", "T999000011", id="one-begins-with-the-other"),
    ],
)
def test_near_identical_numbers_are_two_patients(record, fhir, wanted, other):
    first = record.patient("first", wanted)
    record.patient("second", other)
    found = fhir.search("Patient", identifier=f"{NHS_NUMBER}|{wanted}")
    assert [each.id for each in found] == [first]


def test_a_number_of_another_system_is_another_number(record, fhir):
    nhs = record.patient("nhs", "T-SAME")
    local = record.patient("local", identifier=[{"system": "urn:oid:1.2.3", "value": "T-SAME"}])
    assert [each.id for each in fhir.search("Patient", identifier=f"{NHS_NUMBER}|T-SAME")] == [nhs]
    assert {each.id for each in fhir.search("Patient", identifier="T-SAME")} == {nhs, local}


def test_results_are_given_for_their_own_patient_only(record, fhir):
    mine, other = record.patient("1"), record.patient("12")
    result = record.observation("of-1", mine, valueString="mine")
    record.observation("of-12", other, valueString="another's")
    assert [each.id for each in fhir.search("Observation", subject=f"Patient/{mine}")] == [result]


def test_twins_keep_their_own_dates_of_birth(record, fhir):
    name = [{"family": "Ttwin", "given": ["Chi"]}]
    born = {
        record.patient(day, name=name, birthDate=day): day for day in ("2025-10-25", "2025-10-26")
    }
    found = fhir.search("Patient", family="Ttwin")
    assert {each.id: each.birthDate.isoformat() for each in found} == born


def test_everything_of_a_patient_is_of_that_patient(record):
    mine, other = record.patient("mine"), record.patient("other")
    record.observation("mine-1", mine, valueString="x")
    record.observation("other-1", other, valueString="x")
    bundle = record.read(f"Patient/{mine}/$everything")
    ids = {entry["resource"]["id"] for entry in bundle["entry"]}
    assert ids == {mine, f"{record.prefix}mine-1"}
