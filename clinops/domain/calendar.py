"""The trust's calendar: `environments/calendar.yaml`, when nothing goes live."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from clinops.domain.fault import Fault, refuse
from clinops.domain.manifest import Name
from clinops.domain.value import Document

PATH = "environments/calendar.yaml"

Names = Annotated[list[Name], Field(min_length=1)]


class Freeze(Document):
    """A time in which nothing goes live, at all or for some products or sites."""

    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    products: Names | None = None
    """All where none is named."""
    sites: Names | None = None
    """All where none is named; a release that goes to one of them waits for it as a whole."""

    @model_validator(mode="after")
    def _lasts_a_while(self) -> Freeze:
        if self.until <= self.since:
            raise refuse(Fault("is not after `from`", "swap the two", at=("until",)))
        return self

    def holds(self, product: str, sites: Iterable[str], now: dt.datetime) -> bool:
        """Whether it keeps a product from going to any of some sites now."""
        return (
            self.since <= now < self.until
            and (self.products is None or product in self.products)
            and (self.sites is None or not set(self.sites).isdisjoint(sites))
        )


class Calendar(Document):
    """All freezes. It is no part of a release: planning one must not undo sign-offs."""

    schema_version: Literal[1] = Field(alias="schema")
    freezes: list[Freeze] = []

    def in_force(self, product: str, sites: Iterable[str], now: dt.datetime) -> tuple[Freeze, ...]:
        """Return the freezes that keep a product from going live now."""
        places = tuple(sites)
        return tuple(freeze for freeze in self.freezes if freeze.holds(product, places, now))
