"""Write what a hospital would write between an upgrade and its way back: two new patients.

The first is as close to a seeded patient as can be, so that what is filed under the wrong one of
the two shows in the inventory. Writing twice changes nothing.
"""

from record import Record
from seed import Allergy, Analyte, Appointment, Medication, Patient, Result, Seed

if __name__ == "__main__":
    seed = Seed(Record.of_replica())
    seed.patient(Patient("9990000166", "Folasade", "Adeyemi", "1948-03-05", "f"))
    seed.patient(Patient("9990000174", "Íñigo", "Peña", "2026-03-29", "m"))
    seed.allergy(Allergy("9990000166", "Z91.0", "fa", "3_sv", "Her namesake has none to peanuts"))
    seed.medication(Medication("9990000174", "Morphine", 0.05, "mg", "as needed, every 6 h"))
    seed.result(
        Result(
            "SYN-LAB-0101",
            "9990000166",
            "2026-04-01 09:00",
            [
                Analyte("Creatinine", 61.5, "", "µmol/L", 45, 84),
                Analyte("Troponin T", None, "<0.1", "ng/L"),
            ],
        )
    )
    seed.appointment(Appointment("SYN-APP-0101", "9990000174", "2026-10-25 00:30", "01:30 BST"))
    seed.letter("9990000166", "Letter of 1 April 2026", "Peanuts: 300 µg auto-injector.\n")
