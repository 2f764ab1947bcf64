"""The service as its clients see it."""

import httpx
import pytest

pytestmark = pytest.mark.hazard("FHR-007")


def test_says_that_it_speaks_fhir_r4(fhir):
    statement = fhir.capabilities()
    assert statement.fhirVersion == "4.0.1"
    assert {each.type for each in statement.rest[0].resource} >= {"Patient", "Observation"}


@pytest.mark.hazard("FHR-005")
@pytest.mark.parametrize("kind", ["Patient", "Observation", "AllergyIntolerance"])
def test_can_count_what_it_holds(fhir, kind):
    answer = fhir.client.get(kind, params={"_summary": "count"}).raise_for_status().json()
    assert answer["total"] >= 0


def test_gives_a_page_of_patients(fhir):
    answer = fhir.client.get("Patient", params={"_count": "5"}).raise_for_status().json()
    assert len(answer.get("entry", [])) == min(5, answer["total"])


@pytest.mark.hazard("FHR-001")
def test_finds_nobody_under_a_number_that_is_not_there(fhir):
    assert fhir.search("Patient", identifier="NOT-THERE") == []


@pytest.mark.hazard("FHR-008")
@pytest.mark.parametrize("path", ["Patient", "Observation", "Patient/9990000018/$everything"])
def test_answers_no_one_who_has_not_signed_in(fhir, path):
    address = f"{fhir.client.base_url}{path}"
    assert httpx.get(address, trust_env=False).status_code == 401
    assert httpx.get(address, auth=("reference", "wrong"), trust_env=False).status_code == 401


def test_refuses_what_it_does_not_know_by_an_outcome(fhir):
    answer = fhir.client.get("NoSuchKind")
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"
