"""Store what a hospital would store between an upgrade and its way back: two new patients.

The first is as close to a seeded patient as can be, so that an image filed under the wrong one of
the two shows in the inventory. Writing twice changes nothing.
"""

from seed import CT, LATIN_1, MR, Patient, Study, store

PATIENTS = [
    Patient("9990000166", "Adeyemi^Folasade", "19480305", "F"),
    Patient("9990000174", "Peña^Íñigo", "20260301", "M", LATIN_1),
]
STUDIES = [
    Study("SYN2001", "9990000166", "20260401 090000", [CT, CT]),
    Study("SYN2002", "9990000174", "20260401 091500", [MR], side="L"),
]

if __name__ == "__main__":
    store(PATIENTS, STUDIES)
