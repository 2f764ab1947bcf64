"""The five DORA figures, for the deployment of vendors' releases.

A *deployment* is a promotion that has touched a site and has ended: live at all of its sites, or
rolled back. It belongs to the period in which it ended. What each figure means here, and why, is
in docs/account.md.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from clinops.domain.figure import Figure, Source, Unit, length, middle, share
from clinops.domain.journey import Event, Journey, seconds_between
from clinops.domain.lead_time import Change
from clinops.domain.ledger import Kind
from clinops.domain.period import Period
from clinops.domain.signed import ChangeType

HOTFIX_WITHIN: Final = dt.timedelta(days=14)
"""An emergency deployment this soon after another of the same product tells that that one failed:
as long as Cyber Essentials gives for a fix."""


class Deployment(NamedTuple):
    """A promotion that has touched a site and has ended."""

    change: Change
    journey: Journey
    ended: Event
    failed: str
    """Why it failed, in words; empty where it did not."""
    unplanned: str
    """Why it was not planned; empty where it was."""
    recovery: tuple[Event, Event] | None
    """From when to when service suffered, where it failed; until now where it still does."""

    @property
    def release(self) -> str:
        """The release that was deployed."""
        return self.journey.release

    def source(self, value: float, said: str, *more: Event) -> Source:
        """Make it the input of a figure."""
        entries = (*(event.entry for event in more if event.entry), self.ended.entry)
        return Source(self.release, value, said, tuple(dict.fromkeys(entries)))


class Dora(NamedTuple):
    """The figures of one product, vendor or estate for a period."""

    scope: str
    """`estate`, `vendor acme` or `product pas`."""
    deployment_frequency: Figure
    lead_time: Figure
    change_failure_rate: Figure
    recovery_time: Figure
    rework_rate: Figure

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        fields = self._asdict()
        return {"scope": fields.pop("scope")} | {n: f.told() for n, f in fields.items()}


def figures(found: Iterable[Deployment], period: Period, now: str) -> list[Dora]:
    """Compute the figures of a period: for the estate, then each vendor, then each product.

    Args:
        found: Every deployment on record.
        period: The days that count.
        now: When the ledger was read, as it writes times.
    """
    groups: dict[str, list[Deployment]] = {"estate": []}
    mine = [one for one in found if period.holds(one.ended.time)]
    for scope, one in sorted(_scopes(mine), key=lambda pair: pair[0]):
        groups.setdefault(scope, []).append(one)
    groups["estate"] = mine
    order = sorted(groups, key=lambda scope: (scope != "estate", not scope.startswith("v"), scope))
    return [_figures(scope, groups[scope], period.elapsed(now)) for scope in order]


def _scopes(found: Iterable[Deployment]) -> Iterator[tuple[str, Deployment]]:
    for one in found:
        yield f"vendor {one.journey.vendor}", one
        yield f"product {one.journey.product}", one


def _figures(scope: str, found: Sequence[Deployment], days: float) -> Dora:
    ended = tuple(one.source(1, _how_it_ended(one)) for one in found)
    return Dora(
        scope=scope,
        deployment_frequency=Figure(
            30 * len(found) / days,
            Unit.PER_30_DAYS,
            f"deployments that ended in {days:.1f} days, for 30 days",
            ended,
        ),
        lead_time=middle(
            "the median, over changes that went live, from the first push to live at all sites",
            Unit.SECONDS,
            (_lead_time(one, one.journey.live) for one in found if one.journey.live),
        ),
        change_failure_rate=share(
            "deployments that were rolled back, or followed by an emergency deployment of the same "
            f"product within {HOTFIX_WITHIN.days} days, of all deployments",
            (one.source(bool(one.failed), one.failed or "held") for one in found),
        ),
        recovery_time=middle(
            "the median, over deployments that failed, until the site worked again",
            Unit.SECONDS,
            (_recovery(one, *one.recovery) for one in found if one.recovery),
        ),
        rework_rate=share(
            "deployments that were not planned (an emergency, or a release that mends one that was "
            "rolled back), of all deployments",
            (one.source(bool(one.unplanned), one.unplanned or "planned") for one in found),
        ),
    )


def _how_it_ended(one: Deployment) -> str:
    return "went live" if one.ended.kind is Kind.DEPLOYED else "was rolled back"


def _lead_time(one: Deployment, live: Event) -> Source:
    pushed = one.change.journeys[0].pushed
    seconds = seconds_between(pushed.time, live.time)
    return one.source(seconds, f"{length(seconds)} from the first push to live", pushed)


def _recovery(one: Deployment, since: Event, until: Event) -> Source:
    seconds = seconds_between(since.time, until.time)
    still = "" if until.entry else ", and not yet over"
    return one.source(seconds, f"{length(seconds)}{still}: {one.failed}", since, until)


def deployments(found: Iterable[Change]) -> list[Deployment]:
    """Return every deployment on record, in the order in which they ended."""
    ended = [
        (change, journey, end)
        for change in found
        for journey in change.journeys
        if (end := _end(journey)) is not None
    ]
    ended.sort(key=lambda one: one[2].entry)
    by_product: dict[str, list[tuple[Change, Journey, Event]]] = defaultdict(list)
    for one in ended:
        by_product[one[1].product].append(one)
    made = [
        _deployment(one, after)
        for of_product in by_product.values()
        for one, after in pairwise([*of_product, None])
        if one is not None
    ]
    return sorted(made, key=lambda one: one.ended.entry)


def _end(journey: Journey) -> Event | None:
    if journey.live:
        return journey.live
    end = journey.rolled_back
    touched = journey.of(Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK) or (end and end.word)
    return end if touched else None


def _deployment(
    one: tuple[Change, Journey, Event], after: tuple[Change, Journey, Event] | None
) -> Deployment:
    change, journey, ended = one
    failed, recovery = "", None
    if ended.kind is Kind.ROLLED_BACK:
        failed, recovery = _rolled_back(change, journey, ended, after)
    elif after and _is_hotfix(ended, after[1], after[2]):
        failed = f"{after[1].release} had to follow as an emergency"
        recovery = (after[1].pushed, after[2])
    return Deployment(change, journey, ended, failed, _unplanned(change, journey), recovery)


def _rolled_back(
    change: Change, journey: Journey, ended: Event, after: tuple[Change, Journey, Event] | None
) -> tuple[str, tuple[Event, Event]]:
    where = f" at {ended.word}" if ended.word else " before the next site"
    # What was begun last is what went wrong: sites that it was live at by then were well.
    since = [
        e for e in journey.of(Kind.DEPLOYMENT_STARTED, Kind.SITE_LIVE) if e.entry < ended.entry
    ]
    if journey.brought_back:
        return f"it was rolled back{where}", (since[-1], ended)
    until = after[2] if after else Event(change.now, None, 0)
    return f"it failed{where}, and could not be brought back", (since[-1], until)


def _is_hotfix(ended: Event, journey: Journey, its_end: Event) -> bool:
    soon = seconds_between(ended.time, its_end.time) <= HOTFIX_WITHIN.total_seconds()
    return soon and _is_emergency(journey)


def _is_emergency(journey: Journey) -> bool:
    return journey.routes[-1:] == (ChangeType.EMERGENCY.value,)


def _unplanned(change: Change, journey: Journey) -> str:
    if _is_emergency(journey):
        return "an emergency"
    earlier = change.journeys[: change.journeys.index(journey)]
    mended = (one.release for one in earlier if one.rolled_back)
    return next((f"it mends {release}, which was rolled back" for release in mended), "")
