from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clinops.domain.course import courses
from clinops.domain.ledger import Entry, Kind
from clinops.domain.timeline import Span, Timeline, Wait, Why, timeline_of
from tests.fakes.timelines import QUALIFICATION, at, span, timeline


def told(of: Timeline) -> list[tuple[str, int, int]]:
    return [(one.name, one.begun, one.ended) for one in of.path()]


def test_the_path_follows_what_was_really_waited_for():
    assert told(QUALIFICATION) == [
        ("before pin inputs", 0, 100),
        ("pin inputs", 100, 300),
        ("before rehearse the restore", 300, 320),
        ("rehearse the restore", 320, 8000),
        ("going on with rehearse the way back", 8000, 8010),
        ("rehearse the way back", 8010, 9000),
        ("before assemble evidence", 9000, 9050),
        ("assemble evidence", 9050, 9150),
        ("writing down what came of it", 9150, 9200),
    ]


def test_the_path_has_no_hole_and_names_what_is_no_stage():
    path = QUALIFICATION.path()
    assert sum(one.took for one in path) == QUALIFICATION.ended
    assert {one.name for one in path if one.why is Why.ORCHESTRATION} == {
        "before pin inputs",
        "before rehearse the restore",
        "going on with rehearse the way back",
        "before assemble evidence",
        "writing down what came of it",
    }


def test_a_wait_for_what_had_ended_already_bounds_nothing():
    waits = (Wait(stage=0, since=900, until=901),)
    late = Span(name="late", asked=500, begun=500, ended=2000, waits=waits)
    assert told(timeline(span("early", 0, 800), late, ended=2000)) == [
        ("before late", 0, 500),
        ("late", 500, 2000),
    ]


def test_a_run_without_stages_is_the_flow_itself():
    assert told(timeline(ended=70)) == [("writing down what came of it", 0, 70)]


def test_stages_that_wait_for_each_other_do_not_keep_the_reader_waiting():
    spans = tuple(
        Span(name=name, asked=0, begun=0, ended=9, waits=(Wait(stage=other, since=1, until=9),))
        for name, other in (("one", 1), ("other", 0))
    )
    assert timeline(*spans, ended=9).path()


def test_refuses_a_stage_that_is_not_there():
    with pytest.raises(ValidationError, match="not there"):
        timeline(span("only", 0, 1, 7), ended=1)


