"""Lead times: from what was asked for, or pushed, to live at every site, split by its causes.

A *change* is a release together with those before it that came to nothing and that it mends. Its
time is cut into legs without a hole, so that its causes add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

from clinops.domain.figure import Figure, Source, Unit, length, middle, total
from clinops.domain.journey import Event, Journey, seconds_between
from clinops.domain.ledger import Kind
from clinops.domain.outcome import Outcome


class Cause(StrEnum):
    """What a leg of a change's time went to."""

    VENDOR = "vendor"
    """Asked for and not delivered yet, or refused and not mended yet."""
    QUEUE = "queue"
    """Pushed, and not under test: reconcile, the queue, an attempt that broke off."""
    TEST = "test"
    """Under test, or tested without an answer, or refused by a fault of the trust's own part."""
    SIGN_OFF = "sign-off"
    """Qualified, until the last sign-off before the deployment."""
    WINDOW = "window"
    """Signed off, until live at the last site: the window, a stopped line, and the roll-out."""


class Commission(NamedTuple):
    """What asked for a release: a request, when it was made and by whom."""

    request: str
    time: str
    by: str
    deadline: str = ""
    """The day by which it must be live; empty where there is none."""


class Leg(NamedTuple):
    """A stretch of a change's time, all of it for one cause."""

    cause: Cause
    release: str
    since: Event
    until: Event

    @property
    def seconds(self) -> float:
        """How long it was."""
        return seconds_between(self.since.time, self.until.time)


@dataclass(frozen=True)
class Change:
    """A release, and those before it that it mends."""

    journeys: tuple[Journey, ...]
    """The first one first; all but the last have failed."""
    commission: Commission | None
    """The earliest request that asked for any of them."""
    now: str
    """When it was looked at: what is not over counts until then."""

    @property
    def last(self) -> Journey:
        """The release that it has come to."""
        return self.journeys[-1]

    @property
    def is_open(self) -> bool:
        """Whether it is still on its way: then its time goes on."""
        return not self.last.live and not self.last.superseded

    @property
    def began_with_request(self) -> bool:
        """Whether it was asked for before anything of it was pushed."""
        asked = self.commission
        return asked is not None and asked.time <= self.journeys[0].pushed.time

    @cached_property
    def legs(self) -> tuple[Leg, ...]:
        """What its time went to, from the request or else the first push on, without a hole."""
        return tuple(_between(list(_marks(self))))

    @property
    def waits_for(self) -> tuple[Cause, Event]:
        """Whose turn it is, and since when; of what is over, whose it was last."""
        marks = [*_marks(self)]
        now = marks[-2] if self.is_open else marks[-1]
        return now.cause, now.event

    @property
    def whole(self) -> Figure:
        """The time from the request, or else the first push, to live; or until now."""
        first = "the request" if self.began_with_request else "the first push"
        until = "now, as it is not over" if self.is_open else "the end"
        how = f"the sum of all that lies between {first} and {until}"
        return total(how, Unit.SECONDS, map(_source, self.legs))

    @cached_property
    def split(self) -> dict[Cause, Figure]:
        """The same by cause."""
        return {
            cause: total(
                f"the sum of what went to {cause}",
                Unit.SECONDS,
                (_source(leg) for leg in self.legs if leg.cause is cause),
            )
            for cause in Cause
        }

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        last = self.last
        return {
            "release": last.release,
            "product": last.product,
            "vendor": last.vendor,
            "version": last.version,
            "commissioned": self.commission._asdict() if self.commission else None,
            "releases": [_told(one) for one in self.journeys],
            "open": self.is_open,
            "whole": self.whole.told(),
            "split": {cause.value: figure.told() for cause, figure in self.split.items()},
        }


def changes(
    journeys: Iterable[Journey], now: str, commissions: Mapping[str, Commission] | None = None
) -> list[Change]:
    """Put releases together with those that they mend; each release is in one change.

    Args:
        journeys: In the order in which they became known.
        now: When the ledger was read, as it writes times.
        commissions: The request that asked for a release, by release.
    """
    chains: dict[str, list[Journey]] = {}
    for journey in journeys:
        chain = chains.pop(journey.mends, []) if journey.mends else []
        chains[journey.release] = [*chain, journey]
    asked = commissions or {}
    return [Change(tuple(chain), _earliest(chain, asked), now) for chain in chains.values()]


def _earliest(chain: Sequence[Journey], asked: Mapping[str, Commission]) -> Commission | None:
    found = (asked[one.release] for one in chain if one.release in asked)
    return min(found, key=lambda one: one.time, default=None)


def typical(found: Sequence[Change]) -> dict[str, Figure]:
    """Return the median of the whole and of each cause, over changes that are live."""
    how = "the median over the changes that went live"
    wholes = middle(how, Unit.SECONDS, (_of(one, one.whole) for one in found))
    split = {
        cause.value: middle(how, Unit.SECONDS, (_of(one, one.split[cause]) for one in found))
        for cause in Cause
    }
    return {"whole": wholes, **split}


