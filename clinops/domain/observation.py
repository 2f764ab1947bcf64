"""An observation: what one system answered to one probe, as a tree that can be compared."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from clinops.domain.value import Value

WRITTEN_NUMBER: Final = "number "
"""Begins the text that stands for a number which would lose digits as one: `number 0.50`."""


class Observation(Value):
    """One answer."""

    probe: str
    """The probe's id, and its parameters where it has any: `study[patient=9990000018]`."""
    kind: str = ""
    """What kind of call it was (`http`, `fhir` …); empty where it was several."""
    answer: JsonValue
    """`{"status": …, "headers": {…}, "body": …}` and the like, by kind of probe.

    DICOM data sets, HL7 messages, XML and images are written as such a tree by their reader.
    """
    milliseconds: float
    problem: str = ""
    """Why there is no answer (refused, time limit); the system's own errors are answers."""
    hazards: tuple[str, ...] = ()
