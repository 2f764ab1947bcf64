"""Which results may be carried over, what they consist of, and what came out otherwise."""

from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.comparison import Comparison, Example, Group
from clinops.domain.digest import digest_bytes
from clinops.domain.evidence import Evidence, Images
from clinops.domain.fault_trial import FaultsTried, FaultTrial
from clinops.domain.gate import GatePolicy
from clinops.domain.ledger import GENESIS, Entry, Kind
from clinops.domain.measured import BEHAVIOUR, REHEARSAL, Measured, Origin, findings, told
from clinops.domain.outcome import Outcome
from clinops.domain.parsing import parse
from clinops.domain.rehearsal import Gap, Loss, Rehearsal, Step, WayBack
from clinops.domain.result import Result, came_out_well, essence, files_of, result_of
from clinops.domain.result import differences as between
from clinops.domain.reuse import is_recent, last_mismatch, may_be_carried, stands
from clinops.domain.suite import Role, Verdict
from clinops.errors import BadInputError
from tests.fakes.evidence import FakeEvidence, case, qualified, run
from tests.fakes.wiring import gate

SMOKE = "smoke suite on candidate"
FAULT = "fault database-killed"
NOW = dt.datetime(2025, 6, 10, 12, tzinfo=dt.UTC)
ORIGIN = Origin(
    release="pas-1", evidence=digest_bytes(b"origin"), measured="2025-06-10T12:00:00+00:00"
)


def rehearsal(**changes: object) -> Rehearsal:
    found = Rehearsal(
        steps=(Step(name="2.0: start", seconds=1),),
        upgraded=True,
        strategy="binary",
        way_back=WayBack.CLEAN,
        point_of_no_return="None was found.",
        seconds_up=1.0,
        seconds_back=1.0,
        read={"patients": 2},
        written={"patients": 1},
    )
    return found.model_copy(update=changes)


def comparison(**changes: object) -> Comparison:
    return Comparison(probes=1, answers=2, groups=()).model_copy(update=changes)


def trial(**changes: object) -> FaultTrial:
    found = FaultTrial(
        fault="database-killed",
        role=Role.CANDIDATE,
        services=("db",),
        struck=True,
        reported=True,
        acknowledged={"patients": 1},
        before=2,
        seconds=1.0,
    )
    return found.model_copy(update=changes)


def evidence(**changes: object) -> Evidence:
    found = qualified(FakeEvidence())
    return found.model_copy(
        update={
            "images": (Images(role=Role.CANDIDATE, services={"app": GENESIS, "db": GENESIS}),),
            "measured": (Measured(what=SMOKE, inputs={"suites": GENESIS}),),
            **changes,
        }
    )


# What a result is


def test_finds_each_result_by_its_name():
    faults = FaultsTried(asked=("database-killed", "paused"), trials=(trial(),))
    whole = evidence(rehearsal=rehearsal(), comparison=comparison(), faults=faults)
    assert result_of(whole, SMOKE) == whole.runs[0]
    assert result_of(whole, REHEARSAL) == whole.rehearsal
    assert result_of(whole, BEHAVIOUR) == whole.comparison
    assert result_of(whole, FAULT) == (trial(),)
    for absent in ("fault paused", "smoke suite on baseline"):
        assert result_of(whole, absent) is None
    assert result_of(evidence(), FAULT) is None


def test_every_file_belongs_to_one_result_or_to_none():
    names = {
        "log/smoke-candidate.txt": SMOKE,
        "junit/smoke-candidate.xml": SMOKE,
        "containers/smoke-candidate-app.log": SMOKE,
        "containers/rehearsal-upgrade-app.log": REHEARSAL,
        "rehearsal/inventory-after-writing.json": REHEARSAL,
        "comparison.json": BEHAVIOUR,
        "comparison/proposed-noise.json": BEHAVIOUR,
        "containers/fault-database-killed-candidate-app.log": FAULT,
        "environment/gate.yaml": "",
        "manifest.yaml": "",
        # No service is called like that: this is another suite's, or nobody's.
        "containers/smoke-candidate-baseline-app.log": "",
    }
    whole = evidence(
        files=dict.fromkeys(names, GENESIS),
        faults=FaultsTried(asked=("database-killed",), trials=()),
    )
    for what in (SMOKE, REHEARSAL, BEHAVIOUR, FAULT):
        assert set(files_of(whole, what)) == {name for name, of in names.items() if of == what}


