"""Fill a fresh record with synthetic patients, through its JSON-RPC interface.

Everything here is made up: the NHS numbers lie in the 999 range, which is never issued. Running it
twice changes nothing, because everything is looked for by a code of its own before it is written.

Times are UTC, as the record keeps them. In the night to 26 October 2025 the clocks in London showed
01:30 twice: at 00:30 and at 01:30 UTC.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from record import Record


class Patient(NamedTuple):
    """One synthetic person."""

    nhs_number: str
    given: str
    family: str
    born: str
    sex: str


class Allergy(NamedTuple):
    """A condition that is marked as an allergy; severities are mild, moderate, severe."""

    patient: str
    code: str
    kind: str
    severity: str
    remark: str


class Medication(NamedTuple):
    """A drug with its dose; `times` are the hours that it is given at."""

    patient: str
    drug: str
    dose: float
    unit: str
    times: str


class Analyte(NamedTuple):
    """One line of a result: a number, a text where it is none, or both."""

    name: str
    value: float | None
    text: str
    unit: str
    lower: float | None = None
    upper: float | None = None
    warning: bool = False


class Result(NamedTuple):
    """One laboratory report."""

    code: str
    patient: str
    taken: str
    analytes: list[Analyte]
    remark: str = ""


class Appointment(NamedTuple):
    """One appointment, in UTC."""

    code: str
    patient: str
    at: str
    remark: str = ""


PATIENTS = [
    Patient("9990000018", "Folasade", "Adeyemi", "1948-03-05", "f"),
    Patient("9990000026", "José María", "Núñez", "1961-11-30", "m"),
    Patient("9990000034", "Jörg", "Müller-Lüdenscheidt", "1970-02-28", "m"),
    Patient("9990000042", "Gráinne", "O'Súilleabháin", "1982-12-24", "f"),
    Patient("9990000050", "太郎", "山田", "1955-07-14", "m"),
    Patient("9990000069", "Ngọc Ánh", "Đặng", "1993-08-01", "f"),
    # Twins.
    Patient("9990000077", "Chidi", "Okafor", "2019-06-12", "m"),
    Patient("9990000085", "Chika", "Okafor", "2019-06-12", "f"),
    # Two people who are taken for one by whoever reads quickly.
    Patient("9990001022", "John", "Smith", "1940-01-01", "m"),
    Patient("9990001200", "John", "Smith", "1940-01-10", "m"),
    # The turn of a year, of a century, and the days when the clocks change.
    Patient("9990000107", "Aino", "Åkerström", "1999-12-31", "f"),
    Patient("9990000115", "Ilse", "Größmann", "2000-01-01", "f"),
    Patient("9990000123", "Rhys", "ap Siôn", "1981-03-29", "m"),
    Patient("9990000131", "Siân", "D'Arcy-Price", "1979-10-28", "f"),
    Patient("9990000158", "Zoë", "Leap", "2004-02-29", "f"),
    Patient("9990000220", "Wilhelmina Anne", "Featherstonehaugh-Cholmondeley", "1937-05-15", "f"),
    Patient("9990000239", "Çağla", "Şahin", "2000-10-31", "f"),
]
PATHOLOGIES = {
    "Z88.0": "Allergy to penicillin",
    "Z91.0": "Allergy to peanuts",
    "Z88.4": "Allergy to anaesthetic agents",
    "Z88.8": "Allergy to iodinated contrast",
}
ALLERGIES = [
    Allergy("9990000018", "Z88.0", "da", "3_sv", "Anaphylaxis 1974: adrenaline 0.5 mg"),
    Allergy("9990000026", "Z88.8", "mc", "2_mo", "Urticaria"),
    Allergy("9990000042", "Z91.0", "fa", "3_sv", "Carries an auto-injector, 300 µg"),
    Allergy("9990000077", "Z88.0", "da", "1_mi", "Rash; his twin sister has none"),
    Allergy("9990001022", "Z88.0", "da", "3_sv", "Not his namesake of 10 January"),
    Allergy("9990001022", "Z88.4", "da", "2_mo", "Suxamethonium"),
]
DRUGS = ["Digoxin", "Insulin glargine", "Levothyroxine", "Methotrexate", "Morphine", "Warfarin"]
MEDICATIONS = [
    Medication("9990000018", "Methotrexate", 2.5, "mg", "Mondays 08:00"),
    Medication("9990000018", "Levothyroxine", 50, "ug", "07:00"),
    Medication("9990000026", "Insulin glargine", 10, "unit", "22:00"),
    Medication("9990000034", "Digoxin", 0.0625, "mg", "08:00"),
    Medication("9990000077", "Morphine", 0.1, "mg", "as needed, every 4 h"),
    Medication("9990001022", "Warfarin", 0.5, "mg", "18:00"),
    Medication("9990001200", "Warfarin", 5, "mg", "18:00"),
]
# The second has U+00B5 (micro sign), as keyboards give it, the third U+03BC (Greek letter mu).
UNITS = ["mmol/L", "µmol/L", "μmol/L", "mg/L", "ng/L", "10^9/L"]
RESULTS = [
    Result(
        "SYN-LAB-0001",
        "9990000018",
        "2025-06-01 08:15",
        [
            Analyte("Creatinine", 84, "", "µmol/L", 45, 84),
            Analyte("Potassium", 6.4, "", "mmol/L", 3.5, 5.3, warning=True),
            Analyte("Troponin T", None, "<0.1", "ng/L"),
            Analyte("C-reactive protein", 0.5, "0.5", "mg/L", 0, 5),
        ],
    ),
    Result(
        "SYN-LAB-0002",
        "9990000026",
        "2025-06-01 08:15",
        [
            Analyte("Bilirubin", 0.5, ".5", "μmol/L", 0, 21),
            Analyte("Albumin", 0.05, "0.050", "mg/L"),
        ],
    ),
    Result(
        "SYN-LAB-0003",
        "9990000034",
        "2025-10-26 00:30",
        [Analyte("Digoxin", 2.4, "", "ng/L", 0.5, 2, warning=True)],
        "Taken at 01:30 British Summer Time",
    ),
    Result(
        "SYN-LAB-0004",
        "9990000034",
        "2025-10-26 01:30",
        [Analyte("Digoxin", 1.2, "", "ng/L", 0.5, 2)],
        "Taken at 01:30 Greenwich Mean Time, an hour after the one before",
    ),
    Result(
        "SYN-LAB-0005",
        "9990001022",
        "2025-07-01 23:59",
        [Analyte("INR", 1.25, "", ""), Analyte("Platelets", 150, "", "10^9/L", 150, 400)],
    ),
    Result(
        "SYN-LAB-0006",
        "9990001200",
        "2025-07-02 00:00",
        [Analyte("INR", 12.5, "", "", warning=True)],
        "Telephoned to the ward: ten times the namesake's",
    ),
    Result(
        "SYN-LAB-0007",
        "9990000050",
        "2024-02-29 12:00",
        [
            Analyte("Sodium", 138, ">=138", "mmol/L", 133, 146),
            Analyte("Lactate", 0.0, "0", "mmol/L"),
        ],
    ),
]
APPOINTMENTS = [
    Appointment("SYN-APP-0001", "9990000018", "2026-12-01 09:00"),
    Appointment("SYN-APP-0002", "9990000034", "2025-10-26 00:30", "01:30 British Summer Time"),
    Appointment("SYN-APP-0003", "9990000042", "2025-10-26 01:30", "01:30 Greenwich Mean Time"),
    Appointment("SYN-APP-0004", "9990000077", "2026-03-29 01:00", "02:00, just after the change"),
    Appointment("SYN-APP-0005", "9990001022", "2026-06-30 23:30", "00:30 on 1 July in London"),
    Appointment("SYN-APP-0006", "9990001200", "2026-12-31 23:59"),
]
LETTERS = {
    "9990000018": (
        "Letter of 2 June 2025",
        "Dear Dr Núñez,\npotassium 6.4 mmol/L: please repeat.\n",
    ),
    "9990000042": ("Letter of 3 June 2025", "Auto-injector 300 µg, twice.\n"),
}


def moment(text: str) -> dt.datetime:
    """Read a time in UTC."""
    return dt.datetime.fromisoformat(f"{text}+00:00")


class Seed:
    """Writes people and what is known of them, each once."""

    def __init__(self, record: Record) -> None:
        """Write the catalogues that all the rest refers to."""
        self.record = record
        self.hospital = record.ensure(
            "gnuhealth.institution",
            {"code": "SYN01"},
            name=self._party("SYN01", "Synthetic General Hospital", is_institution=True),
            institution_type="hospital",
            public_level="public",
        )
        # Whoever signs in must be a professional, or the record lets them write nothing clinical.
        (user,) = record.call("res.user", "search", [["login", "=", "admin"]])
        doctor = self._party(
            "SYN02",
            "Ana",
            lastname="Peña",
            gender="f",
            is_person=True,
            is_healthprof=True,
            internal_user=user,
        )
        self.doctor = record.ensure("gnuhealth.healthprofessional", {"name": doctor})
        self.pathologies = {
            code: record.ensure("gnuhealth.pathology", {"code": code}, name=name)
            for code, name in PATHOLOGIES.items()
        }
        self.units = {
            name: record.ensure("gnuhealth.lab.test.units", {"name": name}, code=name)
            for name in UNITS
        }
        self.test = record.ensure(
            "gnuhealth.lab.test_type",
            {"code": "SYN"},
            name="Synthetic profile",
            product_id=self._product("Synthetic profile", "service"),
        )

    def _party(self, ref: str, name: str, **values: object) -> int:
        # Without a country the record refuses people, by an error that doesn't say so.
        return self.record.ensure(
            "party.party", {"ref": ref}, name=name, fed_country="GBR", addresses=[], **values
        )

    def _product(self, name: str, kind: str, **values: object) -> int:
        unit = self.record.call("product.uom", "search", [["symbol", "=", "u"]])[0]
        template = self.record.ensure(
            "product.template",
            {"name": name},
            type=kind,
            default_uom=unit,
            list_price=Decimal(0),
            cost_price_method="fixed",
            products=[],
        )
        return self.record.ensure("product.product", {"template": template}, **values)

    def _drug(self, name: str) -> int:
        product = self._product(name, "goods", is_medicament=True)
        return self.record.ensure("gnuhealth.medicament", {"name": product}, active_component=name)

    def _patient(self, nhs_number: str) -> int:
        found = self.record.call("gnuhealth.patient", "search", [["name.ref", "=", nhs_number]])
        return int(found[0])

    def patient(self, patient: Patient) -> None:
        """Write one person as a patient."""
        person = self._party(
            patient.nhs_number,
            patient.given,
            lastname=patient.family,
            dob=dt.date.fromisoformat(patient.born),
            gender=patient.sex,
            is_person=True,
            is_patient=True,
        )
        self.record.ensure("gnuhealth.patient", {"name": person}, biological_sex=patient.sex)

    def allergy(self, allergy: Allergy) -> None:
        """Write one allergy."""
        key = {
            "name": self._patient(allergy.patient),
            "pathology": self.pathologies[allergy.code],
            "is_allergy": True,
        }
        self.record.ensure(
            "gnuhealth.patient.disease",
            key,
            allergy_type=allergy.kind,
            disease_severity=allergy.severity,
            short_comment=allergy.remark,
            healthprof=self.doctor,
        )

    def medication(self, medication: Medication) -> None:
        """Write one medication."""
        (unit,) = self.record.call(
            "gnuhealth.dose.unit", "search", [["name", "=", medication.unit]]
        )
        key = {
            "name": self._patient(medication.patient),
            "medicament": self._drug(medication.drug),
        }
        self.record.ensure(
            "gnuhealth.patient.medication",
            key,
            dose=medication.dose,
            dose_unit=unit,
            admin_times=medication.times,
            start_treatment=moment("2025-06-01 08:00"),
            is_active=True,
            healthprof=self.doctor,
        )

    def result(self, result: Result) -> None:
        """Write one laboratory report with its lines."""
        self.record.ensure(
            "gnuhealth.lab",
            {"name": result.code},
            test=self.test,
            patient=self._patient(result.patient),
            requestor=self.doctor,
            date_requested=moment(result.taken),
            date_analysis=moment(result.taken) + dt.timedelta(hours=2),
            results=result.remark,
            critearea=[["create", [self._line(*each) for each in enumerate(result.analytes, 1)]]],
        )

    def _line(self, position: int, analyte: Analyte) -> dict[str, object]:
        return {
            "sequence": position,
            "name": analyte.name,
            "result": analyte.value,
            "result_text": analyte.text,
            "units": self.units.get(analyte.unit),
            "lower_limit": analyte.lower,
            "upper_limit": analyte.upper,
            "warning": analyte.warning,
        }

    def appointment(self, appointment: Appointment) -> None:
        """Write one appointment."""
        self.record.ensure(
            "gnuhealth.appointment",
            {"name": appointment.code},
            patient=self._patient(appointment.patient),
            healthprof=self.doctor,
            institution=self.hospital,
            appointment_date=moment(appointment.at),
            appointment_type="outpatient",
            comments=appointment.remark,
            state="confirmed",
        )

    def letter(self, nhs_number: str, title: str, text: str) -> None:
        """Attach one letter to a patient."""
        resource = f"gnuhealth.patient,{self._patient(nhs_number)}"
        self.record.ensure(
            "ir.attachment", {"name": title, "resource": resource}, data=text.encode(), type="data"
        )


def main() -> None:
    """Write everything; a record that refuses one ends the program with an error."""
    seed = Seed(Record.of_replica())
    for patient in PATIENTS:
        seed.patient(patient)
    for allergy in ALLERGIES:
        seed.allergy(allergy)
    for medication in MEDICATIONS:
        seed.medication(medication)
    for result in RESULTS:
        seed.result(result)
    for appointment in APPOINTMENTS:
        seed.appointment(appointment)
    for nhs_number, (title, text) in LETTERS.items():
        seed.letter(nhs_number, title, text)


if __name__ == "__main__":
    main()
