"""Upgrades and ways back, on systems that lose, alter and hide what they hold."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import yaml

from clinops.domain.digest import digest_bytes
from clinops.domain.finding import Finding, Weight
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import WayBack, findings
from clinops.domain.release import Release
from clinops.domain.replica import ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.errors import BadInputError, EngineError, PackageError, SeedError
from clinops.ports import EstateTree
from flows.baseline import steps_to
from flows.qualify import pin
from flows.rehearse import Rehearsed, Upgraded, rehearse_upgrade
from flows.replicas import Tried, obtain, run_suite
from flows.snapshots import baseline_snapshot, snapshot_key
from flows.way_back import rehearse_restore, rehearse_way_back
from tests.fakes.inventories import NEW, PATIENTS
from tests.fakes.wiring import COMPOSE, HAZARDS, FakeWiring, compose, document, hazards, manifest

MUELLER, ONEILL = sorted(PATIENTS)
FAILURE = ReplicaFailure(service="app", reason="it exited with code 3", log_tail="can't migrate")
DATABASE = FAILURE.model_copy(update={"service": "db"})


def smoke(*cases: CaseResult, exit_code: int = 0) -> Tried:
    """Make a run of the smoke suite on the version in use, before the upgrade."""
    log = digest_bytes(b"log")
    run = SuiteRun(
        suite="smoke",
        role=Role.BASELINE,
        cases=cases,
        exit_code=exit_code,
        milliseconds=1,
        junit=log if cases else None,
        log=log,
    )
    return Tried("smoke", Role.BASELINE, run, (), {})


def case(verdict: Verdict = Verdict.PASSED, name: str = "test_smoke.py::test_works") -> CaseResult:
    return CaseResult(name=name, verdict=verdict, milliseconds=1)


class Rehearsal:
    """An estate, and the rehearsal of one release on it."""

    def __init__(self, wiring: FakeWiring) -> None:
        self.wiring = wiring
        self.systems = wiring.replicas
        self.suites = wiring.suites
        self.inventories = wiring.inventories
        self.before = [smoke(case())]
        """Runs on the version in use, before the upgrade."""
        with wiring.bench("this run") as bench:
            self.bench = bench

    def planned(self, **changes: Any) -> tuple[Plan, EstateTree]:
        record = self.wiring.offer(**changes)
        release = Release.model_validate(record.release)
        tree = self.wiring.repository.at(release.commit)
        plan = pin(release, tree, self.wiring)
        return plan.model_copy(update={"steps": steps_to(plan.manifest, self.wiring)}), tree

    def goes_up(self, strategy: str = "restore", **changes: Any) -> Upgraded:
        rollback = {"strategy": strategy}
        if strategy == "script":
            rollback["command"] = ["downgrade", "--to", "1.0"]
        self.plan, self.tree = self.planned(rollback=rollback, **changes)
        obtained = obtain(self.plan, self.tree, self.bench)
        self.images = obtained.images
        snapshot = baseline_snapshot(self.plan, self.images[Role.BASELINE], self.tree, self.bench)
        assert isinstance(snapshot, Snapshot)
        self.snapshot = snapshot
        self.systems.done.clear()
        candidate = self.images[Role.CANDIDATE]
        return rehearse_upgrade(self.plan, snapshot, candidate, self.tree, self.bench)

    def comes_back(self, strategy: str = "restore", **changes: Any) -> Rehearsed:
        upgraded = self.goes_up(strategy, **changes)
        ways = self.plan, self.snapshot, self.tree, self.bench
        before = partial(list, self.before)
        restore = partial(rehearse_restore, *ways, before=before)
        rehearsed = rehearse_way_back(
            upgraded, *ways, before=before, restored=restore if strategy == "restore" else None
        )
        assert self.systems.present == {}
        return rehearsed


@pytest.fixture
def rehearsal(wiring: FakeWiring) -> Rehearsal:
    return Rehearsal(wiring)


def told(rehearsed: Rehearsed) -> list[tuple[str, Weight]]:
    return [(finding.kind, finding.weight) for finding in findings(rehearsed.rehearsal)]


def the_finding(rehearsed: Rehearsed, kind: str) -> Finding:
    (found,) = [one for one in findings(rehearsed.rehearsal) if one.kind == kind]
    return found


def without(*names: str):
    return lambda records: {key: fields for key, fields in records.items() if key not in names}


def renamed(name: str, to: str):
    return lambda records: {**records, name: {**records[name], "name": to}}


# The way up


def test_an_upgrade_that_keeps_everything_is_told_with_its_downtime(rehearsal):
    upgraded = rehearsal.goes_up()
    assert [step.name for step in upgraded.steps] == [
        "1.0: read the records before the upgrade",
        "2.0: stop",
        "2.0: start",
        "2.0: wait for migrations",
        "2.0: read the records after the upgrade",
    ]
    assert (upgraded.seconds, upgraded.differences, upgraded.gaps) == (3, (), ())
    read = json.loads(upgraded.files["rehearsal/inventory-after-the-upgrade.json"])
    assert read["collections"]["patients"]["records"] == PATIENTS
    assert set(upgraded.logs) == {"upgrade-app", "upgrade-db"}


def test_the_upgraded_system_is_frozen_for_as_long_as_the_qualification_goes_on(rehearsal):
    upgraded = rehearsal.goes_up()
    assert upgraded.snapshot is not None
    assert upgraded.snapshot.key != rehearsal.snapshot.key
    assert upgraded.snapshot.bases == rehearsal.images[Role.CANDIDATE]
    assert rehearsal.systems.frozen[upgraded.snapshot.key][2] == "this run"
    assert rehearsal.systems.frozen[rehearsal.snapshot.key][2] is None


def test_one_record_that_the_upgrade_loses_is_a_difference_that_names_it(rehearsal):
    rehearsal.systems.on_start["2.0"] = without(ONEILL)
    (difference,) = rehearsal.goes_up().differences
    assert (difference.kind, difference.change) == ("data", "removed")
    assert ONEILL in difference.subject


def test_an_upgrade_that_does_not_start_is_refused_with_its_reason(rehearsal):
    rehearsal.systems.move_fails["2.0"] = FAILURE
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("upgrade-failed", Weight.REFUSES)]
    assert "can't migrate" in the_finding(rehearsed, "upgrade-failed").detail
    assert rehearsed.rehearsal.way_back is WayBack.NOT_TRIED
    assert rehearsed.rehearsal.seconds_back is None
    assert rehearsed.upgraded is None
    assert rehearsed.logs["upgrade-app"] == b"can't migrate"


def test_an_upgrade_whose_migrations_never_end_is_refused(wiring):
    wiring.commit({COMPOSE: compose(upgrade={"drained": ["false"]})})
    rehearsed = Rehearsal(wiring).comes_back()
    assert told(rehearsed) == [("upgrade-failed", Weight.REFUSES)]
    assert "2.0: wait for migrations" in the_finding(rehearsed, "upgrade-failed").summary


@pytest.mark.parametrize("error", [SeedError("no route"), BadInputError("no JSON")])
def test_a_candidate_whose_records_can_not_be_read_is_refused_though_it_is_ready(rehearsal, error):
    rehearsal.inventories.fails["2.0"] = error
    rehearsed = rehearsal.comes_back()
    assert told(rehearsed) == [("upgrade-failed", Weight.REFUSES)]
    assert "the records can't be read" in the_finding(rehearsed, "upgrade-failed").detail
    assert not rehearsed.rehearsal.upgraded


def test_an_engine_that_went_away_is_not_the_candidates_fault(rehearsal):
    def gone(records):
        rehearsal.systems.engine_gone = True
        return records

    rehearsal.systems.on_start["2.0"] = gone
    rehearsal.inventories.fails["2.0"] = SeedError("no route")
    with pytest.raises(EngineError):
        rehearsal.goes_up()


def test_a_database_that_fails_beside_the_candidate_leaves_it_open(rehearsal):
    rehearsal.systems.move_fails["2.0"] = DATABASE
    assert told(rehearsal.comes_back()) == [("replica-never-ready", Weight.INCONCLUSIVE)]


def test_a_baseline_that_does_not_start_again_leaves_it_open(rehearsal):
    rehearsal.systems.fork_fails["1.0"] = FAILURE
    assert told(rehearsal.comes_back()) == [("replica-never-ready", Weight.INCONCLUSIVE)]


def test_a_baseline_whose_records_can_not_be_read_leaves_it_open(rehearsal):
    rehearsal.inventories.fails["1.0"] = SeedError("no route")
    assert told(rehearsal.comes_back()) == [("inventory-failed", Weight.INCONCLUSIVE)]


def test_an_empty_inventory_of_a_seeded_system_proves_nothing(rehearsal):
    rehearsal.inventories.reads = {"1.0": lambda _: {}, "2.0": lambda _: {}}
    rehearsed = rehearsal.comes_back()
    assert ("inventory-empty", Weight.INCONCLUSIVE) in told(rehearsed)


def test_a_seeded_system_without_any_place_for_data_has_nothing_to_lose(wiring):
    content = yaml.safe_load(compose(inventory=None, writer=None))
    del content["services"]["app"]["volumes"], content["volumes"]
    wiring.commit({COMPOSE: document(content)})
    rehearsal = Rehearsal(wiring)
    rehearsal.inventories.in_memory = True
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("nothing-to-lose", Weight.NOTE)]
    assert rehearsed.rehearsal.way_back is WayBack.CLEAN


def test_an_inventory_that_reads_nothing_of_a_volume_proves_nothing(wiring):
    wiring.commit({COMPOSE: compose(inventory=None, writer=None)})
    rehearsal = Rehearsal(wiring)
    rehearsal.inventories.in_memory = True
    assert told(rehearsal.comes_back()) == [("inventory-empty", Weight.INCONCLUSIVE)]


# The declared path


PATH = [{"version": "1.5", "command": ["migrate"]}, {"version": "2.0", "command": ["finish"]}]


def test_passes_through_the_versions_that_the_vendor_names(rehearsal):
    rehearsal.wiring.offer("1.5")
    upgraded = rehearsal.goes_up(upgrade_path=PATH)
    assert rehearsal.systems.done == [
        "fork 1.0",
        "upgrade to 1.5",
        "migrate in app 1.5",
        "upgrade to 2.0",
        "finish in app 2.0",
        "freeze 2.0",
    ]
    assert upgraded.seconds >= 6
    assert [(one.version, one.command) for one in upgraded.path] == [
        ("1.5", ("migrate",)),
        ("2.0", ("finish",)),
    ]
    assert upgraded.path[1].image == rehearsal.images[Role.CANDIDATE]["app"]
    assert upgraded.path[0].image != upgraded.path[1].image


def test_a_version_on_the_way_without_a_package_leaves_it_open(rehearsal):
    rehearsed = rehearsal.comes_back(upgrade_path=PATH)
    assert told(rehearsed) == [("step-unknown", Weight.INCONCLUSIVE)]
    assert "1.5" in the_finding(rehearsed, "step-unknown").summary
    assert rehearsal.systems.done == []


def test_a_version_on_the_way_whose_package_is_not_to_be_had_leaves_it_open(rehearsal, monkeypatch):
    rehearsal.wiring.offer("1.5")
    usual = rehearsal.wiring.images.obtain

    def obtain(package, tree, *, name):
        if name == "pas-1.5":
            raise PackageError("the registry does not have it any more")
        return usual(package, tree, name=name)

    monkeypatch.setattr(rehearsal.wiring.images, "obtain", obtain)
    rehearsed = rehearsal.comes_back(upgrade_path=PATH)
    assert told(rehearsed) == [("step-unknown", Weight.INCONCLUSIVE)]


def test_does_not_pass_through_a_version_that_is_behind(rehearsal):
    rehearsal.goes_up(upgrade_path=[{"version": "0.9"}, {"version": "1.0"}])
    assert rehearsal.systems.done == ["fork 1.0", "upgrade to 2.0", "freeze 2.0"]


@pytest.mark.parametrize("ends", [1, None])
def test_a_command_of_the_path_that_fails_is_refused(rehearsal, ends):
    rehearsal.wiring.offer("1.5")
    rehearsal.systems.exits["migrate"] = ends
    rehearsed = rehearsal.comes_back(upgrade_path=PATH)
    assert told(rehearsed) == [("upgrade-failed", Weight.REFUSES)]
    assert "it said" in the_finding(rehearsed, "upgrade-failed").detail


def test_never_passes_through_a_version_that_was_refused(rehearsal):
    rehearsal.wiring.suites.failing = {("smoke", "1.5")}
    rehearsal.wiring.qualify(rehearsal.wiring.offer("1.5"))
    assert rehearsal.planned(upgrade_path=PATH)[0].steps == ()


def test_a_version_that_was_offered_twice_is_passed_in_its_newest_form(rehearsal):
    rehearsal.wiring.offer("1.5")
    newest = rehearsal.wiring.offer("1.5", deadline="2027-01-01")
    (step,) = rehearsal.planned(upgrade_path=PATH)[0].steps
    assert step.commit == newest.release["commit"]


# The way back


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


# Writing in between


def test_a_candidate_that_does_not_start_a_second_time_is_refused(rehearsal):
    rehearsal.systems.fork_fails["2.0"] = FAILURE
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("upgrade-failed", Weight.REFUSES)]
    assert "start again" in the_finding(rehearsed, "upgrade-failed").summary
    assert rehearsed.upgraded is None


def test_a_database_that_does_not_start_a_second_time_leaves_it_open(rehearsal):
    rehearsal.systems.fork_fails["2.0"] = DATABASE
    assert told(rehearsal.comes_back()) == [("replica-never-ready", Weight.INCONCLUSIVE)]


def test_a_candidate_that_takes_new_data_and_keeps_none_leaves_it_open(rehearsal):
    rehearsal.suites.writes = dict
    assert told(rehearsal.comes_back("binary")) == [("nothing-written", Weight.INCONCLUSIVE)]


def test_new_data_that_can_not_be_written_leaves_it_open(rehearsal):
    rehearsal.suites.writer_fails = True
    rehearsed = rehearsal.comes_back("binary")
    assert told(rehearsed) == [("writer-failed", Weight.INCONCLUSIVE)]
    assert rehearsed.rehearsal.way_back is WayBack.CLEAN


def test_writing_that_alters_another_patient_is_refused_though_the_backup_has_it(rehearsal):
    rehearsal.suites.writes = lambda records: {
        **renamed(ONEILL, "Ñandú, Ana")(records),
        **NEW,
    }
    rehearsed = rehearsal.comes_back("restore")
    assert ("written-over", Weight.REFUSES) in told(rehearsed)
    assert ONEILL in the_finding(rehearsed, "written-over").summary


def test_records_that_can_not_be_read_after_writing_are_the_candidates_fault(rehearsal):
    def unreadable(records):
        rehearsal.inventories.fails["2.0"] = SeedError("500 for every patient")
        return {**records, **NEW}

    rehearsal.suites.writes = unreadable
    assert told(rehearsal.comes_back()) == [("upgrade-failed", Weight.REFUSES)]


def test_without_a_writer_it_says_that_nothing_new_was_at_stake(wiring):
    wiring.commit({COMPOSE: compose(writer=None)})
    rehearsed = Rehearsal(wiring).comes_back("binary")
    assert told(rehearsed) == [("no-writer", Weight.NOTE)]
    assert rehearsed.rehearsal.way_back is WayBack.CLEAN
    assert "Until 2.0 writes something" in rehearsed.rehearsal.point_of_no_return


def test_without_a_writer_it_is_the_first_start_that_the_old_version_does_not_survive(wiring):
    wiring.commit({COMPOSE: compose(writer=None)})
    rehearsal = Rehearsal(wiring)
    rehearsal.systems.move_fails["1.0"] = FAILURE
    told = rehearsal.comes_back("restore").rehearsal.point_of_no_return
    assert told == "The first start of 2.0: from then on, 1.0 does not work on the data."


# Snapshots


def test_a_snapshot_is_made_once_and_then_found(rehearsal):
    rehearsal.goes_up()
    again = baseline_snapshot(
        rehearsal.plan, rehearsal.images[Role.BASELINE], rehearsal.tree, rehearsal.bench
    )
    assert again == rehearsal.snapshot
    assert "start 1.0" not in rehearsal.systems.done


def test_a_snapshot_of_other_images_is_made_anew(rehearsal):
    rehearsal.goes_up()
    kept, records, lease = rehearsal.systems.frozen[rehearsal.snapshot.key]
    forged = kept.model_copy(update={"bases": {**kept.bases, "app": kept.images["app"]}})
    rehearsal.systems.frozen[kept.key] = forged, records, lease
    made = baseline_snapshot(
        rehearsal.plan, rehearsal.images[Role.BASELINE], rehearsal.tree, rehearsal.bench
    )
    assert made == rehearsal.snapshot
    assert "start 1.0" in rehearsal.systems.done


@pytest.mark.parametrize(
    ("path", "content", "same"),
    [
        ("environments/pas/people.py", b"PEOPLE = []\n", False),
        (COMPOSE, compose(ready_within=61), False),
        (HAZARDS, hazards().replace(b"Two patients", b"2 patients"), True),
    ],
)
def test_a_snapshot_is_known_by_all_that_it_is_made_from(rehearsal, path, content, same):
    rehearsal.goes_up()
    images = rehearsal.images[Role.BASELINE]
    rehearsal.wiring.commit({path: content})
    plan, tree = rehearsal.planned(deadline="2027-01-01")
    assert (snapshot_key(plan, images, tree) == rehearsal.snapshot.key) is same
    assert len(rehearsal.snapshot.key) == 64


def test_a_baseline_that_never_gets_ready_or_is_not_seeded_leaves_it_open(rehearsal):
    plan, tree = rehearsal.planned()
    images = obtain(plan, tree, rehearsal.bench).images[Role.BASELINE]
    rehearsal.suites.seed_fails = True
    unseeded = baseline_snapshot(plan, images, tree, rehearsal.bench)
    rehearsal.systems.failures["1.0"] = FAILURE
    unready = baseline_snapshot(plan, images, tree, rehearsal.bench)
    assert [one.kind for one in (unseeded, unready)] == ["seed-failed", "replica-never-ready"]
    assert {one.weight for one in (unseeded, unready)} == {Weight.INCONCLUSIVE}
    assert rehearsal.systems.present == {}


def test_a_suite_runs_on_a_fork_without_being_seeded_again(rehearsal):
    rehearsal.goes_up()
    rehearsal.suites.seeded.clear()
    which = ("smoke", Role.BASELINE)
    tried = run_suite(
        which,
        rehearsal.plan,
        rehearsal.images[Role.BASELINE],
        rehearsal.tree,
        rehearsal.bench,
        snapshot=rehearsal.snapshot,
    )
    assert tried.run is not None
    assert rehearsal.systems.done[-1] == "fork 1.0"
    assert rehearsal.suites.seeded == []


def test_the_manifest_of_a_step_that_can_not_be_read_any_more_is_not_known(rehearsal):
    offered = rehearsal.wiring.offer("1.5")
    files = rehearsal.wiring.repository.at(offered.release["commit"]).files
    files[offered.release["manifest_path"]] = manifest("1.5", kind="whim")
    assert rehearsal.planned(upgrade_path=PATH)[0].steps == ()
