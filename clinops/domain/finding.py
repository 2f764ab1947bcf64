"""Findings: what a person must know."""

from __future__ import annotations

from enum import StrEnum

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
