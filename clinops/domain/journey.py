"""Journeys: what happened to each release, read from the ledger once and in order.

What stands here is quoted from entries that the ledger's fold has let in; nothing is judged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from clinops.domain.ledger import Entry, Kind, release_of
from clinops.domain.outcome import Outcome
from clinops.errors import LedgerError


class Event(NamedTuple):
    """Something that happened to a release."""

    time: str
    """As the ledger writes it, so that texts order."""
    kind: Kind | None
    """None for the push, which comes before any entry."""
    entry: int
    """The entry of the ledger that says so; 0 where none does."""
    word: str = ""
    """The outcome of a verdict; the site of a deployment, or of its end."""


class Successor(NamedTuple):
    """The release that came after one that had failed, to mend it."""

    release: str
    known: int
    """The entry with which it became known."""
    by_vendor: bool
    """Whether the vendor changed anything; else the trust mended its own part."""


@dataclass(frozen=True)
class Journey:
    """A release's way."""

    release: str
    product: str
    vendor: str
    version: str
    commit: str
    """The commit at which it was first seen."""
    kind: str
    """As its manifest says, `security-patch` for instance; empty where the ledger is older."""
    deadline: str
    """The day by which it must be live, as its manifest says; empty where it has none."""
    events: tuple[Event, ...]
    """The push, that it became known, and all that followed, in order."""
    findings: tuple[tuple[str, ...], ...]
    """The kinds of the findings of each verdict, in order."""
    routes: tuple[str, ...]
    """The route of each deployment that was begun: `normal`, `emergency`."""
    brought_back: bool
    """Whether a promotion that did not reach all sites left every one of them working."""
    mends: str
    """The failed release that it comes after; empty where there is none."""
    successor: Successor | None
    """What came after it, where it has failed."""

    @property
    def pushed(self) -> Event:
        """When it was pushed; where nobody knows, when it was taken in."""
        return self.events[0]

    @property
    def known(self) -> Event:
        """When it was taken in."""
        return self.events[1]

    def of(self, *kinds: Kind) -> tuple[Event, ...]:
        """Return the events of some kinds, in order."""
        return tuple(event for event in self.events if event.kind in kinds)

    @cached_property
    def verdicts(self) -> tuple[Event, ...]:
        """Every verdict; its word is the outcome."""
        return self.of(Kind.VERDICT)

    @cached_property
    def sites(self) -> tuple[Event, ...]:
        """When it went live at each site, in ring order; the word is the site."""
        return self.of(Kind.SITE_LIVE)

    @cached_property
    def live(self) -> Event | None:
        """When it was live at all of its sites."""
        return next(iter(self.of(Kind.DEPLOYED)), None)

    @cached_property
    def rolled_back(self) -> Event | None:
        """When its promotion ended before it was live at all of its sites."""
        return next(iter(self.of(Kind.ROLLED_BACK)), None)

    @cached_property
    def failed(self) -> Event | None:
        """When it came to nothing: refused, rejected, rolled back; or nobody could tell."""
        return failure(self.events)

    @cached_property
    def superseded(self) -> bool:
        """Whether a newer release took its place before it was live."""
        return _last(self.events).kind is Kind.SUPERSEDED


MOVES: Final = frozenset(
    {
        Kind.QUALIFICATION_STARTED,
        Kind.QUALIFICATION_ERRORED,
        Kind.VERDICT,
        Kind.REJECTED,
        Kind.DEPLOYMENT_STARTED,
        Kind.DEPLOYED,
        Kind.ROLLED_BACK,
        Kind.REOPENED,
        Kind.SUPERSEDED,
    }
)
"""Entries after which something else is waited for."""
_READ: Final = MOVES | {Kind.SIGNED, Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK}
_FAILS: Final = frozenset({Kind.REJECTED, Kind.ROLLED_BACK})
_FAILED: Final = frozenset({Outcome.REFUSED.value, Outcome.INCONCLUSIVE.value})


def failure(events: tuple[Event, ...]) -> Event | None:
    """Return the event with which a release came to nothing, if that is where it stands."""
    last = _last(events)
    failed = last.kind in _FAILS or (last.kind is Kind.VERDICT and last.word in _FAILED)
    return last if failed else None


