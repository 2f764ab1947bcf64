"""The board's policy: `environments/board.yaml`, what counts how much, and who can do how much."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from clinops.domain.digest import digest_of
from clinops.domain.fault import Fault, refuse
from clinops.domain.manifest import Name, ShortText
from clinops.domain.value import Document

PATH = "environments/board.yaml"

Weight = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(gt=0, le=1)]
Days = Annotated[float, Field(gt=0, le=3650)]


class Weights(Document):
    """How much each part of the cost of delay counts, against the others."""

    risk: Weight
    """The worst residual class among the hazards that it lowers."""
    clock: Weight
    """How much of a clock has run: 48 hours, 14 days, the end of support."""
    statute: Weight
    """How near a day is that the law sets."""
    benefit: Weight
    """The points that its owner gives it."""

    @model_validator(mode="after")
    def _something_counts(self) -> Weights:
        if not any((self.risk, self.clock, self.statute, self.benefit)):
            raise refuse(Fault("lets nothing count", "give one of them a weight"))
        return self


class Confidences(Document):
    """By how much cost of delay is taken where its owner is less than sure."""

    low: Share
    medium: Share
    high: Share

    @model_validator(mode="after")
    def _rise(self) -> Confidences:
        if not self.low <= self.medium <= self.high:
            raise refuse(Fault("do not rise from `low` to `high`", "order them"))
        return self


class Horizons(Document):
    """How many days before a deadline its clock begins to count."""

    alert: Days = 2
    patch: Days = 14
    support: Days = 180
    statute: Days = 365


class HardRules(Document):
    """What comes before every score; an alert's clock always does."""

    risk_from_class: Annotated[int, Field(ge=2, le=5)] = 4
    """Residual risks of this class and above, the worst first."""
    statute_within_days: Days = 90
    """Days that the law sets and that are this near, the nearest first."""


class BoardPolicy(Document):
    """What the board decided. Two people change it, as they do a gate."""

    schema_version: Literal[1] = Field(alias="schema")
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    """Rises with each change, so that people can say which one they mean."""
    decided: ShortText
    """Where the board decided it: the meeting, the minute."""
    weights: Weights
    confidence: Confidences
    horizons: Horizons = Horizons()
    hard_rules: HardRules = HardRules()
    capacity: Annotated[dict[Name, Annotated[float, Field(ge=0, le=10_000)]], Field(min_length=1)]
    """Person-days that each team has for requests in a month."""

    @property
    def digest(self) -> str:
        """Which policy exactly a rank was derived by."""
        return digest_of(self.model_dump(mode="json"))
