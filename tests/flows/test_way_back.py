"""Ways back, on systems that lose, alter and hide what they hold."""

from __future__ import annotations

import pytest

from clinops.domain.finding import Weight
from clinops.domain.rehearsal import WayBack
from clinops.domain.suite import Role, Verdict
from clinops.errors import SeedError
from tests.fakes.inventories import NEW, PATIENTS
from tests.fakes.wiring import COMPOSE, compose
from tests.flows.rehearsing import (
    FAILURE,
    MUELLER,
    ONEILL,
    Rehearsal,
    case,
    renamed,
    smoke,
    the_finding,
    told,
    without,
)


def test_a_binary_way_back_that_keeps_everything_is_clean(rehearsal):
    rehearsed = rehearsal.comes_back("binary")
    assert rehearsed.rehearsal.way_back is WayBack.CLEAN
    assert told(rehearsed) == []
    assert rehearsed.rehearsal.written == {"patients": 1}
    assert rehearsed.rehearsal.read == {"patients": 2}
    assert rehearsed.rehearsal.seconds_back == 3
    assert rehearsed.rehearsal.point_of_no_return.startswith("None was found")
    assert rehearsal.systems.done[3:] == ["fork 2.0", "move to 1.0"]
    assert rehearsal.suites.runs == [("smoke", "1.0", Role.BASELINE)]


def test_a_restore_loses_only_what_was_written_since_and_says_what(rehearsal):
    rehearsed = rehearsal.comes_back("restore")
    assert rehearsed.rehearsal.way_back is WayBack.LOSSY
    assert told(rehearsed) == [("rollback-loses-new", Weight.NOTE)]
    (lost,) = rehearsed.rehearsal.losses
    assert (lost.record, lost.new, "Ñandú" in lost.before) == ("9990000034", True, True)
    assert rehearsed.rehearsal.seconds_back is not None
    assert rehearsed.rehearsal.point_of_no_return.startswith("None was found")


def test_a_restore_forks_the_backup_and_starts_the_old_version_on_what_was_written(rehearsal):
    rehearsed = rehearsal.comes_back("restore")
    assert rehearsal.systems.done[3] == "fork 2.0"
    assert sorted(rehearsal.systems.done[4:]) == ["fork 1.0", "move to 1.0"]
    assert rehearsal.suites.runs == [("smoke", "1.0", Role.BASELINE)]
    assert [step.name for step in rehearsed.rehearsal.steps[-3:]] == [
        "1.0: start from the backup",
        "1.0: read the records after the way back",
        "1.0: the smoke suite",
    ]


def test_an_old_version_that_loses_new_records_must_not_be_called_a_way_back(rehearsal):
    rehearsal.inventories.reads["1.0"] = without(*NEW)
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-lossy", Weight.REFUSES)]
    assert "`restore`" in the_finding(rehearsed, "rollback-lossy").summary
    assert "The first record that 2.0 writes" in rehearsed.rehearsal.point_of_no_return


def test_an_old_version_that_shows_a_patient_whom_nobody_wrote_is_lossy(rehearsal):
    ghost = {"name": "Nobody", "born": "1900-01-01"}
    rehearsal.systems.on_start["1.0"] = lambda records: {**records, "9990000042": ghost}
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-lossy", Weight.REFUSES)]
    finding = the_finding(rehearsed, "rollback-lossy")
    assert "the whole record reads otherwise in patients: 9990000042" in finding.summary
    assert "before: nothing; after: name “Nobody”" in finding.detail


def test_an_old_version_that_reads_an_older_record_otherwise_is_lossy(rehearsal):
    moved = rehearsal.systems.on_start
    moved["1.0"] = renamed(MUELLER, "MÃ¼ller, JÃ¶rg")
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-lossy", Weight.REFUSES)]
    finding = the_finding(rehearsed, "rollback-lossy")
    assert (MUELLER in finding.summary, "Ã" in finding.detail) == (True, True)
    assert rehearsed.rehearsal.point_of_no_return == (
        "The first start of 2.0 or the first record that it writes: from then on, 1.0 reads some "
        "records otherwise. Which of the two was not tried."
    )


def test_a_script_leaves_the_point_of_no_return_open(rehearsal):
    told = rehearsal.comes_back("script").rehearsal.point_of_no_return
    assert told == "Not known: 1.0 was started again only after the command of the way back."


def test_a_script_is_run_before_the_old_version_comes_back(rehearsal):
    rehearsal.systems.on_start["2.0"] = renamed(MUELLER, "MUELLER")
    rehearsal.systems.on_command["downgrade"] = renamed(MUELLER, PATIENTS[MUELLER]["name"])
    rehearsed = rehearsal.comes_back("script")
    assert rehearsed.rehearsal.way_back is WayBack.CLEAN
    assert rehearsal.systems.done[3:6] == ["fork 2.0", "downgrade in app 2.0", "move to 1.0"]


def test_a_script_that_fails_makes_the_way_back_impossible_and_says_what_a_site_does(rehearsal):
    rehearsal.systems.exits["downgrade"] = 7
    rehearsed = rehearsal.comes_back("script")
    assert told(rehearsed) == [("rollback-impossible", Weight.REFUSES)]
    finding = the_finding(rehearsed, "rollback-impossible")
    assert "a site would put its backup back" in finding.summary
    assert "it ended with 7" in finding.detail
    assert rehearsed.rehearsal.seconds_back is None


