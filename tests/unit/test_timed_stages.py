from __future__ import annotations

import datetime as dt
import time

import pytest
from rich.console import Console

from clinops.adapters.plain_stages import PlainStages
from clinops.adapters.timed_stages import TimedStages
from tests.fakes.stages import FakeStages

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def stages() -> TimedStages:
    return TimedStages(PlainStages(Console(quiet=True)), lambda: NOW)


def test_what_the_flow_waited_for_is_what_a_stage_comes_after(stages):
    stages.run("first", lambda: None)
    with stages.beside() as begin:
        one = begin("one", lambda: None)
        begin("other", lambda: None)
        one.result()
        begin("after one", lambda: None)
        begin("after one as well", lambda: None)
    stages.run("last", lambda: None)
    spans = stages.timeline().spans
    assert {span.name: span.after for span in spans} == {
        "first": (),
        "one": (0,),
        "other": (0,),
        "after one": (1,),
        "after one as well": (1,),
        "last": (1, 2, 3, 4),
    }


def test_a_stage_that_waits_for_another_one_says_how_long(stages):
    with stages.beside() as begin:
        slow = begin("slow", lambda: time.sleep(0.05) or 7)
        assert begin("waits", slow.result).result() == 7
    timeline = stages.timeline()
    (wait,) = timeline.spans[1].waits
    assert wait.stage == 0
    assert wait.until >= timeline.spans[0].ended > wait.since
    assert [one.name for one in timeline.path() if one.stage == 0] == ["slow"]


def test_stages_begin_when_they_are_asked_for_or_later_and_the_whole_ends_last(stages):
    with stages.beside() as begin:
        for number in range(20):
            begin(str(number), lambda: time.sleep(0.002))
    timeline = stages.timeline()
    for span in timeline.spans:
        assert 0 <= span.asked <= span.begun <= span.ended <= timeline.ended
    assert sum(one.took for one in timeline.path()) == timeline.ended


def test_a_stage_that_fails_has_ended_and_its_error_arrives(stages):
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), stages.beside() as begin:
        begin("fails", fails)
    with pytest.raises(ValueError, match="no"):
        stages.run("fails again", fails)
    first, again = stages.timeline().spans
    assert first.ended <= again.begun <= again.ended


def test_what_is_still_going_on_ends_now(stages):
    assert stages.run("tells", stages.timeline).spans[0].name == "tells"


def test_everything_else_is_passed_on():
    inner = FakeStages()
    inner.created = NOW - dt.timedelta(seconds=1)
    stages = TimedStages(inner, lambda: NOW)
    stages.progress(0.5, "half")
    stages.report("a", "markdown")
    stages.table("b", [{"c": "d"}])
    stages.link("e", "http://f", "g")
    assert inner.told == [(0.5, "half")]
    assert inner.reports == {"a": "markdown", "e": "g: http://f"}
    assert inner.tables == {"b": [{"c": "d"}]}
    timeline = stages.timeline()
    assert (timeline.at, timeline.created) == (
        "2026-03-01T12:00:00.000000+00:00",
        "2026-03-01T11:59:59.000000+00:00",
    )
