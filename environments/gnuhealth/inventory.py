"""Read what the record must never lose: people, and what is known of them.

`CLINOPS_RESULT` names the file for the result: collections of records, each record by what
identifies it outside the record itself. Nothing is taken from the record's own tables: all of it
is read as its clients read it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from record import Record

from clinops.domain.inventory import Records, keyed

Row = dict[str, Any]


def text_of(value: Any) -> str:
    """Write a value so that `0`, false and nothing stay three things, and texts stay texts."""
    match value:
        case None:
            return ""
        case str():
            return value
        case dt.date():
            return value.isoformat()
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case _:
            return json.dumps(value)


class Reader:
    """Reads collections, and follows references to what they mean outside the record."""

    def __init__(self, record: Record) -> None:
        """Read first whose patient is whose."""
        self.record = record
        self.numbers: dict[int, str] = {}
        for each in record.read("gnuhealth.patient", ["name.ref"]):
            self.numbers[each["id"]] = text_of(each["name."]["ref"])

    def fields(self, row: Row, **names: str) -> dict[str, str]:
        """Return fields by a name of ours; `a.b` is the field `b` of what `a` refers to."""
        return {ours: text_of(_at(row, path)) for ours, path in names.items()}

    def number(self, row: Row, field: str) -> str:
        """Return the NHS number of the patient that a field refers to."""
        return self.numbers.get(row[field], "no patient")

    def patients(self) -> Records:
        """Return who is in the record, by NHS number."""
        paths = {
            "given": "name.name",
            "family": "name.lastname",
            "born": "name.dob",
            "gender": "name.gender",
            "sex": "biological_sex",
            "active": "active",
            "blood": "blood_type",
            "critical": "critical_info",
        }
        rows = self.record.read("gnuhealth.patient", [*paths.values()])
        return keyed((self.numbers[row["id"]], self.fields(row, **paths)) for row in rows)

    def allergies(self) -> Records:
        """Return allergies and other conditions, by NHS number and code."""
        paths = {
            "what": "pathology.name",
            "allergy": "is_allergy",
            "kind": "allergy_type",
            "severity": "disease_severity",
            "active": "is_active",
            "remark": "short_comment",
        }
        rows = self.record.read(
            "gnuhealth.patient.disease", ["name", "pathology.code", *paths.values()]
        )
        return keyed(
            (f"{self.number(row, 'name')} {row['pathology.']['code']}", self.fields(row, **paths))
            for row in rows
        )

    def medications(self) -> Records:
        """Return what is given, by NHS number and drug."""
        paths = {
            "dose": "dose",
            "unit": "dose_unit.name",
            "times": "admin_times",
            "active": "is_active",
            "discontinued": "discontinued",
            "since": "start_treatment",
            "until": "end_treatment",
        }
        rows = self.record.read(
            "gnuhealth.patient.medication",
            ["name", "medicament.active_component", *paths.values()],
        )
        return keyed(
            (
                f"{self.number(row, 'name')} {row['medicament.']['active_component']}",
                self.fields(row, **paths),
            )
            for row in rows
        )

    def results(self) -> Records:
        """Return laboratory reports by their code."""
        paths = {
            "test": "test.name",
            "requested": "date_requested",
            "analysed": "date_analysis",
            "remark": "results",
        }
        rows = self.record.read("gnuhealth.lab", ["name", "patient", *paths.values()])
        return keyed(
            (row["name"], {"patient": self.number(row, "patient"), **self.fields(row, **paths)})
            for row in rows
        )

    def analytes(self) -> Records:
        """Return the lines of laboratory reports, by the report's code and their name."""
        paths = {
            "value": "result",
            "text": "result_text",
            "unit": "units.name",
            "lower": "lower_limit",
            "upper": "upper_limit",
            "warning": "warning",
            "excluded": "excluded",
        }
        rows = self.record.read(
            "gnuhealth.lab.test.critearea", ["name", "gnuhealth_lab_id.name", *paths.values()]
        )
        # Those without a report are the lines of the catalogue's tests.
        return keyed(
            (f"{row['gnuhealth_lab_id.']['name']} {row['name']}", self.fields(row, **paths))
            for row in rows
            if row["gnuhealth_lab_id."]
        )

    def appointments(self) -> Records:
        """Return appointments by their code."""
        paths = {"at": "appointment_date", "state": "state", "remark": "comments"}
        rows = self.record.read("gnuhealth.appointment", ["name", "patient", *paths.values()])
        return keyed(
            (
                text_of(row["name"]) or f"without a code: {row['id']}",
                {"patient": self.number(row, "patient"), **self.fields(row, **paths)},
            )
            for row in rows
        )

    def letters(self) -> Records:
        """Return what is attached to patients, its contents by digest."""
        rows = self.record.read("ir.attachment", ["name", "resource", "data"])
        return keyed(
            (f"{self._holder(row['resource'])} {row['name']}", self.fields(row, content="data"))
            for row in rows
        )

    def _holder(self, resource: str) -> str:
        model, _, identifier = resource.partition(",")
        return self.numbers[int(identifier)] if model == "gnuhealth.patient" else resource


def _at(row: Row, path: str) -> Any:
    reference, dot, field = path.partition(".")
    if not dot:
        return row[reference]
    return (row[f"{reference}."] or {}).get(field)


def main() -> None:
    """Read everything and leave the result."""
    reader = Reader(Record.of_replica())
    collections = (
        *(reader.patients, reader.allergies, reader.medications, reader.results),
        *(reader.analytes, reader.appointments, reader.letters),
    )
    result = {read.__name__: read() for read in collections}
    Path(os.environ["CLINOPS_RESULT"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
