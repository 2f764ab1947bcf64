"""The timeline of a run: when each stage began and ended, and which stretches bounded the whole.

Nothing is judged by it. Moments are milliseconds after the run began; what came before it (the
push, the wait for a worker) is in `clinops.domain.course`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from clinops.domain.value import Value

Place = Annotated[int, Field(ge=0)]
"""A stage, by its place among the spans."""


class Wait(Value):
    """A stage that, while it went on, waited for the end of another one."""

    stage: Place
    """What it waited for."""
    since: int
    until: int


class Span(Value):
    """One stage."""

    name: str
    asked: int
    """When it was to begin."""
    begun: int
    """When it did: between the two lies what the runner of stages needs."""
    ended: int
    after: tuple[Place, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The stages whose end the flow had waited for right before it had this one begin."""
    waits: tuple[Wait, ...] = Field(default=(), exclude_if=lambda found: not found)


class Why(StrEnum):
    """What a stretch of time went to."""

    STAGE = "stage"
    WAITING = "waiting"
    """Nothing of the run was under way yet."""
    ORCHESTRATION = "orchestration"
    """The flow itself, and whatever runs its stages."""


class Stretch(Value):
    """A part of the critical path: no part of it could have been shorter without an earlier end."""

    why: Why
    name: str
    begun: int
    ended: int
    stage: Place | None = None

    @property
    def took(self) -> int:
        """How long, in milliseconds."""
        return self.ended - self.begun


class Timeline(Value):
    """When each stage of a run began and ended, and what it waited for."""

    at: str
    """When the run began, as the ledger writes it; everything else counts from there."""
    created: str | None = None
    """When the flow run was created; none where no flow server had a part in it."""
    spans: tuple[Span, ...]
    """In the order in which they were asked for."""
    ended: int

    @model_validator(mode="after")
    def _ensure_stages_exist(self) -> Timeline:
        named = {
            place
            for span in self.spans
            for place in (*span.after, *(wait.stage for wait in span.waits))
        }
        if any(place >= len(self.spans) for place in named):
            raise ValueError("a stage that is not there can't have been waited for")
        return self

    def path(self) -> tuple[Stretch, ...]:
        """Return the critical path, first stretch first: from the begin to the end without a hole.

        It is walked back from the end: from a stage to the one that it waited for last, or else
        to the one that ended last of those after which it was begun.
        """
        return tuple(self._walked())[::-1]

    def _walked(self) -> Iterator[Stretch]:
        place = _last_ended(self.spans, range(len(self.spans)))
        now, what, seen = self.ended, "writing down what came of it", set[int]()
        while place is not None and place not in seen:
            seen.add(place)
            span = self.spans[place]
            yield from _gap(what, span.ended, now)
            wait = self._last_blocking(span)
            now = wait.until if wait else span.begun
            yield Stretch(why=Why.STAGE, name=span.name, begun=now, ended=span.ended, stage=place)
            place = wait.stage if wait else _last_ended(self.spans, span.after)
            what = f"going on with {span.name}" if wait else f"before {span.name}"
        yield from _gap(what, 0, now)

    def _last_blocking(self, span: Span) -> Wait | None:
        """Return the last wait of a stage for what had not ended anyway."""
        blocking = (wait for wait in span.waits if self.spans[wait.stage].ended > wait.since)
        return max(blocking, key=lambda wait: wait.until, default=None)

    def ways_to_the_end(self) -> dict[str, int]:
        """Return how long the rest of the run took at least once a stage had begun, by its name.

        That is the stage itself, and the longest chain of what could only begin after it.
        """
        longest: dict[int, int] = {}
        by_end = sorted(enumerate(self.spans), key=lambda at: (at[1].ended, at[0]), reverse=True)
        for place, span in by_end:
            rest = (
                longest[later] - _before(self.spans[later], place)
                for later in longest
                if place in _needs(self.spans[later])
            )
            longest[place] = span.ended - span.begun + max(rest, default=0)
        return {self.spans[place].name: milliseconds for place, milliseconds in longest.items()}


def timeline_of(body: Any) -> Timeline | None:
    """Read what the body of a ledger's entry has; none where an older engine recorded none."""
    try:
        return Timeline.model_validate(body["timeline"])
    except (KeyError, TypeError, ValidationError):
        return None


def _gap(name: str, since: int, until: int) -> Iterator[Stretch]:
    if until > since:
        yield Stretch(why=Why.ORCHESTRATION, name=name, begun=since, ended=until)


def _last_ended(spans: Sequence[Span], places: Sequence[int]) -> int | None:
    return max(places, key=lambda place: spans[place].ended, default=None)


def _needs(span: Span) -> set[int]:
    return {*span.after, *(wait.stage for wait in span.waits)}


def _before(span: Span, place: int) -> int:
    """Return what of a stage did not need another one: all that was before it waited for it."""
    waits = [wait.until - span.begun for wait in span.waits if wait.stage == place]
    return max(waits, default=0)
