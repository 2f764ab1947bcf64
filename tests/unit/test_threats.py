"""The table of attacks names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HOME = Path(__file__).parents[2]
THREATS = (HOME / "docs/threats.md").read_text(encoding="utf-8")
TESTS = "".join(file.read_text(encoding="utf-8") for file in (HOME / "tests").rglob("test_*.py"))


def test_every_attack_of_the_table_is_carried_out_by_a_test():
    named = set(re.findall(r"`(test_\w+)`", THREATS))
    assert named
    assert named <= set(re.findall(r"def (test_\w+)\(", TESTS))


def test_every_attack_on_a_real_estate_is_in_the_table():
    files = (HOME / "tests/flows").glob("test_attacks_*.py")
    carried_out = {
        name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert carried_out <= set(re.findall(r"`(test_\w+)`", THREATS))
