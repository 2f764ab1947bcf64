"""Accounts: what became of what was asked for, and who was waited for; all of it from the ledger.

Each function reads the ledger once, in order, and changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from clinops.domain.commissioning import commissions
from clinops.domain.dora import Dora, deployments, figures
from clinops.domain.figure import Figure
from clinops.domain.journey import journeys
from clinops.domain.lead_time import Change, changes, typical
from clinops.domain.ledger import timestamp
from clinops.domain.period import Period
from clinops.domain.scorecard import Scorecard
from clinops.domain.scorecard import scorecard as card
from clinops.domain.wording import nearest
from clinops.errors import NotFoundError
from clinops.wiring import Wiring
from flows.agreements import standing


class LeadTimes(NamedTuple):
    """The changes of a period: those that went live in it, and those still on their way."""

    period: Period
    live: tuple[Change, ...]
    waiting: tuple[Change, ...]
    typical: Mapping[str, Figure]
    """The median of `whole` and of each cause, over those that went live."""


class DoraFigures(NamedTuple):
    """The five DORA figures of a period: of the estate, then of each vendor and product."""

    period: Period
    scopes: tuple[Dora, ...]


def lead_times(
    wiring: Wiring, period: Period | None = None, product: str | None = None
) -> LeadTimes:
    """Say how long changes took and what for.

    Args:
        wiring: The estate.
        period: The days in which they went live; this month by default.
        product: Only this one's, if given.
    """
    days = period or this_month(wiring)
    found = [one for one in all_changes(wiring) if product in {None, one.last.product}]
    live = [one for one in found if one.last.live and days.holds(one.last.live.time)]
    waiting = [one for one in found if one.is_open]
    return LeadTimes(days, tuple(live), tuple(waiting), typical(live))


def dora(wiring: Wiring, period: Period | None = None) -> DoraFigures:
    """Compute the five DORA figures of a period; this month by default."""
    days = period or this_month(wiring)
    now = timestamp(wiring.clock())
    return DoraFigures(days, tuple(figures(deployments(all_changes(wiring)), days, now)))


def scorecard(vendor: str, wiring: Wiring, period: Period | None = None) -> Scorecard:
    """Compute a vendor's scorecard, by whole months.

    Args:
        vendor: The vendor, by its folder.
        wiring: The estate.
        period: Days whose months are wanted; the last six months by default.

    Raises:
        NotFoundError: There is no such vendor.
    """
    vendors = wiring.estate(wiring.repository.head()).vendors()
    if vendor not in vendors:
        raise NotFoundError(f"no vendor is called {vendor}", mend=nearest(vendor, list(vendors)))
    days = (period or _half_a_year(wiring)).in_whole_months()
    how = standing(vendor, wiring)
    now = timestamp(wiring.clock())
    return card(vendor, all_changes(wiring), days, now, agreed=how.agreed, standing=how.said)


def _half_a_year(wiring: Wiring) -> Period:
    last = this_month(wiring)
    first = last.since
    for _ in range(5):
        first = (first - dt.timedelta(days=1)).replace(day=1)
    return Period(first, last.until)


def all_changes(wiring: Wiring) -> list[Change]:
    """Read the ledger and return every change, in the order in which they became known."""
    found = journeys(wiring.ledger.entries())
    requests = wiring.estate(wiring.repository.head()).requests()
    return changes(found, timestamp(wiring.clock()), commissions(requests, found))


def this_month(wiring: Wiring) -> Period:
    """Return the calendar month that it is."""
    return Period.month_of(wiring.clock().date())
