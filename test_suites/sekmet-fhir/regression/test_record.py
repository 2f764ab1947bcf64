"""FHR-004, FHR-009: allergies stay with their patient, and the latest word counts."""

import pytest


def _allergy(record, name, patient):
    return record.put(
        "AllergyIntolerance",
        name,
        patient={"reference": f"Patient/{patient}"},
        code={"text": "Penicillin"},
        criticality="high",
    )


@pytest.mark.hazard("FHR-009")
def test_a_corrected_result_replaces_the_first(record, fhir):
    patient = record.patient()
    result = record.observation("k", patient, valueQuantity={"value": 6.4, "unit": "mmol/L"})
    record.observation(
        "k", patient, status="corrected", valueQuantity={"value": 4.6, "unit": "mmol/L"}
    )
    (found,) = fhir.search("Observation", subject=f"Patient/{patient}")
    assert (found.id, found.status, str(found.valueQuantity.value)) == (result, "corrected", "4.6")


@pytest.mark.hazard("FHR-009")
def test_the_first_result_stays_on_record(record):
    patient = record.patient()
    for value in (6.4, 4.6):
        result = record.observation("k", patient, valueQuantity={"value": value})
    versions = record.read(f"Observation/{result}/_history")["entry"]
    # Ids come back with the next run of this test: their histories go on.
    latest = [each["resource"] for each in versions if "resource" in each][:2]
    assert [each["valueQuantity"]["value"] for each in latest] == ["4.6", "6.4"]


@pytest.mark.hazard("FHR-009")
def test_a_result_entered_in_error_says_so(record):
    patient = record.patient()
    result = record.observation("wrong", patient, valueString="x")
    record.observation("wrong", patient, status="entered-in-error", valueString="x")
    assert record.read(f"Observation/{result}")["status"] == "entered-in-error"


@pytest.mark.hazard("FHR-009")
def test_a_change_that_was_overtaken_is_refused(record, fhir):
    patient = record.patient(gender="female")
    current = fhir.client.get(f"Patient/{patient}")
    body = {**current.json(), "gender": "male"}
    tag = {"if-match": current.headers["etag"]}
    record.patient(gender="other")
    answer = fhir.client.put(f"Patient/{patient}", json=body, headers=tag)
    assert answer.status_code == 412
    assert record.read(f"Patient/{patient}")["gender"] == "other"


@pytest.mark.hazard("FHR-004")
def test_an_allergy_is_found_with_its_patient_only(record, fhir):
    mine, other = record.patient("1"), record.patient("12")
    allergy = _allergy(record, "a", mine)
    found = fhir.search("AllergyIntolerance", patient=f"Patient/{mine}")
    assert [(each.id, each.criticality) for each in found] == [(allergy, "high")]
    assert fhir.search("AllergyIntolerance", patient=f"Patient/{other}") == []


@pytest.mark.hazard("FHR-001", "FHR-004")
def test_a_merged_patient_points_to_the_other_and_keeps_allergies(record, fhir):
    kept = record.patient("kept")
    merged = record.patient("merged")
    allergy = _allergy(record, "a", merged)
    record.patient(
        "merged",
        active=False,
        link=[{"other": {"reference": f"Patient/{kept}"}, "type": "replaced-by"}],
    )
    (link,) = record.read(f"Patient/{merged}")["link"]
    assert (link["other"]["reference"], link["type"]) == (f"Patient/{kept}", "replaced-by")
    found = fhir.search("AllergyIntolerance", patient=f"Patient/{merged}")
    assert [each.id for each in found] == [allergy]


@pytest.mark.hazard("FHR-005", "FHR-009")
def test_a_transaction_is_done_as_a_whole_or_not_at_all(record, fhir):
    good = {"resourceType": "Patient", "name": [{"family": "Ttransaction"}]}
    bad = {"resourceType": "Observation", "status": "no such status"}
    entries = [
        {"resource": each, "request": {"method": "POST", "url": each["resourceType"]}}
        for each in (good, bad)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert fhir.client.post("", json=bundle).status_code >= 400
    assert fhir.search("Patient", family="Ttransaction") == []


@pytest.mark.hazard("FHR-009")
def test_a_repeated_order_to_create_makes_one_patient(record, fhir):
    number = f"{record.prefix}once"
    patient = {"resourceType": "Patient", "identifier": [{"value": number}]}
    header = {"if-none-exist": f"identifier={number}"}
    answers = [fhir.client.post("Patient", json=patient, headers=header) for _ in range(2)]
    record.paths.append(f"Patient/{answers[0].json()['id']}")
    assert [each.status_code for each in answers] == [201, 200]
    assert len(fhir.search("Patient", identifier=number)) == 1


@pytest.mark.hazard("FHR-007")
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"resourceType": "Patient"'])
def test_a_broken_body_is_refused_and_the_next_is_taken(record, fhir, body):
    answer = fhir.client.post(
        "Patient", content=body, headers={"content-type": "application/fhir+json"}
    )
    assert 400 <= answer.status_code < 600
    assert record.patient()
