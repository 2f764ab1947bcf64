"""Accounts: what became of what was asked for, and who was waited for; all of it from the ledger.

Each function reads the ledger once, in order, and changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clinops.domain import forecast as foreseen
from clinops.domain.commissioning import commissions
from clinops.domain.dora import Dora, deployments, figures
from clinops.domain.figure import Figure, Source, Unit, length, total
from clinops.domain.forecast import Done, Forecast
from clinops.domain.journey import Journey, journeys
from clinops.domain.lead_time import Cause, Change, changes, typical
from clinops.domain.ledger import Kind, timestamp
from clinops.domain.met import SUBJECT
from clinops.domain.period import Period
from clinops.domain.risk import Risk
from clinops.domain.scorecard import Scorecard
from clinops.domain.scorecard import scorecard as card
from clinops.domain.wording import nearest
from clinops.errors import NotFoundError
from clinops.wiring import Wiring
from flows.agreements import standing
from flows.board import Standing, standings
from flows.risks import risk_retired


class LeadTimes(NamedTuple):
    """The changes of a period: those that went live in it, and those still on their way."""

    period: Period
    live: tuple[Change, ...]
    waiting: tuple[Change, ...]
    typical: Mapping[str, Figure]
    """The median of `whole` and of each cause, over those that went live."""

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "period": self.period.told(),
            "live": [one.told() for one in self.live],
            "waiting": [one.told() for one in self.waiting],
            "typical": {name: one.told() for name, one in self.typical.items()},
        }


class DoraFigures(NamedTuple):
    """The five DORA figures of a period: of the estate, then of each vendor and product."""

    period: Period
    scopes: tuple[Dora, ...]

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {"period": self.period.told(), "scopes": [one.told() for one in self.scopes]}


class Forecasts(NamedTuple):
    """What may be expected of the changes on their way, and of the requests that are open."""

    changes: Forecast
    requests: Forecast

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {"changes": self.changes.told(), "requests": self.requests.told()}


class Picture(NamedTuple):
    """The board's picture of a period. What waits, risks and forecasts are as of now."""

    period: Period
    made: str
    """When, as the ledger writes it."""
    asked: Mapping[str, Figure]
    """The requests that were made in the period, by who commissioned them."""
    met: Figure
    """The requests that were met in the period, with the entries that closed them."""
    open: Mapping[str, Figure]
    """The requests that wait, by who commissioned them."""
    lead_times: LeadTimes
    """What went live and what the time went to."""
    waits_for: Mapping[Cause, Figure]
    """The changes on their way, by whose turn it is now."""
    dora: DoraFigures
    risk: Risk
    forecast: Forecasts

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "period": self.period.told(),
            "made": self.made,
            "asked": {who: one.told() for who, one in self.asked.items()},
            "met": self.met.told(),
            "open": {who: one.told() for who, one in self.open.items()},
            "lead_times": self.lead_times.told(),
            "waits_for": {cause.value: one.told() for cause, one in self.waits_for.items()},
            "dora": self.dora.told(),
            "risk": self.risk.told(),
            "forecast": self.forecast.told(),
        }


class _Books(NamedTuple):
    """Everything that accounts are made from, as of one moment."""

    now: str
    today: dt.date
    journeys: Sequence[Journey]
    changes: Sequence[Change]
    requests: Sequence[Standing]

    @property
    def waiting(self) -> list[Change]:
        return [change for change in self.changes if change.is_open]


def _books(wiring: Wiring) -> _Books:
    found = journeys(wiring.ledger.entries())
    estate, now = wiring.estate(wiring.repository.head()), wiring.clock()
    asked = list(standings(wiring, estate))
    of_releases = commissions([one.request for one in asked], found)
    made = changes(found, timestamp(now), of_releases)
    return _Books(timestamp(now), now.date(), found, made, asked)


def all_changes(wiring: Wiring) -> Sequence[Change]:
    """Read the ledger and return every change, in the order in which they became known."""
    return _books(wiring).changes


def this_month(wiring: Wiring) -> Period:
    """Return the calendar month that it is."""
    return Period.month_of(wiring.clock().date())


def lead_times(
    wiring: Wiring, period: Period | None = None, product: str | None = None
) -> LeadTimes:
    """Say how long changes took and what for.

    Args:
        wiring: The estate.
        period: The days in which they went live; this month by default.
        product: Only this one's, if given.
    """
    return _lead_times(_books(wiring), period or this_month(wiring), product)


