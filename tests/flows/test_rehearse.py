"""Upgrades, on systems that lose, alter and hide what they hold."""

from __future__ import annotations

import json

import pytest
import yaml

from clinops.domain.finding import Weight
from clinops.domain.rehearsal import WayBack
from clinops.domain.suite import Role
from clinops.errors import BadInputError, EngineError, PackageError, SeedError
from tests.fakes.inventories import NEW, PATIENTS
from tests.fakes.wiring import COMPOSE, compose, document, manifest
from tests.flows.rehearsing import FAILURE, ONEILL, Rehearsal, renamed, the_finding, told, without

DATABASE = FAILURE.model_copy(update={"service": "db"})


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


def test_the_manifest_of_a_step_that_can_not_be_read_any_more_is_not_known(rehearsal):
    offered = rehearsal.wiring.offer("1.5")
    files = rehearsal.wiring.repository.at(offered.release["commit"]).files
    files[offered.release["manifest_path"]] = manifest("1.5", kind="whim")
    assert rehearsal.planned(upgrade_path=PATH)[0].steps == ()
