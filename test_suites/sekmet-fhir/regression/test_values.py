"""FHR-003: values, comparators and units are what was written, byte by byte."""

import json

import pytest

pytestmark = pytest.mark.hazard("FHR-003")


@pytest.mark.parametrize("unit", ["µmol/L", "μmol/L", "mg", "mcg", "µg", "10*9/L", "mm[Hg]", "%"])
def test_a_unit_is_kept_byte_by_byte(record, unit):
    # Two of these look alike: the micro sign and the Greek letter mu.
    quantity = {"value": 61.5, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}
    name = str(len(unit.encode())) + unit.encode().hex()
    result = record.observation(name, record.patient(), valueQuantity=quantity)
    kept = record.read(f"Observation/{result}")["valueQuantity"]
    assert (kept["unit"].encode(), kept["code"].encode()) == (unit.encode(), unit.encode())


@pytest.mark.parametrize(
    "value", [0.5, 0.1, 0, 1, 61.5, 0.001, 1234567.8, -1.5], ids=lambda value: f"value={value}"
)
def test_a_number_is_kept(record, value):
    result = record.observation("value", record.patient(), valueQuantity={"value": value})
    assert record.read(f"Observation/{result}")["valueQuantity"]["value"] == json.dumps(value)


@pytest.mark.parametrize("comparator", ["<", "<=", ">=", ">"])
def test_a_comparator_stays_with_its_number(record, comparator):
    quantity = {"value": 0.1, "comparator": comparator, "unit": "ng/L"}
    result = record.observation("less", record.patient(), valueQuantity=quantity)
    kept = record.read(f"Observation/{result}")["valueQuantity"]
    assert (kept["comparator"], kept["value"]) == (comparator, "0.1")


@pytest.mark.parametrize("text", ["0.5", ".5", "<0.1", "0.50", "≤ 5", "1,5", "1.000"])
def test_a_result_in_words_is_kept_to_the_letter(record, text):
    result = record.observation("words", record.patient(), valueString=text)
    assert record.read(f"Observation/{result}")["valueString"] == text


@pytest.mark.parametrize(("dose", "unit"), [(62.5, "µg"), (0.0625, "mg"), (8, "[iU]")])
def test_a_dose_is_kept_with_its_unit(record, dose, unit):
    request = record.put(
        "MedicationRequest",
        "dose",
        status="active",
        intent="order",
        medicationCodeableConcept={"text": "Digoxin"},
        subject={"reference": f"Patient/{record.patient()}"},
        dosageInstruction=[{"doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit}}]}],
    )
    (instruction,) = record.read(f"MedicationRequest/{request}")["dosageInstruction"]
    kept = instruction["doseAndRate"][0]["doseQuantity"]
    assert kept == {"value": json.dumps(dose), "unit": unit}


def test_an_abnormal_flag_and_its_range_stay_with_the_result(record):
    flagged = {
        "interpretation": [{"coding": [{"code": "HH"}]}],
        "referenceRange": [{"low": {"value": 3.5}, "high": {"value": 5.3}}],
        "valueQuantity": {"value": 6.4, "unit": "mmol/L"},
    }
    result = record.observation("flag", record.patient(), **flagged)
    kept = json.loads(record.text(f"Observation/{result}"))
    assert {name: kept[name] for name in flagged} == flagged


def test_a_resource_with_a_number_in_words_is_refused(record, fhir):
    patient = record.patient()
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Creatinine"},
        "subject": {"reference": f"Patient/{patient}"},
        "valueQuantity": {"value": "high"},
    }
    assert fhir.client.post("Observation", json=resource).status_code == 400
