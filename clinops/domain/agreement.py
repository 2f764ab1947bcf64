"""Agreements: `vendor_manifests/<vendor>/agreement.yaml`, what vendor and trust owe each other.

The trust writes it, the vendor accepts it by `acceptance.yaml`, which names its digest. Each file
is that side's alone to push, so that what both have agreed is what both have signed.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from clinops.domain.fault import Fault, refuse
from clinops.domain.manifest import Name, Sha256, ShortText
from clinops.domain.value import Document

AGREEMENT: Final = "agreement.yaml"
ACCEPTANCE: Final = "acceptance.yaml"

Percent = Annotated[float, Field(ge=0, le=100)]


class Measure(StrEnum):
    """What can be agreed on; how each is measured is in docs/account.md."""

    FIRST_TIME = "first-time-qualification"
    UNDECLARED = "undeclared-differences"
    DAYS_TO_FIX = "days-to-fix"
    CLOCK_KEPT = "clock-kept"
    NOTICE = "notice-given"
    DAYS_TO_VERDICT = "days-to-verdict"
    DAYS_TO_SIGN_OFF = "days-to-sign-off"

    @property
    def is_the_trusts(self) -> bool:
        """Whether it is the trust that has to keep it."""
        return self in {Measure.DAYS_TO_VERDICT, Measure.DAYS_TO_SIGN_OFF}

    @property
    def is_a_floor(self) -> bool:
        """Whether its target must be reached, rather than not be passed."""
        return self in {Measure.FIRST_TIME, Measure.CLOCK_KEPT, Measure.NOTICE}


_SHARES: Final = frozenset({Measure.FIRST_TIME, Measure.CLOCK_KEPT})


class Target(Document):
    """What is agreed of one measure for each month, and what follows."""

    measure: Annotated[Measure, Field(strict=False)]
    target: Annotated[float, Field(ge=0, le=3650)]
    """Percent, differences or days, as the measure counts."""
    credit_percent: Percent = 0
    """What whoever misses it owes the other for that month, in percent of the fee."""
    reward_percent: Percent = 0
    """What the trust owes the vendor for a month in which it is met."""

    @model_validator(mode="after")
    def _can_be_met(self) -> Target:
        faults = []
        if self.measure in _SHARES and self.target > 100:  # noqa: PLR2004
            faults.append(Fault("is above 100 %", "write a percentage", at=("target",)))
        if self.measure.is_the_trusts and self.reward_percent:
            what = "rewards the trust for what it does itself"
            faults.append(Fault(what, "leave it out", at=("reward_percent",)))
        if faults:
            raise refuse(*faults)
        return self

    def is_kept(self, value: float) -> bool:
        """Whether a month's figure meets it."""
        return value >= self.target if self.measure.is_a_floor else value <= self.target


class Agreement(Document):
    """What both sides promise for each month from one day to another."""

    schema_version: Literal[1] = Field(alias="schema")
    vendor: Name
    since: dt.date
    until: dt.date
    """The last day."""
    fee: ShortText | None = None
    """What the percentages are of: `a month of the maintenance contract 2026/17`."""
    most_percent: Percent = 100
    """The most that either side owes for a month, whatever it missed."""
    targets: Annotated[list[Target], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Agreement:
        named = [target.measure for target in self.targets]
        faults = [
            Fault("has a target already", "leave one out", at=("targets", place, "measure"))
            for place, measure in enumerate(named)
            if measure in named[:place]
        ]
        if self.until < self.since:
            faults.append(Fault(f"is before since, {self.since}", "swap the two", at=("until",)))
        if self.fee is None and any(t.credit_percent or t.reward_percent for t in self.targets):
            mend = "write `fee:`, or leave credits and rewards out"
            faults.append(Fault("does not say what the percentages are of", mend, at=("targets",)))
        if faults:
            raise refuse(*faults)
        return self

    def holds_in(self, since: dt.date, until: dt.date) -> bool:
        """Whether it is in force for all days from one to another, which is not one of them."""
        return self.since <= since and until - dt.timedelta(days=1) <= self.until

    def target_of(self, measure: Measure) -> Target | None:
        """Return what is agreed of a measure; none where nothing is."""
        return next((target for target in self.targets if target.measure is measure), None)


class Acceptance(Document):
    """The vendor's word that it agrees. It counts by the vendor's key that signed its commit."""

    schema_version: Literal[1] = Field(alias="schema")
    vendor: Name
    agreement: Sha256
    """`sha256sum agreement.yaml`: to change one letter of it needs another acceptance."""
    accepted_by: ShortText
    """Who says so, and with which authority."""


def agreement_path(vendor: str) -> str:
    """Return where a vendor's agreement lies."""
    return f"vendor_manifests/{vendor}/{AGREEMENT}"


def acceptance_path(vendor: str) -> str:
    """Return where its acceptance lies."""
    return f"vendor_manifests/{vendor}/{ACCEPTANCE}"