def _of(change: Change, figure: Figure) -> Source:
    entries = (change.last.known.entry, *(entry for one in figure.inputs for entry in one.entries))
    said = length(figure.value or 0)
    return Source(change.last.release, figure.value, said, tuple(dict.fromkeys(entries)))


_AFTER: Final = {
    None: Cause.QUEUE,
    Kind.QUALIFICATION_STARTED: Cause.TEST,
    Kind.QUALIFICATION_ERRORED: Cause.QUEUE,
    Kind.REJECTED: Cause.VENDOR,
    Kind.SIGNED: Cause.SIGN_OFF,
    Kind.DEPLOYMENT_STARTED: Cause.WINDOW,
    Kind.ROLLED_BACK: Cause.VENDOR,
    Kind.REOPENED: Cause.QUEUE,
    Kind.SUPERSEDED: Cause.VENDOR,
    Kind.DEPLOYED: Cause.WINDOW,
}
"""What is waited for after such an event; after a verdict, its outcome says it."""
_AFTER_VERDICT: Final = {
    Outcome.QUALIFIED.value: Cause.SIGN_OFF,
    Outcome.REFUSED.value: Cause.VENDOR,
    Outcome.INCONCLUSIVE.value: Cause.TEST,
}
_SAID: Final = {
    None: "the push",
    Kind.QUALIFICATION_STARTED: "the begin of testing",
    Kind.QUALIFICATION_ERRORED: "testing that broke off",
    Kind.VERDICT: "the verdict",
    Kind.SIGNED: "a sign-off",
    Kind.REJECTED: "the rejection",
    Kind.DEPLOYMENT_STARTED: "the begin of the deployment",
    Kind.DEPLOYED: "live",
    Kind.ROLLED_BACK: "the rollback",
    Kind.REOPENED: "another try",
    Kind.SUPERSEDED: "a newer release",
}


class _Mark(NamedTuple):
    """From this event on, this is waited for."""

    event: Event
    release: str
    cause: Cause


def _marks(change: Change) -> Iterator[_Mark]:
    if change.commission and change.began_with_request:
        asked = Event(change.commission.time, None, 0, change.commission.request)
        yield _Mark(asked, change.journeys[0].release, Cause.VENDOR)
    for one in change.journeys:
        yield from _marks_of(one)
    if change.is_open:
        # Whose turn it is now is what the mark before says.
        yield _Mark(Event(change.now, None, 0, "now"), change.last.release, Cause.QUEUE)


def _marks_of(journey: Journey) -> list[_Mark]:
    marks: list[_Mark] = []
    for event in _counting(journey):
        after = _AFTER_VERDICT.get(event.word) if event.kind is Kind.VERDICT else None
        cause = after or _AFTER.get(event.kind)
        if cause is None:
            continue
        if event.kind is Kind.DEPLOYMENT_STARTED:
            # Only now it is known which sign-off was the last one, or that none was needed.
            marks[-1] = marks[-1]._replace(cause=cause)
        marks.append(_Mark(event, journey.release, cause))
    if journey.successor:
        mending = Cause.VENDOR if journey.successor.by_vendor else Cause.TEST
        marks[-1] = marks[-1]._replace(cause=mending)
    return marks


def _counting(journey: Journey) -> Iterator[Event]:
    """Yield events up to the end: live, or another release that mends this one."""
    for event in journey.events:
        if journey.successor and event.entry > journey.successor.known:
            return
        yield event
        if event.kind is Kind.DEPLOYED:
            return


def _between(marks: Sequence[_Mark]) -> Iterator[Leg]:
    """Yield what lies between marks; a clock that was behind puts nothing between two of them."""
    now = marks[0].event.time
    for mark, after in pairwise(marks):
        since, now = now, max(now, after.event.time)
        if since < now:
            begin, end = mark.event._replace(time=since), after.event._replace(time=now)
            yield Leg(mark.cause, mark.release, begin, end)


def _source(leg: Leg) -> Source:
    entries = tuple(dict.fromkeys(e.entry for e in (leg.since, leg.until) if e.entry))
    said = f"{leg.cause}: {length(leg.seconds)} from {_name(leg.since)} to {_name(leg.until)}"
    return Source(leg.release, leg.seconds, said, entries)


def _name(event: Event) -> str:
    if event.kind is None and event.word:
        return event.word if event.word == "now" else f"the request {event.word}"
    outcome = f" ({event.word})" if event.kind is Kind.VERDICT else ""
    return f"{_SAID[event.kind]}{outcome}"


def _told(journey: Journey) -> dict[str, Any]:
    return {
        "release": journey.release,
        "version": journey.version,
        "pushed": journey.pushed.time,
        "events": [
            {"time": event.time, "kind": event.kind, "entry": event.entry, "word": event.word}
            for event in journey.events[1:]
        ],
        "live": {event.word: event.time for event in journey.sites},
    }