def _lead_times(books: _Books, period: Period, product: str | None = None) -> LeadTimes:
    found = [one for one in books.changes if product in {None, one.last.product}]
    live = [one for one in found if one.last.live and period.holds(one.last.live.time)]
    waiting = [one for one in found if one.is_open]
    return LeadTimes(period, tuple(live), tuple(waiting), typical(live))


def dora(wiring: Wiring, period: Period | None = None) -> DoraFigures:
    """Compute the five DORA figures of a period; this month by default."""
    return _dora(_books(wiring), period or this_month(wiring))


def _dora(books: _Books, period: Period) -> DoraFigures:
    found = figures(deployments(books.changes), period, books.now)
    return DoraFigures(period, tuple(found))


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
    books, how = _books(wiring), standing(vendor, wiring)
    days = (period or Period.months_until(books.today, 6)).in_whole_months()
    return card(vendor, books.changes, days, books.now, agreed=how.agreed, standing=how.said)


def forecast(wiring: Wiring) -> Forecasts:
    """Foresee when what waits now will be done, from what was done in the last half a year."""
    return _forecast(_books(wiring), wiring)


def _forecast(books: _Books, wiring: Wiring) -> Forecasts:
    live = [
        Done(one.last.live.time, one.last.release, one.last.live.entry)
        for one in books.changes
        if one.last.live
    ]
    waiting = [change.last.release for change in books.waiting]
    waits = [one.request.id for one in books.requests if one.is_open]
    by_time = sorted(live, key=lambda one: one.entry)
    return Forecasts(
        foreseen.forecast("changes", by_time, waiting, books.today),
        foreseen.forecast("requests", _met(wiring), waits, books.today),
    )


def _met(wiring: Wiring) -> list[Done]:
    return [
        Done(entry.time, entry.body["request"], entry.sequence)
        for entry in wiring.ledger.entries(SUBJECT)
        if entry.kind is Kind.REQUEST_MET
    ]


def picture(wiring: Wiring, since: dt.date | None = None, until: dt.date | None = None) -> Picture:
    """Draw the board's picture.

    Args:
        wiring: The estate.
        since: The first day; that of this month by default.
        until: The day after the last one; that of this month by default.
    """
    month = this_month(wiring)
    period, books = Period(since or month.since, until or month.until), _books(wiring)
    asked = [one for one in books.requests if _was_made_in(period, one)]
    done = [one for one in _met(wiring) if period.holds(one.time)]
    requests = [one.request for one in books.requests]
    return Picture(
        period=period,
        made=books.now,
        asked=_by_whom("requests that were made in the period", asked),
        met=total(
            "requests that were met in the period",
            Unit.COUNT,
            (Source(one.what, 1.0, f"met on {one.time[:10]}", (one.entry,)) for one in done),
        ),
        open=_by_whom("requests that wait", [one for one in books.requests if one.is_open]),
        lead_times=_lead_times(books, period),
        waits_for=_waits_for(books),
        dora=_dora(books, period),
        risk=risk_retired(books.journeys, requests, period, wiring),
        forecast=_forecast(books, wiring),
    )


def _was_made_in(period: Period, one: Standing) -> bool:
    return period.since <= one.request.commissioned < period.until


def _by_whom(how: str, found: Sequence[Standing]) -> dict[str, Figure]:
    sources: dict[str, list[Source]] = defaultdict(list)
    for one in found:
        request = one.request
        said = f"{request.title}; of {request.commissioned}, {one.said}"
        sources[request.commissioned_by].append(Source(request.id, 1.0, said))
    return {who: total(how, Unit.COUNT, mine) for who, mine in sorted(sources.items())}


def _waits_for(books: _Books) -> dict[Cause, Figure]:
    """Say whose turn it is, for each change on its way: the cause of what goes on now."""
    sources: dict[Cause, list[Source]] = defaultdict(list)
    for change in books.waiting:
        cause, since = change.waits_for
        said = f"since {since.time[:10]}, {length(change.whole.value or 0)} in all"
        entries = (since.entry,) if since.entry else ()
        sources[cause].append(Source(change.last.release, 1.0, said, entries))
    how = "changes on their way, by whose turn it is"
    return {cause: total(how, Unit.COUNT, sources[cause]) for cause in Cause}
