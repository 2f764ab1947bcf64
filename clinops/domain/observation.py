"""An observation: what one system answered to one probe, as a tree that can be compared."""

from __future__ import annotations

from typing import TypeAlias

from clinops.domain.value import Value

Tree: TypeAlias = "None | bool | int | float | str | list[Tree] | dict[str, Tree]"
"""Plain JSON. DICOM data sets, HL7 messages, XML and images are written as such by their reader."""


class Observation(Value):
    """One answer."""

    probe: str
    """The probe's id, and its parameters where it has any: `study-by-patient[patient=9990000018]`."""
    answer: Tree
    """`{"status": …, "headers": {…}, "body": …}` and the like, by kind of probe."""
    milliseconds: float
    problem: str = ""
    """Why there is no answer: connection refused, time limit. The system's own errors are answers."""
    hazards: tuple[str, ...] = ()
