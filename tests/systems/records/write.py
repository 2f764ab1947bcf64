"""Write what a hospital would write between an upgrade and its way back: two new patients."""

from seed import system

NEW = [
    {"id": "9991000005", "name": "Ñandú, Ana", "born": "2026-03-01", "value": ".5", "unit": "mg"},
    {"id": "9991000013", "name": "Peña, Íñigo", "born": "2026-03-02", "value": "7", "unit": "mg"},
]

if __name__ == "__main__":
    with system() as records:
        records.put("/patients", json=NEW).raise_for_status()
