"""Three replicas answer the same probes, side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.comparison import Speed
from clinops.domain.observation import Observation
from clinops.domain.probe import ProbeCase
from clinops.domain.replica import Replica
from clinops.domain.speed import PAIRS, WARM_UPS
from clinops.domain.suite import Role
from flows.compare import in_lockstep
from flows.measure import SECONDS, Speeds, measure
from tests.fakes.probes import Answer, FakeProbes, FakeProbeSession

A, OTHER, B = "a", "a2", "b"


def replica(name: str) -> Replica:
    role = Role.CANDIDATE if name == B else Role.BASELINE
    version = "2.0" if name == B else "1.0"
    return Replica(
        id=name,
        product="pas",
        version=version,
        role=role,
        release="pas-2.0",
        under_test="app",
        services={},
        endpoints={},
    )


def case(number: int = 0, *, speed: bool = False) -> ProbeCase:
    return ProbeCase(probe="study", parameters={"n": str(number)}, speed=speed, steps=())


def sessions(probes: FakeProbes, *names: str) -> list[FakeProbeSession]:
    return [FakeProbeSession(probes, replica(name)) for name in names]


def test_all_are_asked_at_the_same_moment():
    meeting = threading.Barrier(3)

    def answer(*_: object) -> int:
        # Broken, and so an error, unless all three are being asked right now.
        return meeting.wait(timeout=20)

    answers = in_lockstep([case()], sessions(FakeProbes(answer), A, OTHER, B))
    assert sorted(one.answer for (one,) in answers) == [0, 1, 2]


delays = st.lists(st.tuples(*[st.integers(0, 1000)] * 3), min_size=1, max_size=8)


@settings(deadline=None, max_examples=20)
@given(delays)
def test_adds_at_most_twice_what_the_slowest_takes_by_itself(delays):
    cases = [case(number) for number in range(len(delays))]

    def milliseconds(asked: Replica, about: ProbeCase) -> float:
        return delays[int(about.parameters["n"])][(A, OTHER, B).index(asked.id)]

    probes = FakeProbes(milliseconds=milliseconds)
    answers = in_lockstep(cases, sessions(probes, A, OTHER, B))
    rounds = [probes.asked[start : start + 3] for start in range(0, len(probes.asked), 3)]
    for about, asked in zip(cases, rounds, strict=True):
        assert sorted(asked) == [(name, about.id) for name in (A, OTHER, B)]
    # What is asked at once takes as long as the slowest of it.
    takes = sum(max(one.milliseconds for one in row) for row in zip(*answers, strict=True))
    slowest = max(sum(one.milliseconds for one in lane) for lane in answers)
    assert takes - slowest <= 2 * slowest


def test_observations_come_back_by_session_in_the_order_of_the_probes():
    cases = [case(0), case(1)]
    probes = FakeProbes(lambda asked, about: f"{asked.id} {about.id}")
    answers = in_lockstep(cases, sessions(probes, A, OTHER, B))
    assert [[one.answer for one in lane] for lane in answers] == [
        [f"{name} study[n=0]", f"{name} study[n=1]"] for name in (A, OTHER, B)
    ]


def measured(
    *cases: ProbeCase,
    times: Callable[[Replica, ProbeCase], float] = lambda *_: 100.0,
    answer: Answer = lambda *_: "ok",
    first: float = 100.0,
    problem: str = "",
) -> tuple[Speeds, FakeProbes]:
    """Measure, after all of them were answered once in so many milliseconds."""
    probes = FakeProbes(answer, times)
    once = [
        Observation(probe=one.id, answer="ok", milliseconds=first, problem=problem) for one in cases
    ]
    baseline, candidate = sessions(probes, A, B)
    return measure(cases, (once, once), (baseline, candidate)), probes


def test_asks_in_turn_and_leaves_the_warm_up_out():
    speeds, probes = measured(case(speed=True), case(1))
    assert [name for name, _ in probes.asked] == [A, B] * (PAIRS + WARM_UPS)
    [speed] = speeds.measured
    assert (speed.probe, speed.pairs, speed.slower) == ("study[n=0]", PAIRS, False)


def test_finds_what_became_slower_though_the_warm_up_was_slow_for_both():
    seen: list[str] = []

    def times(asked: Replica, _: ProbeCase) -> float:
        seen.append(asked.id)
        if len(seen) <= 2 * WARM_UPS:
            return 3_000.0
        return (200.0 if asked.id == B else 100.0) + len(seen) % 7

    speeds, _ = measured(case(speed=True), times=times)
    assert isinstance(speeds.measured[0], Speed)
    assert speeds.measured[0].slower
    assert speeds.measured[0].median_before < 110


def test_says_what_there_was_no_time_for():
    slow = SECONDS * 1000 / (PAIRS + WARM_UPS) / 2
    speeds, probes = measured(case(0, speed=True), case(1, speed=True), first=slow - 1)
    assert [speed.probe for speed in speeds.measured] == ["study[n=0]"]
    assert (speeds.unmeasured, speeds.unanswered) == (("study[n=1]",), ())
    assert len(probes.asked) == 2 * (PAIRS + WARM_UPS)


def test_measures_nothing_that_was_not_answered():
    speeds, probes = measured(case(speed=True), problem="refused")
    assert (speeds, probes.asked) == (Speeds((), (), ()), [])


@pytest.mark.parametrize(("silent", "said"), [(A, "version in use"), (B, "candidate")])
def test_a_version_that_answers_no_more_is_missing_evidence(silent, said):
    speeds, probes = measured(
        case(speed=True),
        answer=lambda asked, _: TimeoutError("no answer in 10 s") if asked.id == silent else "ok",
    )
    [told] = speeds.unanswered
    assert told.startswith(f"study[n=0]: the {said}, asked again to measure its speed: no answer")
    assert (speeds.measured, len(probes.asked)) == ((), 2)


def test_a_candidate_that_stalls_once_it_is_measured_does_not_get_away_with_it():
    stall = SECONDS * 1000 / 4
    speeds, probes = measured(
        case(speed=True), times=lambda asked, _: stall if asked.id == B else 1.0
    )
    assert speeds.measured == speeds.unmeasured == ()
    assert "took more than 120 s" in speeds.unanswered[0]
    assert len(probes.asked) < 2 * (PAIRS + WARM_UPS)
