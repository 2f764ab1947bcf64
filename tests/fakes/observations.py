"""Answers of systems, for comparisons."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from clinops.domain.comparing import compare
from clinops.domain.comparison import Comparison
from clinops.domain.noise import NoiseRule
from clinops.domain.observation import Observation

DAY = dt.date(2026, 1, 31)
TOKENS = [f"{letter}1b2c3d4e5f6a7b8" for letter in "abcd"]


def observed(answer: Any, probe: str = "patients", **more: Any) -> Observation:
    """One answer; its tree is a copy."""
    fields = {"kind": "http", "milliseconds": 20.0, **more}
    return Observation(probe=probe, answer=copy.deepcopy(answer), **fields)


def rule(path: str, kind: str, **more: Any) -> NoiseRule:
    """A noise rule in force on `DAY`, as a file would hold it."""
    fields = {
        "id": "N-1",
        "probe": "*",
        "path": path,
        "type": kind,
        "reason": "The clock goes on.",
        "owner": "Head of radiology systems",
        "expires": DAY,
        **more,
    }
    return NoiseRule.model_validate(fields)


def compared(a: Any, a2: Any, b: Any, *rules: NoiseRule, day: dt.date = DAY) -> Comparison:
    """Compare one answer of each system."""
    return compare([observed(a)], [observed(a2)], [observed(b)], rules, day)


def subjects(comparison: Comparison) -> list[str]:
    """Name what differs."""
    return [group.subject for group in comparison.groups]
