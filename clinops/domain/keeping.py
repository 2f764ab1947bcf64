"""Keeping: what of the changes of a vendor can be kept or not, measure by measure.

A *case* is one such thing. It lies in the month in which it became certain; what is still open
lies in the month that it is now, and counts for as long as it has taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from clinops.domain.agreement import Measure
from clinops.domain.figure import Figure, Source, Unit, longest, mean, share, smallest
from clinops.domain.journey import Event, Journey, days_between, seconds_between
from clinops.domain.lead_time import Change
from clinops.domain.ledger import Kind
from clinops.domain.outcome import Outcome

_DAY: Final = 86_400
_DECIDED: Final = frozenset({Outcome.QUALIFIED.value, Outcome.REFUSED.value})
_UNDECLARED: Final = frozenset({"undeclared-difference", "regression"})


class Case(NamedTuple):
    """One thing that was kept or not."""

    time: str
    source: Source


def cases_of(measure: Measure, changes: Sequence[Change], now: str) -> list[Case]:
    """Return the cases of one measure.

    Args:
        measure: What is measured.
        changes: The changes of one vendor.
        now: When the ledger was read, as it writes times.
    """
    return list(chain.from_iterable(_READERS[measure](change, now) for change in changes))


def figure_of(measure: Measure, found: Sequence[Source]) -> Figure:
    """Put the cases of a month, or of any other time, into one figure."""
    return _FIGURES[measure](found)


def _first_time(change: Change, now: str) -> Iterator[Case]:  # noqa: ARG001
    first = change.journeys[0]
    verdict = _decided(first)
    if verdict is not None and not _was_ours(first):
        well = verdict.word == Outcome.QUALIFIED
        said = "qualified at once" if well else "refused at first"
        yield Case(verdict.time, Source(first.release, float(well), said, (verdict.entry,)))


def _undeclared(change: Change, now: str) -> Iterator[Case]:  # noqa: ARG001
    for journey in change.journeys:
        if journey.verdicts:
            verdict, kinds = journey.verdicts[-1], journey.findings[-1]
            number = sum(kind in _UNDECLARED for kind in kinds)
            said = f"{number} that no change of the manifest covers"
            yield Case(verdict.time, Source(journey.release, number, said, (verdict.entry,)))


def _days_to_fix(change: Change, now: str) -> Iterator[Case]:
    for journey, after in zip(change.journeys, [*change.journeys[1:], None], strict=True):
        failed = journey.failed
        if failed is None or failed.word == Outcome.INCONCLUSIVE or _was_ours(journey):
            continue
        mended = after.pushed if after else Event(now, None, 0)
        days = max(seconds_between(failed.time, mended.time), 0) / _DAY
        said = f"mended by {after.release}" if after else "not mended yet"
        source = Source(journey.release, days, said, _entries(failed, mended))
        yield Case(after.known.time if after else now, source)


def _clock_kept(change: Change, now: str) -> Iterator[Case]:
    deadline, last = _deadline(change), change.last
    end, found = f"{deadline}T23:59:59.999999+00:00", _first_qualified(change)
    if not deadline:
        return
    if found and found[0].pushed.time <= end:
        journey, verdict = found
        said = f"what qualified was pushed by {deadline}"
        source = Source(journey.release, 1.0, said, _entries(journey.pushed, verdict))
        yield Case(verdict.time, source)
    elif end < now and not (last.superseded and last.events[-1].time <= end):
        said = f"nothing that qualified was pushed by {deadline}"
        yield Case(end, Source(last.release, 0.0, said, _entries(last.known)))


def _notice(change: Change, now: str) -> Iterator[Case]:  # noqa: ARG001
    first, deadline = change.journeys[0], _deadline(change)
    # Nobody can announce a hole in good time.
    if deadline and first.kind != "security-patch":
        days = days_between(first.pushed.time, deadline)
        said = f"pushed {days} days before {deadline}"
        source = Source(first.release, days, said, _entries(first.pushed))
        yield Case(first.pushed.time, source)


def _days_to_verdict(change: Change, now: str) -> Iterator[Case]:
    for journey in change.journeys:
        verdict = _decided(journey)
        if verdict is None and (journey.superseded or journey.successor):
            continue
        until = verdict or Event(now, None, 0)
        days = seconds_between(journey.pushed.time, until.time) / _DAY
        said = "from push to verdict" if verdict else "no verdict yet"
        source = Source(journey.release, days, said, _entries(journey.pushed, until))
        yield Case(until.time, source)


def _days_to_sign_off(change: Change, now: str) -> Iterator[Case]:
    for journey in change.journeys:
        qualified = [one for one in journey.verdicts if one.word == Outcome.QUALIFIED]
        until = _signed_off(journey, qualified[-1], now) if qualified else None
        if until is None:
            continue
        days = seconds_between(qualified[-1].time, until.time) / _DAY
        said = "from verdict to sign-off" if until.entry else "not all have signed yet"
        yield Case(until.time, Source(journey.release, days, said, _entries(qualified[-1], until)))


def _signed_off(journey: Journey, qualified: Event, now: str) -> Event | None:
    """Return what ended the wait for people; none where something else took its place."""
    last = qualified
    for event in journey.events:
        if event.entry < qualified.entry:
            continue
        if event.kind is Kind.SIGNED:
            last = event
        elif event.kind is Kind.DEPLOYMENT_STARTED:
            return last
        elif event.kind is Kind.REJECTED:
            return event
        elif event.kind in {Kind.REOPENED, Kind.SUPERSEDED}:
            return None
    return Event(now, None, 0)


_READERS: Final[Mapping[Measure, Callable[[Change, str], Iterator[Case]]]] = {
    Measure.FIRST_TIME: _first_time,
    Measure.UNDECLARED: _undeclared,
    Measure.DAYS_TO_FIX: _days_to_fix,
    Measure.CLOCK_KEPT: _clock_kept,
    Measure.NOTICE: _notice,
    Measure.DAYS_TO_VERDICT: _days_to_verdict,
    Measure.DAYS_TO_SIGN_OFF: _days_to_sign_off,
}


def _longest_of(what: str) -> Callable[[Sequence[Source]], Figure]:
    return lambda found: longest(f"the longest, {what}", Unit.DAYS, found)


_FIGURES: Final[Mapping[Measure, Callable[[Sequence[Source]], Figure]]] = {
    Measure.FIRST_TIME: lambda found: share(
        "changes whose first release qualified, of those that had a verdict", found
    ),
    Measure.UNDECLARED: lambda found: mean(
        "differences that no change of the manifest covers, for each release", Unit.COUNT, found
    ),
    Measure.DAYS_TO_FIX: _longest_of("from a refusal or rollback to the push that mends it"),
    Measure.CLOCK_KEPT: lambda found: share(
        "changes of which a release that qualified was pushed by the deadline, of those with one",
        found,
    ),
    Measure.NOTICE: lambda found: smallest(
        "the shortest, from the first push to the deadline", Unit.DAYS, found
    ),
    Measure.DAYS_TO_VERDICT: _longest_of("from push to verdict"),
    Measure.DAYS_TO_SIGN_OFF: _longest_of("from a verdict that qualified to the last sign-off"),
}


def _entries(*events: Event) -> tuple[int, ...]:
    return tuple(dict.fromkeys(event.entry for event in events if event.entry))


def _decided(journey: Journey) -> Event | None:
    """Return the first verdict that says yes or no."""
    return next((one for one in journey.verdicts if one.word in _DECIDED), None)


def _was_ours(journey: Journey) -> bool:
    """Whether it failed, and what mended it was nothing of the vendor's."""
    return journey.successor is not None and not journey.successor.by_vendor


def _first_qualified(change: Change) -> tuple[Journey, Event] | None:
    return next(
        (
            (journey, verdict)
            for journey in change.journeys
            for verdict in journey.verdicts
            if verdict.word == Outcome.QUALIFIED
        ),
        None,
    )


def _deadline(change: Change) -> str:
    """Return the earliest deadline: what mends a release can't put its clock back."""
    asked = change.commission.deadline if change.commission else ""
    return min(filter(None, (asked, *(one.deadline for one in change.journeys))), default="")
