"""A rehearsal: the way up and the declared way back, carried out on a copy of the data."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from clinops.domain.value import Value


class WayBack(StrEnum):
    """What came of the declared way back."""

    CLEAN = "clean"
    """Every record is there and reads as before, new ones included."""
    LOSSY = "lossy"
    """The old version works again, without some records or with other contents."""
    IMPOSSIBLE = "impossible"
    """The old version does not work any more."""
    NOT_TRIED = "not-tried"
    """The way up failed, so there was nothing to come back from."""


class Step(Value):
    """One thing that was done, as operations would do it at a site."""

    name: str
    seconds: float
    problem: str = ""
    """Why it did not work; text from a vendor: hostile until escaped."""


class Loss(Value):
    """One record that is gone, or reads otherwise than before."""

    collection: str
    record: str
    field: str = ""
    """Empty where the whole record is gone."""
    before: str
    after: str = ""
    new: bool = False
    """Whether it was written after the upgrade, by the candidate."""


class Rehearsal(Value):
    """What was tried, what was lost, and how long users would be without the system."""

    steps: tuple[Step, ...]
    upgraded: bool
    """Whether the candidate got ready on the data of the version in use."""
    strategy: str
    """The way back that the manifest declares: `binary`, `script`, `restore`."""
    way_back: WayBack
    losses: tuple[Loss, ...] = ()
    """After the way back; at most 200, `lost` has their number."""
    lost: int = 0
    point_of_no_return: str
    """One sentence: from when on the old version can't simply be started again."""
    seconds_up: float
    """Downtime of the upgrade."""
    seconds_back: float | None
    """Downtime of the way back; none where it was not tried or failed."""
    read: dict[str, int] = Field(default_factory=dict)
    """How many records of each collection were read before the upgrade."""
