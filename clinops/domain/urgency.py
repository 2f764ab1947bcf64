"""Urgency: whose turn it is to be qualified, where more releases wait than are tried at once.

A release goes ahead as if it had come earlier, the more so the higher the request ranks that it
meets. So what matters more overtakes what matters less, and nothing waits for ever: once it has
waited as long as the longest head start, nothing that comes later goes before it.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal, NamedTuple

Lane = Literal["emergency", "qualify"]
"""A queue of the flow server: one for emergencies, with a place of its own; one for the rest."""

LONGEST_HEAD_START: Final = dt.timedelta(hours=24)
EMERGENCY_LANE: Final[Lane] = "emergency"
ORDINARY_LANE: Final[Lane] = "qualify"


class Place(NamedTuple):
    """Where the request ranks that waits for a release; the first of several."""

    rank: int
    """1 is the first."""
    among: int
    """How many are ranked."""
    emergency: bool = False
    """Whether it is ahead of all scores, for the clock of an alert."""


class Turn(NamedTuple):
    """Where a flow run stands in the queue."""

    lane: Lane
    since: dt.datetime
    """When it came, or would have had to come to stand where it does."""


def turn(arrived: dt.datetime, place: Place | None) -> Turn:
    """Say where a release stands in the queue.

    Args:
        arrived: Since when it waits.
        place: Where its request ranks; None where nobody commissioned it.
    """
    if place is None:
        return Turn(ORDINARY_LANE, arrived)
    if place.emergency:
        return Turn(EMERGENCY_LANE, arrived)
    share = 1 - (place.rank - 1) / place.among
    return Turn(ORDINARY_LANE, arrived - LONGEST_HEAD_START * share)
