"""Runs as OpenTelemetry traces (port Traces), sent to a collector by OTLP over HTTP.

The spans are made once a run has ended, from its timeline on the ledger: nothing that is measured
waits for a collector. Where none is named in the environment, nothing of this is imported.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context

from clinops.domain.course import Course
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.timeline import Why

_log = logging.getLogger(__name__)

_WITHIN: Final = 2.0
"""Seconds that a collector has for all of a run, once that has ended."""
_NAMES: Final = {
    Kind.VERDICT: "qualify",
    Kind.QUALIFICATION_ERRORED: "qualify",
    Kind.DEPLOYED: "promote",
    Kind.ROLLED_BACK: "promote",
}
_FAILED: Final = frozenset({Kind.QUALIFICATION_ERRORED, Kind.ROLLED_BACK})


class OtlpTraces:
    """Sends runs to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names."""

    def __init__(self, estate: str) -> None:
        """Name the estate: the same content is the same release in another one."""
        self._estate = estate

    def export(self, course: Course, record: ReleaseRecord) -> None:
        """Send one run. A collector that is down is logged, and holds nothing up for long."""
        try:
            exporter = OTLPSpanExporter(timeout=_WITHIN)
            try:
                exporter.export(self.spans(course, record))
            finally:
                exporter.shutdown()  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - whatever is wrong with traces, the run has ended well
            _log.warning("the run of %s could not be traced", record.id, exc_info=True)

    def spans(self, course: Course, record: ReleaseRecord) -> tuple[ReadableSpan, ...]:
        """Make the spans of a run: the run itself, and below it each stage and each wait."""
        kept = InMemorySpanExporter()
        attempt = course.attempt or record.attempt
        provider = TracerProvider(
            resource=_resource(),
            id_generator=_Derived(
                f"{self._estate}/{record.id}/{attempt}", f"{course.kind} {course.timeline.at}"
            ),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(SimpleSpanProcessor(kept))
        _Drawing(provider.get_tracer("clinops"), course).draw(record)
        provider.shutdown()
        return kept.get_finished_spans()


class _Derived(IdGenerator):
    """Ids that follow from what is traced: sent twice, it is the same trace."""

    def __init__(self, trace: str, run: str) -> None:
        self._trace, self._run = trace, run
        self._numbers = count()

    def generate_trace_id(self) -> int:
        return int.from_bytes(hashlib.sha256(self._trace.encode()).digest()[:16])

    def generate_span_id(self) -> int:
        text = f"{self._trace} {self._run} {next(self._numbers)}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


class _Drawing:
    def __init__(self, tracer: Tracer, course: Course) -> None:
        self._tracer, self._course = tracer, course
        self._zero = dt.datetime.fromisoformat(course.timeline.at)

    def draw(self, record: ReleaseRecord) -> None:
        course, timeline = self._course, self._course.timeline
        root = self._begun(
            f"{_NAMES[course.kind]} {record.product} {record.version}",
            course.begun,
            {
                "clinops.release": record.id,
                "clinops.product": record.product,
                "clinops.version": record.version,
                "clinops.attempt": course.attempt or record.attempt,
                "clinops.ended_by": course.kind.value,
            },
            Context(),
        )
        if course.kind in _FAILED:
            root.set_status(StatusCode.ERROR)
        below = set_span_in_context(root, Context())
        path = course.path()
        critical = {stretch.stage for stretch in path}
        stages = [
            self._begun(span.name, span.begun, _about(Why.STAGE, place in critical), below)
            for place, span in enumerate(timeline.spans)
        ]
        for stage, span in zip(stages, timeline.spans, strict=True):
            _link(stage, (stages[place] for place in span.after))
            _link(stage, (stages[wait.stage] for wait in span.waits))
            stage.end(self._moment(span.ended))
        for stretch in path:
            if stretch.stage is None:
                about = _about(stretch.why, critical=True)
                self._begun(stretch.name, stretch.begun, about, below).end(
                    self._moment(stretch.ended)
                )
        root.end(self._moment(timeline.ended))

    def _begun(
        self, name: str, begun: int, about: Mapping[str, str | int | bool], below: Context
    ) -> Span:
        return self._tracer.start_span(
            name, below, attributes=about, start_time=self._moment(begun)
        )

    def _moment(self, milliseconds: int) -> int:
        """Return nanoseconds since 1970."""
        moment = self._zero + dt.timedelta(milliseconds=milliseconds)
        since = moment - dt.datetime.fromtimestamp(0, dt.UTC)
        return since // dt.timedelta(microseconds=1) * 1000


def _about(why: Why, critical: bool) -> dict[str, str | int | bool]:
    return {"clinops.why": why.value, "clinops.critical": critical}


def _link(stage: Span, awaited: Iterable[Span]) -> None:
    """Say what a stage has waited for."""
    for one in awaited:
        stage.add_link(one.get_span_context())


def _resource() -> Resource:
    named = os.environ.get("OTEL_SERVICE_NAME")
    return Resource.create({} if named else {SERVICE_NAME: "clinops"})
