"""What Prometheus may know of an estate: numbers, ages and lengths, of nobody and no system.

All of it is read from the ledger, so that a restart forgets nothing. Labels are states, outcomes
and kinds of stages, of which there are so many and no more: no name that a vendor or a person has
written is among them.
"""

from __future__ import annotations

import datetime as dt
from math import nan
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from clinops.domain.course import Course, CourseReader
from clinops.domain.ledger import Entry, Kind
from clinops.domain.outcome import Outcome, State
from clinops.domain.timeline import Why
from clinops.errors import NotFoundError
from clinops.gatehouse.watch import Audited
from clinops.ports import Clock, Ledger

_HERE: Final = frozenset({"localhost", "127.0.0.1"})
_PASSED_ON: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers of which a proxy leaves one."""
_SECONDS: Final = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_MOVES: Final = frozenset(
    {State.KNOWN, State.QUALIFYING, State.ERRORED, State.AWAITING_SIGN_OFF, State.PROMOTING}
)
"""States that a release should leave again."""
_STAGES: Final = frozenset(
    {
        "pin inputs",
        "obtain images",
        "look for what was measured before",
        "list what images are made of",
        "rehearse the upgrade",
        "rehearse the restore",
        "rehearse the way back",
        "compare behaviour",
        "assemble evidence",
        "check everything again",
        "bring back what was begun",
    }
)
_ONE_OF_MANY: Final = {
    "snapshot of ": "snapshot",
    "fault: ": "fault",
    "deploy to ": "deploy",
    " suite on ": "suite",
}


class Metrics:
    """Numbers of an estate, kept up to date by reading on in its ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._lock = Lock()
        self._seen = 0
        self._courses = CourseReader()
        self._registry = registry = CollectorRegistry()

        def gauge(name: str, said: str, *labels: str) -> Gauge:
            return Gauge(f"clinops_{name}", said, labels, registry=registry)

        def lengths(name: str, said: str, *labels: str) -> Histogram:
            return Histogram(f"clinops_{name}", said, labels, buckets=_SECONDS, registry=registry)

        self._releases = gauge("releases", "Releases by the state that they are in.", "state")
        self._oldest = gauge(
            "oldest_release_seconds",
            "For how long the release has been in a state that has been in it longest.",
            "state",
        )
        self._entries = gauge("ledger_entries", "Entries of the ledger.")
        self._holds = gauge(
            "ledger_holds", "Whether the last audit of the ledger found no problem."
        )
        self._audited = gauge("ledger_audited_seconds", "When it was audited, in seconds of 1970.")
        self._verdicts = Counter(
            "clinops_verdicts", "Verdicts by their outcome.", ["outcome"], registry=registry
        )
        self._broken_off = Counter(
            "clinops_qualifications_errored",
            "Qualifications that broke off: ClinOps failed, not the product.",
            registry=registry,
        )
        self._runs = lengths("run_seconds", "From what set a run off to its end.", "end")
        self._went_to = lengths(
            "run_part_seconds", "What of a run's critical path went to what.", "end", "part"
        )
        self._stages = lengths("stage_seconds", "How long stages took.", "stage")
        for unknown in (self._holds, self._audited):
            unknown.set(nan)
        for outcome in (Outcome.QUALIFIED, Outcome.REFUSED, Outcome.INCONCLUSIVE):
            self._verdicts.labels(outcome.value)

    def exposed(self, audited: Audited | None) -> bytes:
        """Return all of it as Prometheus reads it.

        Args:
            audited: The last audit of the ledger, where there was one.
        """
        with self._lock:
            for entry in self._ledger.entries(after=self._seen):
                self._read(entry)
                self._seen = entry.sequence
            self._entries.set(self._seen)
            self._look_at_releases()
            if audited is not None:
                self._holds.set(not audited.problems)
                self._audited.set(audited.at.timestamp())
            return generate_latest(self._registry)

    def _read(self, entry: Entry) -> None:
        if entry.kind is Kind.VERDICT:
            self._verdicts.labels(Outcome(entry.body["outcome"]).value).inc()
        elif entry.kind is Kind.QUALIFICATION_ERRORED:
            self._broken_off.inc()
        course = self._courses.read(entry)
        if course is not None:
            self._take(course)

    def _take(self, course: Course) -> None:
        end = course.kind.value
        self._runs.labels(end).observe(course.took / 1000)
        for why, took in course.went_to().items():
            self._went_to.labels(end, Why(why).value).observe(took / 1000)
        for span in course.timeline.spans:
            self._stages.labels(kind_of_stage(span.name)).observe((span.ended - span.begun) / 1000)

    def _look_at_releases(self) -> None:
        now = self._clock()
        since: dict[State, list[str]] = {state: [] for state in State}
        for record in self._ledger.releases():
            since[record.state].append(record.since)
        for state, moments in since.items():
            self._releases.labels(state.value).set(len(moments))
            if state in _MOVES:
                age = now - dt.datetime.fromisoformat(min(moments)) if moments else dt.timedelta()
                self._oldest.labels(state.value).set(age.total_seconds())


def kind_of_stage(name: str) -> str:
    """Return which kind of stage it is; `other` for what nobody foresaw."""
    if name in _STAGES:
        return name
    return next((kind for part, kind in _ONE_OF_MANY.items() if part in name), "other")


def metrics(request: Request) -> Response:
    """Give the numbers to whoever asks on this machine; behind a proxy there is no such page."""
    passed_on = any(name in request.headers for name in _PASSED_ON)
    if passed_on or request.url.hostname not in _HERE:
        raise NotFoundError("there is no such page")
    state = request.app.state
    return Response(state.metrics.exposed(state.watch.last), media_type=CONTENT_TYPE_LATEST)