def test_a_suite_called_rehearsal_keeps_its_files_to_itself():
    name = "containers/rehearsal-candidate-app.log"
    whole = evidence(plan=(("rehearsal", Role.CANDIDATE),), files={name: GENESIS})
    assert files_of(whole, REHEARSAL) == {}
    assert set(files_of(whole, "rehearsal suite on candidate")) == {name}


# What came out well


@pytest.mark.parametrize(
    ("result", "well"),
    [
        (run(case()), True),
        (run(case(verdict=Verdict.FAILED)), False),
        (run(case(), case("test_b", Verdict.SKIPPED)), False),
        (run(), False),
        (run(case(), exit_code=1), False),
        (run(case(), junit=None), False),
        (rehearsal(), True),
        (rehearsal(way_back=WayBack.IMPOSSIBLE), False),
        (rehearsal(gaps=(Gap(kind="step-unknown", what="1.5 is not known"),)), False),
        (comparison(), True),
        (comparison(unanswered=("patient: nothing",)), False),
        ((trial(),), True),
        ((trial(lost=1),), False),
        ((trial(doubt="nobody wrote"),), False),
        (None, False),
    ],
)
def test_only_what_leaves_nothing_open_came_out_well(result, well):
    assert came_out_well(result, "whatever it is") is well


def test_where_there_are_no_probes_there_is_nothing_to_be_compared():
    assert came_out_well(None, BEHAVIOUR)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True),
        ({"outcome": Outcome.INCONCLUSIVE}, False),
        ({"measured": ()}, False),
        ({"measured": (Measured(what=SMOKE, inputs={}, carried=ORIGIN),)}, False),
        ({"runs": (run(case(), exit_code=1),)}, False),
        ({"runs": ()}, False),
    ],
)
def test_only_what_a_qualified_release_measured_itself_may_be_carried(changes, may):
    whole = evidence(**changes)
    assert may_be_carried(whole, SMOKE) == (whole.measured[0] if may else None)


# What came out otherwise


def differences(before: Result, after: Result) -> tuple[str, ...]:
    return between(essence(before), essence(after))


@pytest.mark.parametrize(
    "result",
    [run(case()), rehearsal(), comparison(), (trial(),), None],
    ids=["suite", "rehearsal", "comparison", "fault", "nothing"],
)
def test_the_same_is_the_same(result):
    assert differences(result, result) == ()


def test_durations_are_no_difference():
    slower = case().model_copy(update={"milliseconds": 9999})
    assert differences(run(case()), run(slower, milliseconds=9999)) == ()
    steps = (Step(name="2.0: start", seconds=99),)
    assert differences(rehearsal(), rehearsal(seconds_up=9.0, steps=steps)) == ()
    assert differences((trial(),), (trial(seconds=99.0),)) == ()


def test_which_new_records_a_restore_loses_is_no_difference():
    """Systems number and name what is new otherwise each time."""
    lost = [
        rehearsal(
            strategy="restore",
            way_back=WayBack.LOSSY,
            lost=number,
            losses=(Loss(collection="changes", record=str(number), before="1", new=True),),
            written={"changes": number},
        )
        for number in (188, 200)
    ]
    assert differences(*lost) == ()


LOSS = Loss(collection="patients", record="1", before="Ann")
GROUP = Group(
    subject="behaviour: patient body/name: changed",
    change="changed",
    protected=True,
    count=1,
    examples=(),
)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (run(case()), run(case(verdict=Verdict.FAILED)), "now: test_a failed"),
        (run(case(), case("test_b")), run(case()), "before: test_b passed"),
        (run(case()), run(case(), exit_code=2), "now: it ended with 2"),
        (run(case(hazards=("PAS-1",))), run(case()), "before: test_a verifies PAS-1"),
        (run(case()), None, "now: there is no result"),
        (rehearsal(), rehearsal(upgraded=False), "now: the upgrade fails"),
        (
            rehearsal(),
            rehearsal(way_back=WayBack.LOSSY, lost=1, losses=(LOSS,)),
            "now: rollback-lossy: patients: gone (refuses)",
        ),
        (rehearsal(), rehearsal(read={"patients": 1}), "now: 1 records of patients"),
        (
            rehearsal(),
            rehearsal(steps=(Step(name="2.0: start", seconds=1, problem="it hung"),)),
            "now: 2.0: start: failed",
        ),
        (
            rehearsal(),
            rehearsal(gaps=(Gap(kind="step-unknown", what="1.5"),)),
            "now: step-unknown (inconclusive)",
        ),
        (comparison(), comparison(answers=1), "now: 1 answers to 1 probes"),
        (comparison(), comparison(groups=(GROUP,)), f"now: {GROUP.subject}, changed"),
        (comparison(), comparison(unanswered=("p",)), "now: probe-unanswered (inconclusive)"),
        (
            comparison(),
            comparison(noise=(Example(probe="p", path="a/b", before="1", after="2"),)),
            "now: noise at p a/b",
        ),
        ((trial(),), (trial(lost=2),), "now: candidate did not survive"),
        ((trial(),), (trial(doubt="who"),), "now: candidate survived, as far as can be told"),
    ],
)
def test_says_what_came_out_otherwise(before, after, line):
    assert line in differences(before, after)