@pytest.mark.parametrize("strategy", ["binary", "script"])
def test_rows_that_the_old_version_may_not_show_are_no_proof_of_a_way_back(wiring, strategy):
    wiring.commit({COMPOSE: compose(inventory=None)})
    rehearsal = Rehearsal(wiring)
    rehearsal.inventories.reads["1.0"] = lambda _: {}
    rehearsed = rehearsal.comes_back(strategy)
    assert rehearsed.rehearsal.way_back is WayBack.UNPROVEN
    assert rehearsed.rehearsal.seconds_back is not None
    assert told(rehearsed) == [("rollback-unproven", Weight.INCONCLUSIVE)]
    assert "`inventory` program" in the_finding(rehearsed, "rollback-unproven").detail
    assert rehearsed.rehearsal.point_of_no_return.startswith("Not known: ")


def test_rows_that_the_upgrade_took_away_do_not_come_back_unseen(wiring):
    wiring.commit({COMPOSE: compose(inventory=None)})
    rehearsal = Rehearsal(wiring)
    rehearsal.systems.on_start["2.0"] = without(ONEILL)
    lost = f"data: patients: record {ONEILL}: lost"
    changes = [{"summary": "Merged twice-kept patients", "covers": [lost]}]
    rehearsed = rehearsal.comes_back("binary", changes=changes)
    assert [one.subject for one in rehearsed.differences] == [lost]
    assert told(rehearsed) == [("rollback-unproven", Weight.INCONCLUSIVE)]


def test_a_backup_needs_no_interface_to_be_the_old_versions_own_data(wiring):
    wiring.commit({COMPOSE: compose(inventory=None, writer=None)})
    rehearsed = Rehearsal(wiring).comes_back("restore")
    assert told(rehearsed) == [("no-writer", Weight.NOTE)]
    assert rehearsed.rehearsal.way_back is WayBack.CLEAN
    assert "no interface of 1.0 was asked" in rehearsed.rehearsal.point_of_no_return


def test_an_old_version_that_does_not_start_on_the_new_data_is_impossible(rehearsal):
    rehearsal.systems.move_fails["1.0"] = FAILURE
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-impossible", Weight.REFUSES)]
    assert "1.0 does not work on the data" in rehearsed.rehearsal.point_of_no_return


def test_the_point_of_no_return_is_found_though_a_backup_is_declared(rehearsal):
    rehearsal.systems.move_fails["1.0"] = FAILURE
    rehearsed = rehearsal.comes_back("restore")
    assert told(rehearsed) == [("rollback-loses-new", Weight.NOTE)]
    assert "The first start of 2.0" in rehearsed.rehearsal.point_of_no_return
    assert not any(step.problem for step in rehearsed.rehearsal.steps)


def test_a_ready_old_version_whose_records_can_not_be_read_is_impossible(rehearsal):
    def unreadable(records):
        rehearsal.inventories.fails["1.0"] = SeedError("500 for every patient")
        return records

    rehearsal.systems.on_start["1.0"] = unreadable
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-impossible", Weight.REFUSES)]


def test_an_old_version_that_fails_its_site_checks_is_impossible(rehearsal):
    rehearsal.suites.failing = {("smoke", "1.0")}
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-impossible", Weight.REFUSES)]
    assert "the smoke suite" in the_finding(rehearsed, "rollback-impossible").summary


def test_an_old_version_whose_site_checks_break_off_is_impossible(rehearsal):
    rehearsal.suites.crashing = {("smoke", "1.0")}
    rehearsed = rehearsal.comes_back("binary")
    assert "did not run to its end" in the_finding(rehearsed, "rollback-impossible").detail


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.SKIPPED, Verdict.ERROR])
@pytest.mark.parametrize("strategy", ["binary", "restore"])
def test_a_test_that_failed_before_the_upgrade_is_not_blamed_on_the_candidate(
    rehearsal, strategy, verdict
):
    rehearsal.before = [smoke(case(verdict), exit_code=1)]
    rehearsal.suites.failing = {("smoke", "1.0")}
    rehearsed = rehearsal.comes_back(strategy)
    found = the_finding(rehearsed, "rollback-test-failed-on-both")
    assert found.weight is Weight.INCONCLUSIVE
    assert found.occurrence == ("rollback-test-failed-on-both: smoke: test_smoke.py::test_works")
    assert found.detail == "assert 1 == 2"
    assert "rollback-impossible" not in dict(told(rehearsed))
    assert rehearsed.rehearsal.steps[-1].problem == "failed: test_smoke.py::test_works"


def test_another_test_that_failed_before_the_upgrade_excuses_nothing(rehearsal):
    other = case(Verdict.FAILED, "test_smoke.py::test_another")
    rehearsal.before = [smoke(case(), other, exit_code=1)]
    rehearsal.suites.failing = {("smoke", "1.0")}
    assert told(rehearsal.comes_back("binary")) == [("rollback-impossible", Weight.REFUSES)]


@pytest.mark.parametrize("before", [[], [smoke(exit_code=-9)]])
def test_site_checks_that_did_not_run_before_the_upgrade_blame_nobody(rehearsal, before):
    rehearsal.before = before
    rehearsal.suites.crashing = {("smoke", "1.0")}
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("rollback-test-failed-on-both", Weight.INCONCLUSIVE)]


def test_a_check_that_broke_off_before_and_passes_after_says_nothing_against_anybody(rehearsal):
    rehearsal.before = [smoke(exit_code=-9)]
    assert told(rehearsal.comes_back("binary")) == []


def test_a_backup_that_does_not_work_says_nothing_about_the_candidate(rehearsal):
    rehearsal.suites.failing = {("smoke", "1.0")}
    assert told(rehearsal.comes_back("restore")) == [("rollback-impossible", Weight.INCONCLUSIVE)]
