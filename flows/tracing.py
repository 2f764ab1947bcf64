"""Traces: a run that has ended, for whoever watches many systems at once."""

from __future__ import annotations

from clinops.domain.course import courses
from clinops.domain.ledger import Entry
from clinops.wiring import Wiring


def trace(ended: Entry, wiring: Wiring) -> None:
    """Send a run to the collector, where there is one, once its end is on the ledger."""
    if wiring.traces is not None:
        *_, course = courses(wiring.ledger.entries(ended.subject))
        wiring.traces.export(course, wiring.release(ended.subject))