def test_says_no_more_than_a_person_reads():
    before = run(*(case(f"test_{number}") for number in range(60)))
    lines = differences(before, None)
    assert len(lines) == 21
    assert lines[-1] == "and 42 more"


def test_a_mismatch_is_a_finding_that_leaves_the_answer_open():
    one = Measured(what=SMOKE, inputs={}, sampled=ORIGIN, differs=("now: test_a failed",))
    (found,) = findings([one, Measured(what=REHEARSAL, inputs={}, sampled=ORIGIN)])
    assert found.weight == "inconclusive"
    assert "came out otherwise than in pas-1" in found.summary
    assert found.detail == "now: test_a failed"
    assert found.occurrence == "", "no waiver can name it"


def test_tells_where_and_when_something_was_measured():
    one = Measured(what=SMOKE, inputs={}, carried=ORIGIN)
    (line,) = told([(one, ORIGIN)])
    assert line == (
        "The smoke suite on candidate was carried over from pas-1 of 2025-06-10 12:00, "
        "not measured again"
    )


# When it may be relied upon


@pytest.mark.parametrize(
    ("measured", "recent"),
    [
        ("2025-06-10T12:00:00+00:00", True),
        ("2025-05-27T12:00:00+00:00", True),
        ("2025-05-27T11:59:59+00:00", False),
        ("2025-06-10T12:00:01+00:00", False),
        ("2025-06-10", False),
        ("yesterday", False),
    ],
)
def test_only_what_is_neither_too_old_nor_from_the_future_is_recent(measured, recent):
    assert is_recent(measured, NOW, 14) is recent


def entries(*kinds: Kind | str) -> list[Entry]:
    """Write a release's history; a text is the outcome of a verdict."""
    made: list[Entry] = []
    for kind in kinds:
        verdict = not isinstance(kind, Kind)
        made.append(
            Entry.after(
                made[-1] if made else None,
                time="2025-06-10T12:00:00.000000+00:00",
                kind=Kind.VERDICT if verdict else Kind(kind),
                subject="pas",
                body={"outcome": kind} if verdict else {},
            )
        )
    return made


@pytest.mark.parametrize(
    ("history", "good"),
    [
        ((), False),
        (("qualified",), True),
        (("inconclusive", Kind.REOPENED, "qualified"), True),
        (("qualified", Kind.SUPERSEDED, Kind.REOPENED), True),
        (("qualified", Kind.REOPENED, "refused"), False),
        (("qualified", Kind.REJECTED), False),
        (("qualified", Kind.DEPLOYMENT_STARTED, Kind.ROLLED_BACK), False),
    ],
)
def test_a_release_stands_as_long_as_nothing_has_spoken_against_it(history, good):
    assert stands(entries(*history)) is good


def test_a_mismatch_counts_for_its_own_product_only():
    made = entries(Kind.REUSE_MISMATCH, "qualified", Kind.REUSE_MISMATCH)
    assert last_mismatch(made, "pas") == 3
    assert last_mismatch(made, "archive") == 0


# The policy


def policy(**changes: object) -> GatePolicy:
    return parse("gate.yaml", gate(**changes), GatePolicy)


def test_results_are_carried_over_for_fourteen_days_unless_a_gate_says_otherwise():
    found = policy().reuse
    assert found != "never"
    assert (found.days, found.sampled_percent) == (14, 5)
    assert policy(reuse={"days": 3}).reuse == found.model_copy(update={"days": 3})
    assert policy(reuse="never").reuse == "never"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("always", "never"),
        ({"days": 0}, "must be at least 1"),
        ({"days": 366}, "must be at most 365"),
        ({"sampled_percent": 0}, "must be at least 1"),
        ({"sample": 5}, "`reuse.sample`"),
    ],
)
def test_a_policy_that_can_not_be_read_is_refused_with_its_mend(said, problem):
    with pytest.raises(BadInputError) as raised:
        policy(reuse=said)
    assert problem in raised.value.diagnostics()
