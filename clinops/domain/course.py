"""The course of a run: its timeline, what came before its first stage, and both in plain words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from clinops.domain.ledger import Entry, Kind
from clinops.domain.plain_words import seconds
from clinops.domain.timeline import Stretch, Timeline, Why, timeline_of
from clinops.domain.value import Value

ENDS: Final = {
    Kind.VERDICT: "from push to verdict",
    Kind.QUALIFICATION_ERRORED: "until testing broke off",
    Kind.DEPLOYED: "to go live",
    Kind.ROLLED_BACK: "until it was rolled back",
}
"""Entries that end a run and have its timeline, and how to say so."""

_TESTING: Final = {Kind.VERDICT, Kind.QUALIFICATION_ERRORED}
_BOUNDS: Final = 0.1
"""The share of the whole from which on something on the critical path is worth naming."""
_SHOWN: Final = 0.01
"""The same for a line of its own, where it is no stage."""


class Row(NamedTuple):
    """One line of a picture of a course."""

    name: str
    why: Why
    begun: int
    ended: int
    critical: Stretch | None
    """What of it is on the critical path."""


class Course(Value):
    """One run of a release, from what set it off to what was recorded at its end."""

    kind: Kind
    """The entry that ended it."""
    attempt: int | None = None
    """Which attempt at a verdict; none for a promotion."""
    lead: tuple[Stretch, ...] = ()
    """What came before the run, in its timeline's milliseconds: before 0."""
    timeline: Timeline

    @property
    def begun(self) -> int:
        """When it was set off: 0 or earlier."""
        return self.lead[0].begun if self.lead else 0

    @property
    def took(self) -> int:
        """How long all of it took, in milliseconds."""
        return self.timeline.ended - self.begun

    def path(self) -> tuple[Stretch, ...]:
        """Return everything that bounded it: what came before, and the critical path."""
        return (*self.lead, *self.timeline.path())

    def went_to(self) -> dict[Why, int]:
        """Return how many milliseconds of the path went to what."""
        path = self.path()
        return {why: sum(one.took for one in path if one.why is why) for why in Why}

    def bound_by(self) -> tuple[Stretch, ...]:
        """Return the stretches of the path that matter, in order: a tenth of the whole or more."""
        path = self.path()
        longest = max(path, key=lambda one: one.took, default=None)
        return tuple(one for one in path if one is longest or one.took >= self.took * _BOUNDS)

    def rows(self) -> list[Row]:
        """Return every stage, and whatever else took noticeably long, in order of time."""
        path = self.path()
        critical = {one.stage: one for one in path if one.stage is not None}
        stages = [
            Row(span.name, Why.STAGE, span.begun, span.ended, critical.get(place))
            for place, span in enumerate(self.timeline.spans)
        ]
        others = [
            Row(one.name, one.why, one.begun, one.ended, one)
            for one in path
            if one.stage is None and one.took >= self.took * _SHOWN
        ]
        return sorted([*stages, *others], key=lambda row: (row.begun, row.ended))

    def summary(self) -> str:
        """Say in one line how long it took, and what bounded it."""
        bounds = ", ".join(f"{one.name} ({seconds(one.took / 1000)})" for one in self.bound_by())
        return f"{seconds(self.took / 1000)} {self.end}; bound by: {bounds or 'nothing'}"

    @property
    def end(self) -> str:
        """Say what ended it."""
        if self.kind is Kind.VERDICT and not any(one.name == PUSHED for one in self.lead):
            return "to the verdict"
        return ENDS[self.kind]

    def told(self) -> dict[str, Any]:
        """Return all of it for programs: the path with its names, and every stage."""
        return {
            "ended_by": self.kind.value,
            "attempt": self.attempt,
            "milliseconds": self.took,
            "went_to": {why.value: spent for why, spent in self.went_to().items()},
            "bound_by": [one.name for one in self.bound_by()],
            "path": [{**one.json_value(), "took": one.took} for one in self.path()],
            "timeline": self.timeline.json_value(),
        }


PUSHED: Final = "pushed, until reconcile took it in"
_KNOWN: Final = "taken in, until its run was created"
_AGAIN: Final = "to be tried again, until its run was created"
_DIED: Final = "its process died, until the next run was created"
_CREATED: Final = "run created, until it began"


class CourseReader:
    """Reads the ledger's entries one after the other, and keeps what set each release off."""

    def __init__(self) -> None:
        self._set_off: dict[str, list[tuple[str, str]]] = {}
        self._begun: dict[str, str] = {}
        """When the runs began that have not ended yet."""

    def read(self, entry: Entry) -> Course | None:
        """Return the run that an entry ended, where it has its timeline."""
        release = entry.subject
        if entry.kind is Kind.RELEASE_KNOWN:
            self._set_off[release] = [*_pushed(entry), (entry.time, _KNOWN)]
        elif entry.kind is Kind.REOPENED:
            self._set_off[release] = [(entry.time, _AGAIN)]
        elif entry.kind is Kind.QUALIFICATION_STARTED:
            if release in self._begun:
                self._set_off[release] = [(self._begun[release], _DIED)]
            self._begun[release] = entry.time
        if entry.kind not in ENDS:
            return None
        self._begun.pop(release, None)
        set_off = self._set_off.pop(release, [])
        if entry.kind is Kind.QUALIFICATION_ERRORED:
            self._set_off[release] = [(entry.time, _AGAIN)]
        timeline = timeline_of(entry.body)
        if timeline is None:
            return None
        return _course(entry, timeline, set_off if entry.kind in _TESTING else [])


def courses(entries: Iterable[Entry]) -> list[Course]:
    """Return the runs of releases whose timelines are among the ledger's entries, in order."""
    reader = CourseReader()
    return [course for course in map(reader.read, entries) if course is not None]


def _course(entry: Entry, timeline: Timeline, set_off: Sequence[tuple[str, str]]) -> Course:
    created = [(timeline.created, _CREATED)] if timeline.created else []
    return Course(
        kind=entry.kind,
        attempt=entry.body.get("attempt"),
        lead=tuple(_lead([*set_off, *created], timeline.at)),
        timeline=timeline,
    )


def _lead(moments: Sequence[tuple[str, str]], at: str) -> Iterator[Stretch]:
    """Yield what lies between moments, up to the begin of the run; they order as texts do."""
    now = at
    stretches: list[Stretch] = []
    for moment, what in reversed(moments):
        # A clock that is behind may have a cause after its effect: there is nothing between them.
        since, until = _after(at, min(moment, now)), _after(at, now)
        if since < until:
            stretches.append(Stretch(why=Why.WAITING, name=what, begun=since, ended=until))
        now = min(moment, now)
    yield from reversed(stretches)


def _after(at: str, moment: str) -> int:
    between = dt.datetime.fromisoformat(moment) - dt.datetime.fromisoformat(at)
    return round(between / dt.timedelta(milliseconds=1))


def _pushed(entry: Entry) -> list[tuple[str, str]]:
    pushed = entry.body.get("pushed")
    return [(pushed, PUSHED)] if isinstance(pushed, str) else []
