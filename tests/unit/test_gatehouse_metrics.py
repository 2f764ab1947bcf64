"""What Prometheus may know of an estate, and who may ask for it."""

from __future__ import annotations

import datetime as dt
import re
from math import isnan

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clinops.domain.ledger import Kind
from clinops.gatehouse.app import application
from clinops.gatehouse.metrics import kind_of_stage
from tests.fakes.browser import Browser
from tests.fakes.timelines import BEGAN, QUALIFICATION
from tests.fakes.wiring import FakeWiring

Found = dict[tuple[str, ...], float]


@pytest.fixture
def client(wiring) -> Browser:
    """A browser on the gatehouse."""
    return Browser(application(wiring))


def found(client: Browser) -> Found:
    """Read the numbers as Prometheus does, by their names and labels; what is unknown is none."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not isnan(sample.value)
    }


def broken_off(wiring: FakeWiring, release: str, attempt: int) -> None:
    started = {"attempt": attempt, "holder": "test"}
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, release, started)
    body = {"reason": "disk full", "attempt": attempt, "timeline": QUALIFICATION.json_value()}
    wiring.ledger.append(Kind.QUALIFICATION_ERRORED, release, body)


def test_releases_are_counted_by_their_state_and_the_oldest_has_its_age(wiring, client):
    wiring.qualify(wiring.offer())
    wiring.clock.advance(90)
    numbers = found(client)
    assert numbers["clinops_releases", "awaiting-sign-off"] == 1
    assert numbers["clinops_releases", "live"] == 0
    assert numbers["clinops_oldest_release_seconds", "awaiting-sign-off"] == 90
    assert numbers["clinops_oldest_release_seconds", "qualifying"] == 0
    assert ("clinops_oldest_release_seconds", "live") not in numbers
    assert numbers[("clinops_ledger_entries",)] == wiring.ledger.head().sequence


def test_verdicts_and_what_broke_off_are_counted(wiring, client):
    wiring.suites.failing = {("regression", "2.0")}
    wiring.qualify(wiring.offer())
    numbers = found(client)
    assert numbers["clinops_verdicts_total", "refused"] == 1
    assert numbers["clinops_verdicts_total", "qualified"] == 0
    broken_off(wiring, wiring.offer("3.0").id, 1)
    assert found(client)[("clinops_qualifications_errored_total",)] == 1


def test_lengths_are_those_of_the_timelines_on_the_ledger(wiring, client):
    wiring.clock.now = BEGAN - dt.timedelta(seconds=2)
    broken_off(wiring, wiring.offer().id, 1)
    end = Kind.QUALIFICATION_ERRORED.value
    numbers = found(client)
    assert numbers["clinops_run_seconds_sum", end] == pytest.approx(11.2)
    assert numbers["clinops_run_part_seconds_sum", end, "waiting"] == pytest.approx(2.0)
    assert numbers["clinops_run_part_seconds_sum", end, "stage"] == pytest.approx(8.97)
    assert numbers["clinops_stage_seconds_count", "suite"] == 2
    assert numbers["clinops_stage_seconds_sum", "rehearse the restore"] == pytest.approx(7.68)
    assert numbers["clinops_stage_seconds_bucket", "5.0", "rehearse the restore"] == 0
    assert numbers["clinops_stage_seconds_bucket", "10.0", "rehearse the restore"] == 1


def test_whoever_asks_again_counts_nothing_twice_and_a_restart_forgets_nothing(wiring, client):
    broken_off(wiring, wiring.offer().id, 1)
    first = found(client)
    assert found(client) == first
    anew = found(Browser(application(wiring)))
    made = {name for name in first if name[0].endswith("_created")}
    assert {**anew, **{name: first[name] for name in made}} == first


def test_whether_the_ledger_holds_is_known_once_it_was_audited(wiring, client):
    assert ("clinops_ledger_holds",) not in found(client)
    client.app.state.watch.audit()
    numbers = found(client)
    assert numbers[("clinops_ledger_holds",)] == 1
    assert numbers[("clinops_ledger_audited_seconds",)] == wiring.clock().timestamp()


def test_no_name_that_somebody_wrote_is_among_them(wiring, client):
    wiring.commit({"test_suites/pas/secretsuite/test_x.py": b"def test_x(): ...\n"})
    record = wiring.signed_off()
    wiring.promote(record)
    text = client.get("/metrics").text
    assert 'stage="suite"' in text
    assert 'stage="deploy"' in text
    for name in ("pas", "acme", "joy", "secretsuite", "hospital", record.id):
        assert not re.search(rf"(?<![0-9a-z]){re.escape(name)}(?![0-9a-z])", text)


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("smoke suite on candidate 1.0", "suite"),
        ("fault: its disk is full on candidate 1.0", "fault"),
        ("snapshot of baseline 1.0", "snapshot"),
        ("deploy to somewhere", "deploy"),
        ("pin inputs", "pin inputs"),
        ("whatever comes", "other"),
    ],
)
def test_there_are_so_many_kinds_of_stages_and_no_more(stage, kind):
    assert kind_of_stage(stage) == kind


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_behind_a_proxy_there_is_no_such_page(client, header):
    assert client.get("/metrics", {header: "10.0.0.1"}).status_code == 404


def test_under_the_name_by_which_people_reach_it_there_is_no_such_page(wiring):
    outside = "https://gate.trust.example"
    wiring.settings = wiring.settings.model_copy(update={"gatehouse": outside})
    client = Browser(application(wiring), outside)
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 404


def test_what_an_older_engine_wrote_counts_without_its_lengths(wiring, client):
    record = wiring.offer()
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, {"attempt": 1, "holder": "test"})
    body = {"outcome": "refused", "evidence": "sha256:" + "e" * 64}
    wiring.ledger.append(Kind.VERDICT, record.id, body)
    numbers = found(client)
    assert numbers["clinops_verdicts_total", "refused"] == 1
    assert not [name for name in numbers if name[0] == "clinops_run_seconds_count"]


def test_every_stage_of_a_run_has_a_kind_of_its_own(wiring, client):
    wiring.promote(wiring.signed_off())
    kinds = {name[1] for name in found(client) if name[0] == "clinops_stage_seconds_count"}
    assert "other" not in kinds
    assert {"suite", "snapshot", "deploy", "assemble evidence"} <= kinds
