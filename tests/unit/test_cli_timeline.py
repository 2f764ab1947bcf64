"""`clinops release timeline`, and what `release show` says of time."""

from __future__ import annotations

import datetime as dt

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.timeline import Timeline
from flows.reconcile import reconcile
from tests.fakes.timelines import BEGAN, QUALIFICATION, at, span, timeline
from tests.fakes.wiring import MANIFEST, FakeWiring, manifest

HOSTILE = "\x1b[2J[red]x[/red]\u202e\nno timeline"


def ended(wiring: FakeWiring, found: Timeline, attempt: int = 1) -> ReleaseRecord:
    """Offer a version, and record a verdict with this timeline."""
    wiring.clock.now = BEGAN - dt.timedelta(seconds=5)
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    wiring.clock.now = BEGAN - dt.timedelta(seconds=3)
    (release,) = reconcile(wiring).known
    record = wiring.release(release)
    wiring.clock.now = BEGAN
    wiring.ledger.append(
        Kind.QUALIFICATION_STARTED, record.id, {"attempt": attempt, "holder": "test"}
    )
    body = {"reason": "disk full", "attempt": attempt, "timeline": found.json_value()}
    wiring.ledger.append(Kind.QUALIFICATION_ERRORED, record.id, body)
    return record


def test_each_stage_is_a_line_and_the_critical_path_is_marked(wiring, terminal):
    record = ended(wiring, QUALIFICATION.model_copy(update={"created": at(-2.5)}))
    said = terminal.run("release", "timeline", record.id)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[:2] == [record.id, ""]
    assert lines[2].startswith("attempt 1: 14 s until testing broke off; bound by: pushed, until")
    assert lines[3] == "went to   stage 9.0 s, waiting 5.0 s, orchestration 0.2 s"
    rows = {line[66:].strip(): line for line in lines[5:]}
    assert list(rows) == [
        "● waiting: pushed, until reconcile took it in",
        "● waiting: taken in, until its run was created",
        "● waiting: run created, until it began",
        "● pin inputs",
        "smoke suite on baseline 1.0",
        "rehearse the upgrade",
        "● rehearse the restore",
        "regression suite on candidate 2.0",
        "● rehearse the way back",
        "● assemble evidence",
    ]
    bar = " " * 14 + "█" * 22 + " " * 4
    assert (
        rows["● rehearse the restore"] == f"      5.3 s       7.7 s  {bar}  ● rehearse the restore"
    )
    assert "░" * 8 + "███" in rows["● rehearse the way back"]


def test_a_program_gets_all_of_it(wiring, terminal):
    record = ended(wiring, QUALIFICATION)
    (course,) = terminal.run("release", "timeline", record.id, "--json").json
    assert course["ended_by"] == "qualification.errored"
    assert course["milliseconds"] == 14_200
    assert course["bound_by"][-1] == "rehearse the restore"
    assert course["went_to"] == {"stage": 8970, "waiting": 5000, "orchestration": 230}
    assert sum(one["took"] for one in course["path"]) == 14_200
    assert course["timeline"] == QUALIFICATION.json_value()


def test_what_was_not_tested_yet_has_no_timeline(wiring, terminal):
    record = wiring.offer()
    assert "no timeline: it was not tested yet" in terminal.run("release", "timeline", "pas").out
    assert terminal.run("release", "timeline", record.id, "--json").json == []


def test_a_hostile_name_adds_no_line(wiring, terminal):
    record = ended(wiring, timeline(span(HOSTILE, 0, 100), ended=100))
    said = terminal.run("release", "timeline", record.id)
    assert "no timeline" not in said.out.splitlines()
    assert "\u202e" not in said.out


def test_a_release_says_in_one_line_what_its_time_went_to(wiring, terminal):
    record = wiring.qualify(wiring.offer())
    said = terminal.run("release", "show", record.id)
    (line,) = (line for line in said.out.splitlines() if line.startswith("time  "))
    assert "bound by: " in line
    assert line.endswith(f"(clinops release timeline {record.id})")
    (course,) = terminal.run("release", "timeline", record.id, "--json").json
    assert course["ended_by"] == "qualification.verdict"
    assert [one["name"] for one in course["timeline"]["spans"]] == wiring.stages.names
    wiring.approve()
    for who in ("joy", "sam"):
        wiring.sign(record, who)
    wiring.promote(record)
    _, promoted = terminal.run("release", "timeline", record.id, "--json").json
    assert promoted["ended_by"] == "deployment.live"
    assert [one["name"] for one in promoted["timeline"]["spans"]] == [
        "check everything again",
        "deploy to cottage-hospital",
        "deploy to general-hospital",
    ]
