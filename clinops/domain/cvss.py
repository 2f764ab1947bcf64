"""CVSS base scores, of version 3.0 and 3.1 vectors; others tell no score here."""

from __future__ import annotations

from math import prod
from typing import Final

_WEIGHTS: Final = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0.0, "C": 1.0},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES_BEYOND: Final = {"N": 0.85, "L": 0.68, "H": 0.5}
"""Privileges weigh less where a way leads out of what they are for (a changed scope)."""


def base_score(vector: str) -> float | None:
    """Return the base score of a vector (CVSS v3.1, 7.1); none where it is not one of version 3."""
    head, *parts = vector.split("/")
    given = dict(part.split(":", 1) for part in parts if ":" in part)
    if head not in {"CVSS:3.0", "CVSS:3.1"}:
        return None
    try:
        weights = {name: table[given[name]] for name, table in _WEIGHTS.items()}
    except KeyError:
        return None
    beyond = given["S"] == "C"
    if beyond:
        weights["PR"] = _PRIVILEGES_BEYOND[given["PR"]]
    missed = 1 - prod(1 - weights[name] for name in "CIA")
    impact = 7.52 * (missed - 0.029) - 3.25 * (missed - 0.02) ** 15 if beyond else 6.42 * missed
    if impact <= 0:
        return 0.0
    reach = 8.22 * prod(weights[name] for name in ("AV", "AC", "PR", "UI"))
    return _rounded_up(min((1.08 if beyond else 1.0) * (impact + reach), 10.0))


def _rounded_up(score: float) -> float:
    """Round up to one decimal as the standard has it, in whole numbers (appendix A)."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