def _last(events: Iterable[Event]) -> Event:
    """Return the last event that moved a release: a sign-off that was owed moves nothing."""
    *_, last = (event for event in events if event.kind in {None, *MOVES})
    return last


def seconds_between(since: str, until: str) -> float:
    """Return the seconds between two times of the ledger."""
    between = dt.datetime.fromisoformat(until) - dt.datetime.fromisoformat(since)
    return between.total_seconds()


def days_between(time: str, day: str) -> int:
    """Return the days from a time of the ledger to a day, ISO 8601; below 0 where it was over."""
    return (dt.date.fromisoformat(day) - dt.datetime.fromisoformat(time).date()).days


def journeys(entries: Iterable[Entry]) -> list[Journey]:
    """Return the way of every release, in the order in which they became known.

    Args:
        entries: All entries, in order; they are read once.

    Raises:
        LedgerError: One of them is not as ClinOps writes it.
    """
    trails: dict[str, _Trail] = {}
    newest: dict[tuple[str, str], _Trail] = {}
    for entry in entries:
        try:
            if entry.kind is Kind.RELEASE_KNOWN:
                trail = trails[entry.subject] = _Trail.begun(entry)
                # A product that has changed hands: nobody mends, or sees, what another one broke.
                _follow(newest.get(trail.whose), trail)
                newest[trail.whose] = trail
            elif entry.kind in _READ:
                trails[release_of(entry) or ""].read(entry)
        except (AttributeError, KeyError, TypeError) as error:
            raise LedgerError(
                f"entry {entry.sequence} can't be read: {error!r}", mend="clinops ledger verify"
            ) from error
    return [trail.journey() for trail in trails.values()]


@dataclass
class _Trail:
    """What is read of a release so far."""

    release: Mapping[str, Any]
    offers: Mapping[str, Any]
    events: list[Event]
    findings: list[tuple[str, ...]] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    brought_back: bool = False
    mends: str = ""
    successor: Successor | None = None

    @classmethod
    def begun(cls, entry: Entry) -> _Trail:
        pushed = entry.body.get("pushed")
        since = min(pushed, entry.time) if isinstance(pushed, str) else entry.time
        known = Event(entry.time, Kind.RELEASE_KNOWN, entry.sequence)
        events = [Event(since, None, entry.sequence), known]
        return cls(entry.body["release"], entry.body.get("offers", {}), events)

    @property
    def whose(self) -> tuple[str, str]:
        return self.release["product"], self.release.get("vendor", "")

    @property
    def vendors_part(self) -> tuple[object, ...]:
        inputs = self.release.get("inputs", {})
        return inputs.get("manifest"), inputs.get("package")

    def read(self, entry: Entry) -> None:
        body, word = entry.body, ""
        if entry.kind is Kind.VERDICT:
            word = body["outcome"]
            self.findings.append(tuple(one["kind"] for one in body.get("findings", ())))
        elif entry.kind in {Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK}:
            word = body["live"]["site"]
        elif entry.kind is Kind.ROLLED_BACK:
            word = body.get("site", "")
            self.brought_back = body.get("verified") is True
        elif entry.kind is Kind.DEPLOYMENT_STARTED and body.get("resume") is not True:
            self.routes.append((body.get("gate") or {}).get("route") or "")
        self.events.append(Event(entry.time, entry.kind, entry.sequence, word))

    def journey(self) -> Journey:
        said, offers = self.release, self.offers
        product, vendor = self.whose
        return Journey(
            release=said["id"],
            product=product,
            vendor=vendor,
            version=said["version"],
            commit=said.get("commit", ""),
            kind=offers.get("kind") or "",
            deadline=offers.get("deadline") or "",
            events=tuple(self.events),
            findings=tuple(self.findings),
            routes=tuple(self.routes),
            brought_back=self.brought_back,
            mends=self.mends,
            successor=self.successor,
        )


def _follow(before: _Trail | None, trail: _Trail) -> None:
    """Have a release mend the one before it of the product, where that one has failed."""
    if before is None or failure(tuple(before.events)) is None:
        return
    by_vendor = before.vendors_part != trail.vendors_part
    trail.mends = before.release["id"]
    before.successor = Successor(trail.release["id"], trail.events[1].entry, by_vendor)
