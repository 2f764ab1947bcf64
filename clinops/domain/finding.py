"""Findings: what a person must know."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from clinops.domain.value import Value


class Weight(StrEnum):
    """What a finding does to the outcome."""

    REFUSES = "refuses"
    INCONCLUSIVE = "inconclusive"
    NOTE = "note"


class Finding(Value):
    """One thing that a person must know: a failed test, a container that never got ready."""

    kind: str
    weight: Weight
    summary: str
    detail: str = ""
    hazards: tuple[str, ...] = ()
    occurrence: str = Field(default="", exclude_if=lambda text: not text)
    """What it is about, the same in every qualification: `regression: test_x.py::test_y`."""
    waiver: str | None = Field(default=None, exclude_if=lambda waiver: waiver is None)
    """The waiver that took its weight, if one did."""
