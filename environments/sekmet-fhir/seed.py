"""Fill a fresh server with synthetic patients, through its FHIR interface.

`CLINOPS_REPLICA` names a file that says where the server listens. Everything here is made up: the
NHS numbers lie in the 999 range, which is never issued. Running it twice changes nothing.

What is chosen here is what records get wrong: people who are easily taken for one another, names
beyond ASCII, units and small decimals, corrected results, and events in the hours that the clock
change gives twice or not at all.
"""

from people import (
    Allergy,
    Patient,
    Prescription,
    Result,
    correct,
    of_allergy,
    of_patient,
    of_prescription,
    of_result,
    reference,
    store,
)

PATIENTS = [
    Patient("9990000018", "Adeyemi", "Folasade", "1948-03-05", "female"),
    Patient("9990000026", "Núñez", "José María", "1961-11-30", "male"),
    Patient("9990000107", "Núñez", "José Mario", "1961-11-30", "male"),
    Patient("9990000034", "Müller", "Jörg", "1970-02-28", "male"),
    Patient("9990000042", "Ó Súilleabháin", "Gráinne", "1982-12-24", "female"),
    Patient("9990000115", "O'Brien", "Siobhán", "1956-02-29", "female"),
    Patient("9990000050", "山田", "太郎", "1955-07-14", "male"),
    # Twins, born on either side of midnight, in the night of the autumn clock change.
    Patient("9990000077", "Okafor", "Chidi", "2025-10-25", "male"),
    Patient("9990000085", "Okafor", "Chika", "2025-10-26", "female"),
    # Namesakes whose numbers and dates differ by a slip of the finger.
    Patient("9990001022", "Smith", "John", "1940-01-01", "male"),
    Patient("9990001200", "Smith", "John", "1940-01-10", "male"),
    # Numbers of an old system: they differ by a letter's case, and by a zero in front.
    Patient("LEG-0012a", "Jones", "Mary", "1935-04-01", "female"),
    Patient("LEG-0012A", "Jones", "Marie", "1935-04-01", "female"),
    Patient("09990000018", "Adeyemi", "Folarin", "1948-03-05", "male"),
    Patient(
        "9990000220",
        "Featherstonehaugh-Cholmondeley-Marjoribanks",
        "Wilhelmina Alexandra",
        "1937-05-15",
        "female",
    ),
    Patient("9990000239", "Şahin", "Çağla", "2000-10-31", "female"),
    Patient("9990000123", "Иванова", "Жанна", "1899-12-31", "female"),
    # More than a page of people with one name.
    *(
        Patient(f"99900020{number:02}", "Taylor", f"Sam {number}", "1990-06-15", "other")
        for number in range(30)
    ),
]
RESULTS = [
    Result("creatinine-1", "9990000018", "Creatinine", 61.5, "µmol/L", "2026-04-01T09:00:00+01:00"),
    Result("creatinine-2", "09990000018", "Creatinine", 615, "µmol/L", "2026-04-01T09:00:00+01:00"),
    Result("potassium", "9990000018", "Potassium", 6.4, "mmol/L", "2026-04-01T09:00:00+01:00"),
    Result("troponin-1", "9990000026", "Troponin T", 0.1, "ng/L", "2026-04-02T10:00:00+01:00", "<"),
    Result("troponin-2", "9990000107", "Troponin T", "<0.1", "", "2026-04-02T10:00:00+01:00"),
    Result("lactate", "9990000034", "Lactate", 0.5, "mmol/L", "2026-04-02T11:00:00Z"),
    Result("bilirubin", "9990000085", "Bilirubin", 250, "µmol/L", "2025-10-26T01:30:00+01:00"),
    Result("bilirubin-2", "9990000085", "Bilirubin", 260, "µmol/L", "2025-10-26T01:30:00+00:00"),
    Result("glucose", "9990000077", "Glucose", 1.9, "mmol/L", "2025-10-26T00:00:00+01:00"),
    Result("weight", "9990000077", "Body weight", 2.45, "kg", "2025-10-26T00:10:00+01:00"),
    Result("inr", "9990001022", "INR", 2.5, "{INR}", "2026-03-29T02:00:00+01:00"),
    Result("inr-2", "9990001200", "INR", 5.2, "{INR}", "2026-03-29T02:00:00+01:00"),
    Result("culture", "9990000042", "Blood culture", "no growth after 48 h", "", "2026-12-31"),
    *(
        Result(
            f"series-{n:02}", "9990000115", "Glucose", 4 + n / 10, "mmol/L", f"2026-05-{n + 1:02}"
        )
        for n in range(25)
    ),
]
ALLERGIES = [
    Allergy("penicillin", "9990000018", "Penicillin", "high", "Anaphylaxis"),
    Allergy("peanut", "9990000085", "Peanut", "high", "Urticaria"),
    Allergy("contrast", "9990000034", "Röntgenkontrastmittel", "low", "Exanthem"),
    # Known under a number that was merged into another since.
    Allergy("latex", "LEG-0012a", "Latex", "high", "Bronchospasm"),
]
PRESCRIPTIONS = [
    Prescription("digoxin", "9990000018", "Digoxin", 62.5, "µg", "62.5 µg once a day"),
    Prescription("morphine", "9990000077", "Morphine", 0.05, "mg", "0.05 mg as needed, every 6 h"),
    Prescription("methotrexate", "9990000042", "Methotrexate", 7.5, "mg", "7.5 mg once a WEEK"),
    Prescription("insulin", "9990001200", "Insulin glargine", 8, "[iU]", "8 units at night"),
]

if __name__ == "__main__":
    store(map(of_patient, PATIENTS))
    store(map(of_allergy, ALLERGIES))
    store(map(of_prescription, PRESCRIPTIONS))
    store(map(of_result, RESULTS))
    # The first potassium was of a haemolysed sample; the record keeps both.
    correct(
        "Observation/potassium",
        status="corrected",
        valueQuantity={
            "value": 4.6, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L",
        },
    )  # fmt: skip
    correct(
        "Patient/LEG-0012a",
        active=False,
        link=[{"other": reference("LEG-0012A"), "type": "replaced-by"}],
    )
