"""Three replicas answer the same probes, side by side."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.behaviour import findings
from clinops.domain.comparison import Speed
from clinops.domain.digest import digest_of
from clinops.domain.evidence import COMPARISON
from clinops.domain.finding import Weight
from clinops.domain.observation import Observation
from clinops.domain.plan import Plan
from clinops.domain.probe import ProbeCase, Step
from clinops.domain.release import Release
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.speed import PAIRS, WARM_UPS
from clinops.domain.suite import Role
from clinops.errors import BadInputError, EngineError
from flows.compare import PROPOSED, Compared, asked_again, compare, in_lockstep
from flows.measure import SECONDS, Speeds, measure
from flows.qualify import pin
from tests.fakes.probes import Answer, FakeProbes, FakeProbeSession
from tests.fakes.replicas import FakeReplicas
from tests.fakes.wiring import PROBES, FakeWiring, document

A, OTHER, B = "a", "a2", "b"
BASELINE = Role.BASELINE


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
    step = Step.model_validate({"http": {"path": "/studies"}})
    return ProbeCase(probe="study", parameters={"n": str(number)}, speed=speed, steps=(step,))


def sessions(probes: FakeProbes, *names: str) -> list[FakeProbeSession]:
    return [FakeProbeSession(probes, replica(name)) for name in names]


def test_all_are_asked_at_the_same_moment():
    meeting = threading.Barrier(3)

    def answer(*_: object) -> int:
        # Broken, and so an error, unless all three are being asked right now.
        return meeting.wait(timeout=20)

    answers = in_lockstep([case()], sessions(FakeProbes(answer), A, OTHER, B))
    assert sorted(one.answer for (one,) in answers) == [0, 1, 2]


def asked(*milliseconds: float, problem: Exception | None = None) -> list[Observation]:
    """Return what counts for all three, where the candidate takes so long, time after time."""
    times = iter(milliseconds)
    told: list[str] = []

    def answer(replica: Replica, _: ProbeCase) -> str | Exception:
        told.append(replica.id)
        return problem if problem and told.count(B) > 1 and replica.id == B else "ok"

    probes = FakeProbes(answer, lambda replica, _: next(times) if replica.id == B else 20)
    three = sessions(probes, A, OTHER, B)
    rows = asked_again([case()], in_lockstep([case()], three), three)
    assert next(times, None) is None
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ([999], 999),
        ([2000, 30, 30, 30, 30], 30),
        ([2000, 30, 1500, 30, 1600], 1500),
        ([2000, 3000, 3000, 3000, 3000], 3000),
        ([SECONDS * 1000], SECONDS * 1000),
    ],
    ids=["quick", "one stall", "mostly slow", "slow", "too slow to be asked so often"],
)
def test_one_stall_is_not_the_candidates_speed(times, counts):
    assert [one.milliseconds for one in asked(*times)] == [20, 20, counts]


def test_a_candidate_that_answers_no_more_when_asked_again_stays_slow():
    late = asked(2000, 30, 30, 30, 30, problem=TimeoutError("no answer"))[2]
    assert (late.answer, late.milliseconds, late.problem) == ("ok", 2000, "")


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


NOISE = "environments/pas/noise.yaml"
RULE = {
    "id": "N-001",
    "probe": "study",
    "path": "body/created",
    "type": "timestamp",
    "reason": "The answer says when it was made.",
    "owner": "Operations",
    "expires": "2026-01-01",
}


def probes_file(**more: object) -> bytes:
    """Write one probe that asks for two patients."""
    http = {"path": "/studies?PatientID={patient}"}
    each = {"patient": ["9990000018", "9990000026"]}
    probe = {"id": "study", "hazards": ["PAS-001"], "each": each, "http": http, **more}
    return document({"schema": 1, "product": "pas", "probes": [probe]})


def compared(
    wiring: FakeWiring,
    answer: Answer,
    systems: FakeReplicas | None = None,
    *,
    rules: tuple[dict[str, str], ...] = (),
    **probe: object,
) -> Compared | None:
    """Compare version 2.0 with 1.0, whose replicas answer like this."""
    noise = document({"schema": 1, "product": "pas", "rules": list(rules)})
    wiring.commit({PROBES: probes_file(**probe), NOISE: noise})
    return comparing(wiring, FakeProbes(answer), systems)


def comparing(
    wiring: FakeWiring, probes: FakeProbes, systems: FakeReplicas | None = None
) -> Compared | None:
    systems = systems or FakeReplicas()
    release = Release.model_validate(wiring.offer().release)
    tree = wiring.repository.at(release.commit)
    plan = pin(release, tree, wiring)
    one, two = (snapshot(key, plan) for key in "12")
    systems.frozen = {each.key: (each, {}, None) for each in (one, two)}
    with wiring.bench("0123456789ab:test") as bench:
        found = compare(plan, one, two, tree, replace(bench, replicas=systems, probes=probes))
    assert systems.present == {}
    assert probes.open == []
    return found


def snapshot(key: str, plan: Plan) -> Snapshot:
    bases = dict.fromkeys(plan.environment.services, digest_of(key))
    return Snapshot(key=key * 64, images={}, bases=bases)


def http(**body: object) -> dict[str, object]:
    return {"status": 200, "headers": {}, "body": body}


def name_of(asked: Replica, good: str, bad: str) -> str:
    return bad if asked.role is Role.CANDIDATE else good


def test_a_product_without_probes_is_not_compared(wiring):
    wiring.commit({PROBES: None})
    assert comparing(wiring, FakeProbes()) is None


def test_equal_behaviour_is_on_record(wiring):
    found = compared(wiring, lambda *_: http(name="Ann"))
    assert found
    assert found.comparison
    assert (found.comparison.probes, found.comparison.answers) == (1, 2)
    assert (found.differences, found.findings) == ((), ())
    assert json.loads(found.files[COMPARISON])["answers"] == 2
    assert json.loads(found.files[PROPOSED]) == []


def test_forks_the_baseline_twice_and_the_candidate_once(wiring):
    systems = FakeReplicas()
    compared(wiring, lambda *_: http(), systems)
    assert sorted(systems.done) == ["fork 1.0", "fork 1.0", "fork 2.0"]


def test_what_only_the_candidate_answers_is_a_difference_with_its_hazards(wiring):
    found = compared(wiring, lambda asked, _: http(PatientName=name_of(asked, "Ann", "Anne")))
    assert found
    [difference] = found.differences
    assert difference.subject.startswith("behaviour: ")
    assert (difference.count, difference.hazards) == (2, ("PAS-001",))
    assert (difference.protected, difference.change) == (True, "changed")


def clock() -> Answer:
    """Answer with a time that no other answer has."""
    ticks = itertools.count()
    return lambda *_: http(created=f"2025-06-10T12:00:{next(ticks):02}Z")


def test_noise_is_inconclusive_until_a_person_approved_a_rule(wiring):
    found = compared(wiring, clock())
    assert found
    assert found.comparison
    assert [one.kind for one in findings(found.comparison)] == ["unexplained-noise"]
    [proposed] = json.loads(found.files[PROPOSED])
    assert (proposed["path"], proposed["type"]) == ("body/created", "timestamp")


def test_noise_that_a_rule_explains_is_none(wiring):
    found = compared(wiring, clock(), rules=(RULE,))
    assert found
    assert found.comparison
    assert findings(found.comparison) == []
    assert found.comparison.rules_used == ("N-001",)


def test_a_baseline_that_does_not_answer_is_missing_evidence(wiring):
    found = compared(
        wiring, lambda asked, _: TimeoutError("silence") if asked.role is BASELINE else http()
    )
    assert found
    assert found.comparison
    assert {one.kind for one in findings(found.comparison)} == {"probe-unanswered"}


def test_speed_is_measured_where_a_probe_asks_for_it(wiring):
    found = compared(wiring, lambda *_: http(), speed=True)
    assert found
    assert found.comparison
    assert [one.pairs for one in found.comparison.speeds] == [PAIRS, PAIRS]


@pytest.mark.parametrize(
    ("version", "weight"), [("1.0", Weight.INCONCLUSIVE), ("2.0", Weight.REFUSES)]
)
def test_a_fork_that_never_gets_ready_is_told_once(wiring, version, weight):
    systems = FakeReplicas()
    reason = ReplicaFailure(service="app", reason="it exited with code 3", log_tail="")
    systems.fork_fails = {version: reason}
    found = compared(wiring, lambda *_: http(), systems)
    assert found
    assert (found.comparison, found.differences, dict(found.files)) == (None, (), {})
    assert [(one.kind, one.weight) for one in found.findings] == [("replica-never-ready", weight)]


def test_an_engine_that_went_away_says_nothing_about_the_release(wiring):
    systems = FakeReplicas()

    def answer(*_: object) -> Exception:
        systems.engine_gone = True
        return ConnectionError("refused")

    with pytest.raises(EngineError):
        compared(wiring, answer, systems)
    assert systems.present == {}


def test_a_noise_rule_that_can_not_be_read_is_bad_input(wiring):
    with pytest.raises(BadInputError):
        compared(wiring, lambda *_: http(), rules=({"id": "N-001"},))
