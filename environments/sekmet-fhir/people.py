"""The FHIR interface, and people as its resources, in the words that seed and writer need."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from clinops.domain.replica import Replica

SIGN_IN = ("reference", "synthetic-data-only")
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
UCUM = "http://unitsofmeasure.org"

Resource = dict[str, Any]


class Patient(NamedTuple):
    """One synthetic person."""

    number: str
    family: str
    given: str
    born: str
    sex: str


class Result(NamedTuple):
    """One laboratory result."""

    id: str
    patient: str
    test: str
    value: float | str
    """A text where there is no number."""
    unit: str
    taken: str
    comparator: str = ""
    status: str = "final"


class Allergy(NamedTuple):
    """One allergy."""

    id: str
    patient: str
    substance: str
    criticality: str
    reaction: str


class Prescription(NamedTuple):
    """One medication on order."""

    id: str
    patient: str
    drug: str
    dose: float
    unit: str
    text: str


def reference(number: str) -> Resource:
    """Return a reference to a patient."""
    return {"reference": f"Patient/{number}"}


def of_patient(patient: Patient) -> Resource:
    """Make a person's resource."""
    return {
        "resourceType": "Patient",
        "id": patient.number,
        "identifier": [{"system": NHS_NUMBER, "value": patient.number}],
        "name": [{"use": "official", "family": patient.family, "given": patient.given.split()}],
        "birthDate": patient.born,
        "gender": patient.sex,
    }


def of_result(result: Result) -> Resource:
    """Make a result's resource."""
    return {
        "resourceType": "Observation",
        "id": result.id,
        "status": result.status,
        "code": {"text": result.test},
        "subject": reference(result.patient),
        "effectiveDateTime": result.taken,
        **_value(result),
    }


def _value(result: Result) -> Resource:
    if isinstance(result.value, str):
        return {"valueString": result.value}
    quantity = {"value": result.value, "unit": result.unit, "system": UCUM, "code": result.unit}
    comparator = {"comparator": result.comparator} if result.comparator else {}
    return {"valueQuantity": {**quantity, **comparator}}


def of_allergy(allergy: Allergy) -> Resource:
    """Make an allergy's resource."""
    return {
        "resourceType": "AllergyIntolerance",
        "id": allergy.id,
        "patient": reference(allergy.patient),
        "code": {"text": allergy.substance},
        "criticality": allergy.criticality,
        "reaction": [{"manifestation": [{"text": allergy.reaction}]}],
    }


def of_prescription(prescription: Prescription) -> Resource:
    """Make a prescription's resource."""
    quantity = {"value": prescription.dose, "unit": prescription.unit, "system": UCUM}
    return {
        "resourceType": "MedicationRequest",
        "id": prescription.id,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": prescription.drug},
        "subject": reference(prescription.patient),
        "dosageInstruction": [
            {"text": prescription.text, "doseAndRate": [{"doseQuantity": quantity}]}
        ],
    }


def connected() -> httpx.Client:
    """Return a client on the server that `CLINOPS_REPLICA` names."""
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    address = f"http://{replica.endpoints['http']}/fhir/"
    return httpx.Client(base_url=address, auth=SIGN_IN, trust_env=False, timeout=30)


def store(resources: Iterable[Resource]) -> None:
    """Store resources that are not there yet; a refusal ends the program with an error."""
    with connected() as server:
        for resource in resources:
            path = f"{resource['resourceType']}/{resource['id']}"
            if server.get(path).status_code == httpx.codes.NOT_FOUND:
                server.put(path, json=resource).raise_for_status()


def correct(path: str, **values: Any) -> None:
    """Change what a resource says, unless it says so already."""
    with connected() as server:
        current = server.get(path).raise_for_status().json()
        if not values.items() <= current.items():
            server.put(path, json={**current, **values}).raise_for_status()
