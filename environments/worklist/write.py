"""Schedule what a hospital would between an upgrade and its way back: two new patients.

The first is as close to a seeded patient as can be, so that an item filed under the wrong one of
the two shows in the inventory. Writing twice changes nothing.
"""

from items import LATIN_1, Item, Patient, schedule

PATIENTS = [
    Patient("9990000166", "Adeyemi^Folasade", "19480305", "F", weight="74.0"),
    Patient("9990000174", "Peña^Íñigo", "20260301", "M", LATIN_1, birth_time="000000"),
]
ITEMS = [
    Item("SYN4001", "9990000166", "20261202 090000", "XR hip left", "XRHPL", "DX", "DX1"),
    Item("SYN4002", "9990000174", "20261202 091500", "US hip right", "USHPR", "US", "US1"),
]

if __name__ == "__main__":
    schedule(PATIENTS, ITEMS)
