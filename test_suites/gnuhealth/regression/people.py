"""People of a test's own, and what the tests write about them."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, NamedTuple

from record import Record

ALLERGY = "gnuhealth.patient.disease"
APPOINTMENT = "gnuhealth.appointment"
LINE = "gnuhealth.lab.test.critearea"
MEDICATION = "gnuhealth.patient.medication"
PATIENT = "gnuhealth.patient"
PERSON = "party.party"
RESULT = "gnuhealth.lab"


class Patient(NamedTuple):
    """A person who is a patient."""

    ref: str
    person: int
    id: int


class People:
    """Makes patients that no other test uses.

    Their identifiers are derived from the test's name: the same on every run, and on both versions.
    What a test writes stays: the replica is thrown away.
    """

    def __init__(self, record: Record, test: str) -> None:
        self.record = record
        self.prefix = f"T{hashlib.sha256(test.encode()).hexdigest()[:12]}"
        self.count = 0

    def code(self) -> str:
        """Return an identifier that nothing else has."""
        self.count += 1
        return f"{self.prefix}.{self.count}"

    def person(self, **values: Any) -> int:
        """Register a person."""
        person = {
            "ref": self.code(),
            "name": "Synthetic",
            "lastname": "Person",
            "dob": dt.date(1970, 1, 31),
            "gender": "f",
            "fed_country": "GBR",
            "is_person": True,
            "is_patient": True,
            "addresses": [],
        }
        return self.record.create(PERSON, **{**person, **values})

    def patient(self, **values: Any) -> Patient:
        """Register a person as a patient."""
        values = {"ref": self.code(), **values}
        person = self.person(**values)
        return Patient(values["ref"], person, self.record.create(PATIENT, name=person))

    def allergy(self, patient: Patient, code: str = "Z88.0", **values: Any) -> int:
        """Write an allergy of the catalogue."""
        (pathology,) = self.record.search("gnuhealth.pathology", ["code", "=", code])
        allergy = {"is_allergy": True, "allergy_type": "da", "disease_severity": "3_sv", **values}
        return self.record.create(ALLERGY, name=patient.id, pathology=pathology, **allergy)

    def medication(self, patient: Patient, unit: str = "mg", **values: Any) -> int:
        """Write a medication with a drug of the catalogue."""
        (drug,) = self.record.search("gnuhealth.medicament", ["active_component", "=", "Digoxin"])
        (dose_unit,) = self.record.search("gnuhealth.dose.unit", ["name", "=", unit])
        medication = {"medicament": drug, "dose": 0.5, "dose_unit": dose_unit, **values}
        return self.record.create(MEDICATION, name=patient.id, **medication)

    def result(self, patient: Patient, *lines: dict[str, Any], **values: Any) -> int:
        """Write a laboratory report with its lines."""
        (test,) = self.record.search("gnuhealth.lab.test_type", ["code", "=", "SYN"])
        report = {
            "name": self.code(),
            "date_requested": dt.datetime(2025, 6, 1, 8, 15, tzinfo=dt.UTC),
            "critearea": [["create", [{"name": "Analyte", **line} for line in lines]]],
            **values,
        }
        return self.record.create(RESULT, test=test, patient=patient.id, **report)

    def appointment(self, patient: Patient, at: dt.datetime) -> int:
        """Write an appointment."""
        values = {"name": self.code(), "appointment_date": at, "state": "confirmed"}
        return self.record.create(APPOINTMENT, patient=patient.id, **values)

    def lines(self, result: int) -> list[dict[str, Any]]:
        """Read the lines of a laboratory report, in their order."""
        fields = ["name", "result", "result_text", "units.name", "lower_limit", "upper_limit"]
        domain = [["gnuhealth_lab_id", "=", result]]
        return list(
            self.record.call(f"model.{LINE}.search_read", domain, 0, None, [["id", "ASC"]], fields)
        )
