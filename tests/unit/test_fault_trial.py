"""What is found in fault trials, and what counts as lost."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.attempt import Attempt, acknowledged
from clinops.domain.environment import Environment
from clinops.domain.fault_trial import FaultsTried, FaultTrial, counted, findings, lost, unknown
from clinops.domain.finding import Weight
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.parsing import parse
from clinops.domain.rehearsal import Loss
from clinops.domain.suite import Role
from clinops.errors import BadInputError
from tests.fakes.inventories import inventory
from tests.fakes.wiring import compose

ANN = {"name": "Ann", "born": "1960-01-01"}
LOST = Loss(collection="patients", record="1", before="Ann", new=True)


def trial(**changes: Any) -> FaultTrial:
    made = {"fault": "paused", "role": Role.CANDIDATE, "services": ("app",), "struck": True}
    return FaultTrial.model_validate({**made, "reported": True, "before": 2, **changes})


def told(*trials: FaultTrial) -> list[tuple[str, Weight]]:
    found = findings(FaultsTried(asked=("paused",), trials=trials))
    return [(one.kind, one.weight) for one in found]


def test_tells_nothing_of_a_system_that_lost_nothing():
    assert told(trial()) == []


@pytest.mark.parametrize(
    "trials",
    [(), (trial(role=Role.BASELINE),), (trial(fault="disk-full"),), (trial(struck=False),)],
)
def test_misses_a_fault_that_was_asked_for_and_not_tried_on_the_candidate(trials):
    assert told(*trials) == [("fault-not-tried", Weight.INCONCLUSIVE)]


def test_a_trial_that_was_not_struck_never_passes_even_with_a_reason():
    assert told(trial(struck=False, doubt="read-only")) == [
        ("fault-not-tried", Weight.INCONCLUSIVE)
    ]


def test_losses_that_nothing_lists_refuse_all_the_same():
    assert told(trial(lost=3)) == [("fault-loses", Weight.REFUSES)]


def test_each_sort_of_loss_is_told_once_with_its_records():
    more = [LOST.model_copy(update={"record": str(number)}) for number in range(7)]
    other = LOST.model_copy(update={"field": "name", "after": "An", "new": False})
    found = findings(FaultsTried(asked=("paused",), trials=(trial(losses=(*more, other), lost=8),)))
    assert [one.summary for one in found] == [
        "System paused: records of patients read otherwise (name): 1",
        "System paused: acknowledged records of patients are gone: 0, 1, 2, 3, 4 and 2 more",
    ]
    assert len({one.occurrence for one in found}) == 2


@pytest.mark.parametrize(
    "baseline",
    [trial(role=Role.BASELINE, losses=(LOST,), lost=1), trial(role=Role.BASELINE, problem="x")],
)
def test_what_the_version_in_use_does_as_well_says_nothing(baseline):
    assert told(trial(losses=(LOST,), lost=1), baseline) == [("fault-loses", Weight.INCONCLUSIVE)]


def test_a_baseline_that_was_never_struck_excuses_nobody():
    baseline = trial(role=Role.BASELINE, struck=False, doubt="it did not start")
    assert told(trial(problem="dead"), baseline) == [("fault-not-survived", Weight.REFUSES)]


def test_acknowledged_records_must_be_there_as_they_were_reported():
    before = inventory(patients={"1": ANN})
    written = inventory(patients={"2": {"name": "Bob"}, "3": {}})
    kept = inventory(patients={"1": ANN, "2": {"name": "Bob", "born": "x"}, "3": ANN})
    assert lost(before, written, kept) == []
    (found,) = lost(before, written, inventory(patients={"1": ANN, "2": {"name": "B"}, "3": ANN}))
    assert (found.record, found.field, found.new) == ("2", "name", True)
    assert [one.record for one in lost(before, written, inventory(patients={}))] == ["1", "2", "3"]


def test_an_acknowledged_change_of_what_was_there_must_be_there():
    before = inventory(patients={"1": ANN})
    written = inventory(patients={"1": {"name": "Anna"}})
    (found,) = lost(before, written, before)
    assert (found.record, found.field) == ("1", "name")
    assert lost(before, written, inventory(patients={"1": {**ANN, "name": "Anna"}})) == []


def rows(**records: dict[str, str]) -> Inventory:
    table = Collection(source=Source.TABLE, columns={"n": "int"}, records=records)
    return Inventory(collections={"index.counters": table})


def test_without_a_program_rows_that_are_gone_count_and_those_that_moved_on_do_not():
    before = rows(a={"n": "1"}, b={"n": "1"})
    assert lost(before, None, rows(a={"n": "7"}, b={"n": "x"})) == []
    assert [one.record for one in lost(before, None, rows(a={"n": "1"}))] == ["b"]


def test_where_interfaces_are_asked_tables_say_nothing():
    asked = inventory(patients={"1": ANN}).collections
    before = Inventory(collections={**rows(a={"n": "1"}).collections, **asked})
    assert lost(before, None, Inventory(collections=asked)) == []
    assert counted(before) == {"patients": 1}


def test_a_report_about_what_no_program_reads_can_not_be_checked():
    reported = Inventory(collections={**rows().collections, **inventory(x={}).collections})
    table = rows(a={"n": "1"})
    assert unknown(reported, table) == ["index.counters", "x"]


def test_reads_what_a_writer_reports():
    read = acknowledged(Attempt(result=b'{"patients": {"1": {"name": "Ann"}}}'), "write.py")
    assert read == inventory(patients={"1": {"name": "Ann"}})
    assert acknowledged(Attempt(problem="it failed"), "write.py") is None


@pytest.mark.parametrize(
    "result", [b"[]", b"{", b'{"patients": {"1": "x"}}', b"\xff", b"[" * 10**5]
)
def test_refuses_a_report_that_is_none(result):
    with pytest.raises(BadInputError, match=r"write\.py"):
        acknowledged(Attempt(result=result), "write.py")


def environment(**section: Any) -> Environment:
    return parse("compose.yaml", compose(**section), Environment)


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"faults": ["paused"], "writer": None}, "have nothing at stake"),
        ({"faults": ["paused", "paused"]}, "is there twice"),
        ({"faults": ["meteorite"]}, "meteorite"),
    ],
)
def test_refuses_faults_that_an_environment_can_not_have(section, what):
    with pytest.raises(BadInputError) as caught:
        environment(**section)
    assert what in caught.value.diagnostics() or "faults" in caught.value.diagnostics()


def test_strikes_what_the_environment_has():
    found = environment(
        endpoints={"http": "app:8080", "sql": "db:5432"},
        databases={
            "index": {
                "kind": "postgresql",
                "endpoint": "sql",
                "name": "a",
                "user": "a",
                "password": "a",
            }
        },
    )
    assert found.struck_by("database-killed") == found.struck_by("network-cut") == ("db",)
    assert found.struck_by("disk-full") == found.struck_by("clock-skewed") == ("app",)


def test_a_writer_that_reports_nothing_is_told_and_does_not_refuse():
    assert told(trial(reported=False)) == [("fault-unreported", Weight.NOTE)]


def test_survives_who_comes_back_and_loses_nothing():
    assert trial().survived
    assert not trial(lost=1).survived
    assert not trial(problem="it never got ready").survived
    assert counted(None) == {}