def test_a_way_to_the_end_counts_what_could_only_begin_afterwards():
    ways = QUALIFICATION.ways_to_the_end()
    assert ways["assemble evidence"] == 100
    assert ways["regression suite on candidate 2.0"] == 1990 + 100
    assert ways["rehearse the way back"] == 3990 + 100
    assert ways["rehearse the restore"] == 7680 + 990 + 100
    assert ways["rehearse the upgrade"] == 4680 + 3990 + 100
    assert max(ways, key=lambda name: ways[name]) == "pin inputs"


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Stages as a flow begins them: each after some of those that have ended."""
    spans: list[Span] = []
    now = 0
    for place in range(draw(st.integers(0, 8))):
        after = draw(st.sets(st.integers(0, place - 1))) if place else set()
        now = max([now, *(spans[one].ended for one in after)]) + draw(st.integers(0, 5))
        begun = now + draw(st.integers(0, 5))
        spans.append(
            span(f"stage {place}", begun, begun + draw(st.integers(0, 50)), *after, asked=now)
        )
    ended = max((one.ended for one in spans), default=0) + draw(st.integers(0, 5))
    return timeline(*spans, ended=ended)


@given(timelines())
def test_any_path_leads_from_the_begin_to_the_end_without_a_hole(found: Timeline):
    now = 0
    for stretch in found.path():
        assert stretch.begun == now
        now = stretch.ended
    assert now == found.ended


@given(timelines())
def test_nothing_takes_longer_to_the_end_than_the_run(found: Timeline):
    assert max(found.ways_to_the_end().values(), default=0) <= found.ended


def test_what_an_older_engine_wrote_has_no_timeline():
    assert timeline_of({"outcome": "qualified"}) is None
    assert timeline_of({"timeline": {"spans": "?"}}) is None
    assert timeline_of({"timeline": QUALIFICATION.json_value()}) == QUALIFICATION


def entries(*said: tuple[float, Kind, dict]) -> list[Entry]:
    found: list[Entry] = []
    for second, kind, body in said:
        last = found[-1] if found else None
        found.append(Entry.after(last, time=at(second), kind=kind, subject="r", body=body))
    return found


def verdict(of: Timeline, attempt: int = 1) -> dict:
    return {"attempt": attempt, "timeline": of.json_value()}


def test_a_course_begins_with_the_push():
    (course,) = courses(
        entries(
            (-3, Kind.RELEASE_KNOWN, {"pushed": at(-5)}),
            (0.1, Kind.QUALIFICATION_STARTED, {}),
            (9.3, Kind.VERDICT, verdict(QUALIFICATION.model_copy(update={"created": at(-2.5)}))),
        )
    )
    assert [(one.name, one.begun, one.ended) for one in course.lead] == [
        ("pushed, until reconcile took it in", -5000, -3000),
        ("taken in, until its run was created", -3000, -2500),
        ("run created, until it began", -2500, 0),
    ]
    assert course.took == 14_200
    assert course.went_to() == {
        Why.STAGE: 200 + 7680 + 990 + 100,
        Why.WAITING: 5000,
        Why.ORCHESTRATION: 100 + 20 + 10 + 50 + 50,
    }
    assert course.summary() == (
        "14 s from push to verdict; bound by: pushed, until reconcile took it in (2.0 s), "
        "run created, until it began (2.5 s), rehearse the restore (7.7 s)"
    )
    assert course.told()["milliseconds"] == 14_200


def test_a_course_that_knows_of_no_push_does_not_speak_of_one():
    (course,) = courses(entries((9, Kind.VERDICT, verdict(QUALIFICATION))))
    assert course.lead == ()
    assert course.summary().startswith("9.2 s to the verdict; bound by: rehearse the restore")


def test_another_attempt_is_set_off_by_what_ended_the_one_before():
    broken, again, asked = courses(
        entries(
            (-50, Kind.RELEASE_KNOWN, {}),
            (-40, Kind.QUALIFICATION_ERRORED, verdict(timeline(ended=1))),
            (-1, Kind.VERDICT, verdict(timeline(ended=1), 2)),
            (-0.5, Kind.REOPENED, {}),
            (9, Kind.VERDICT, verdict(QUALIFICATION, 3)),
        )
    )
    assert [broken.begun, again.begun, asked.begun] == [-50_000, -40_000, -500]
    assert asked.lead[0].name == "to be tried again, until its run was created"
    assert [broken.attempt, again.attempt, asked.attempt] == [1, 2, 3]


def test_a_run_that_died_is_part_of_what_the_next_one_waited_for():
    (course,) = courses(
        entries(
            (-90, Kind.RELEASE_KNOWN, {"pushed": at(-91)}),
            (-80, Kind.QUALIFICATION_STARTED, {"attempt": 1}),
            (0.1, Kind.QUALIFICATION_STARTED, {"attempt": 2}),
            (9, Kind.VERDICT, verdict(QUALIFICATION.model_copy(update={"created": at(-7)}), 2)),
        )
    )
    assert [(one.name, one.begun) for one in course.lead] == [
        ("its process died, until the next run was created", -80_000),
        ("run created, until it began", -7_000),
    ]


def test_a_promotion_has_a_course_of_its_own():
    deployed = timeline(span("deploy to A", 10, 400), ended=410, created=-0.25)
    *_, course = courses(
        entries(
            (-90, Kind.RELEASE_KNOWN, {"pushed": at(-91)}),
            (-80, Kind.VERDICT, verdict(timeline(ended=1))),
            (1, Kind.DEPLOYED, {"timeline": deployed.json_value()}),
        )
    )
    assert course.summary() == (
        "0.7 s to go live; bound by: run created, until it began (0.2 s), deploy to A (0.4 s)"
    )


def test_a_clock_that_is_behind_makes_no_stretch_of_negative_length():
    (course,) = courses(
        entries(
            (-1, Kind.RELEASE_KNOWN, {"pushed": at(-0.5)}),
            (9, Kind.VERDICT, verdict(QUALIFICATION.model_copy(update={"created": at(3)}))),
        )
    )
    assert [(one.begun, one.ended) for one in course.lead] == [(-1000, 0)]


def test_an_entry_without_a_timeline_has_no_course():
    assert courses(entries((0, Kind.VERDICT, {"attempt": 1}))) == []
