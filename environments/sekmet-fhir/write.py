"""Write what a hospital would write between an upgrade and its way back: two new patients.

The first is as close to a seeded patient as can be, so that what is filed under the wrong one of
the two shows in the inventory. Writing twice changes nothing.
"""

from people import (
    Allergy,
    Patient,
    Prescription,
    Result,
    of_allergy,
    of_patient,
    of_prescription,
    of_result,
    store,
)

if __name__ == "__main__":
    store(
        [
            of_patient(Patient("9990000166", "Adeyemi", "Folasade", "1948-03-05", "female")),
            of_patient(Patient("9990000174", "Peña", "Íñigo", "2026-03-01", "male")),
            of_allergy(Allergy("cashew", "9990000166", "Cashew nut", "high", "Anaphylaxis")),
            of_prescription(
                Prescription("codeine", "9990000166", "Codeine", 0.5, "mg", "0.5 mg at night")
            ),
            of_result(
                Result("urea", "9990000174", "Urea", 7.1, "mmol/L", "2026-10-25T01:30:00+00:00")
            ),
        ]
    )
