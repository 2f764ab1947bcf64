"""Runs as OpenTelemetry traces, received by a real little collector."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from time import monotonic

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from clinops.domain.course import courses
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.timeline import Timeline
from clinops.errors import EngineError
from tests.fakes.timelines import BEGAN, QUALIFICATION, at, timeline
from tests.fakes.web import FakeWeb, Request
from tests.fakes.wiring import FakeWiring


class Collector:
    """Takes OTLP over HTTP, and keeps what it was sent."""

    def __init__(self) -> None:
        self.web = FakeWeb(self._take)
        self.received: list[ExportTraceServiceRequest] = []

    def _take(self, request: Request) -> None:
        self.received.append(ExportTraceServiceRequest.FromString(request.content()))
        request.answer()

    def spans(self) -> list[Span]:
        """Return the spans of everything received, the first one first."""
        return [
            span
            for request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self) -> dict[str, Span]:
        return {span.name: span for span in self.spans()}


@pytest.fixture
def collector(monkeypatch) -> Iterator[Collector]:
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{made.web.door}")
    yield made
    made.web.close()


def attributes(span: Span) -> dict[str, object]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in span.attributes
    }


def ended(wiring: FakeWiring, of: Timeline) -> ReleaseRecord:
    """Offer a version whose tests broke off, and trace that."""
    record = wiring.offer()
    started = {"attempt": 1, "holder": "test"}
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, started)
    body = {"reason": "disk full", "attempt": 1, "timeline": of.json_value()}
    wiring.ledger.append(Kind.QUALIFICATION_ERRORED, record.id, body)
    (course,) = courses(wiring.ledger.entries(record.id))
    assert wiring.traces is not None
    wiring.traces.export(course, wiring.release(record.id))
    return record


def test_a_qualification_is_one_trace_from_the_push_on(wiring, collector):
    wiring.clock.advance(3)
    record = wiring.qualify(wiring.offer())
    found = collector.spans()
    assert len({span.trace_id for span in found}) == 1
    (root,) = (span for span in found if not span.parent_span_id)
    assert root.name == "qualify pas 2.0"
    assert attributes(root) == {
        "clinops.release": record.id,
        "clinops.product": "pas",
        "clinops.version": "2.0",
        "clinops.attempt": 1,
        "clinops.ended_by": "qualification.verdict",
    }
    assert {span.parent_span_id for span in found if span is not root} == {root.span_id}
    assert set(wiring.stages.names) < {span.name for span in found}
    assert collector.web.requests == ["POST /v1/traces"]


def test_spans_have_the_times_of_the_timeline_and_say_what_was_critical(wiring, collector):
    wiring.clock.now = BEGAN
    wiring.clock.advance(-2)
    ended(wiring, QUALIFICATION.model_copy(update={"created": at(-0.5)}))
    named = collector.named()
    zero = int(BEGAN.timestamp()) * 10**9
    restore = named["rehearse the restore"]
    assert restore.start_time_unix_nano - zero == 320 * 10**6
    assert restore.end_time_unix_nano - zero == 8000 * 10**6
    assert attributes(restore) == {"clinops.why": "stage", "clinops.critical": True}
    assert attributes(named["rehearse the upgrade"])["clinops.critical"] is False
    waiting = named["run created, until it began"]
    assert waiting.start_time_unix_nano - zero == -500 * 10**6
    assert attributes(waiting)["clinops.why"] == "waiting"
    root = named["qualify pas 2.0"]
    assert (root.start_time_unix_nano - zero) // 10**6 == -2000
    assert (root.end_time_unix_nano - zero) // 10**6 == 9200
    assert root.status.code == Status.STATUS_CODE_ERROR


def test_a_stage_is_linked_to_what_it_waited_for(wiring, collector):
    ended(wiring, QUALIFICATION)
    named = collector.named()
    awaited = {link.span_id for link in named["rehearse the way back"].links}
    assert awaited == {
        named[name].span_id
        for name in (
            "rehearse the upgrade",
            "smoke suite on baseline 1.0",
            "rehearse the restore",
        )
    }


def test_sent_twice_it_is_the_same_trace_and_another_attempt_is_another(wiring, collector):
    record = ended(wiring, QUALIFICATION)
    (course,) = courses(wiring.ledger.entries(record.id))
    assert wiring.traces is not None
    wiring.traces.export(course, wiring.release(record.id))
    again = course.model_copy(update={"attempt": 2})
    wiring.traces.export(again, wiring.release(record.id))
    first, second, third = (
        [(one.trace_id, one.span_id) for one in request.resource_spans[0].scope_spans[0].spans]
        for request in collector.received
    )
    assert first == second
    assert len({span for _, span in first}) == len(first)
    assert not {trace for trace, _ in first} & {trace for trace, _ in third}


def test_a_promotion_belongs_to_the_trace_of_its_qualification(wiring, collector):
    record = wiring.signed_off()
    wiring.promote(record)
    roots = [span for span in collector.spans() if not span.parent_span_id]
    assert [span.name for span in roots] == ["qualify pas 2.0", "promote pas 2.0"]
    assert roots[0].trace_id == roots[1].trace_id
    assert roots[0].span_id != roots[1].span_id
    assert "deploy to cottage-hospital" in collector.named()


def test_what_broke_off_and_what_was_rolled_back_is_an_error(wiring, collector):
    release = wiring.offer()
    wiring.replicas.engine_gone = True
    with pytest.raises(EngineError):
        wiring.qualify(release)
    wiring.replicas.engine_gone = False
    wiring.clock.advance(3600)
    record = wiring.signed_off("3.0")
    wiring.suites.failing = {("smoke", "3.0")}
    wiring.promote(record)
    codes = {span.name: span.status.code for span in collector.spans() if not span.parent_span_id}
    assert codes == {
        "qualify pas 2.0": Status.STATUS_CODE_ERROR,
        "qualify pas 3.0": Status.STATUS_CODE_UNSET,
        "promote pas 3.0": Status.STATUS_CODE_ERROR,
    }


def test_the_service_is_called_as_its_operators_want(wiring, collector, monkeypatch):
    ended(wiring, timeline(ended=1))
    monkeypatch.setenv("OTEL_SERVICE_NAME", "theirs")
    ended(FakeWiring(wiring.root), timeline(ended=1))
    names = [
        one.value.string_value
        for request in collector.received
        for one in request.resource_spans[0].resource.attributes
        if one.key == "service.name"
    ]
    assert names == ["clinops", "theirs"]


def test_a_collector_that_is_down_holds_nothing_up_for_long(wiring, collector, caplog):
    collector.web.close()
    begun = monotonic()
    assert wiring.qualify(wiring.offer()).outcome is not None
    assert monotonic() - begun < 5
    assert "xport" in caplog.text


def test_an_address_that_is_none_is_logged_and_nothing_more(wiring, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense://[")
    assert wiring.qualify(wiring.offer()).outcome is not None
    assert caplog.text


def test_without_a_collector_nothing_of_it_is_imported(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from clinops.wiring import Wiring\n"
        "from clinops.adapters import settings\n"
        "settings.create(pathlib.Path(sys.argv[1]), 4200)\n"
        "import flows.qualify, flows.promote\n"
        "assert Wiring(pathlib.Path(sys.argv[1])).traces is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
