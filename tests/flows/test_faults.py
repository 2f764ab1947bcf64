"""Faults that strike a system while it is written to, and what is known of a release by them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from clinops.domain.evidence import Evidence
from clinops.domain.finding import Finding, Weight
from clinops.domain.outcome import Outcome
from clinops.domain.replica import ReplicaFailure
from clinops.errors import EngineError, SeedError
from clinops.gatehouse.app import application
from flows.gate import load_evidence
from tests.fakes.browser import Browser
from tests.fakes.inventories import NEW, PATIENTS
from tests.fakes.wiring import COMPOSE, FakeWiring, compose, document

MUELLER, ONEILL = sorted(PATIENTS)
(NANDU,) = NEW
GONE = ReplicaFailure(service="app", reason="it exited with code 3", log_tail="torn page")


@pytest.fixture(autouse=True)
def asked(wiring: FakeWiring) -> None:
    wiring.commit({COMPOSE: compose(faults=["database-killed"])})


def without(*names: str):
    return lambda records: {key: fields for key, fields in records.items() if key not in names}


def tried(wiring: FakeWiring, **changes: Any) -> Evidence:
    evidence = load_evidence(wiring.qualify(wiring.offer(**changes)), wiring)
    assert evidence.contradictions() == []
    assert wiring.replicas.present == {}
    return evidence


def told(evidence: Evidence) -> list[tuple[str, Weight]]:
    return [(one.kind, one.weight) for one in evidence.findings if one.kind.startswith("fault")]


def the_finding(evidence: Evidence) -> Finding:
    (found,) = [one for one in evidence.findings if one.kind.startswith("fault")]
    return found


def test_a_system_that_keeps_what_it_acknowledged_passes(wiring):
    evidence = tried(wiring)
    assert evidence.outcome is Outcome.QUALIFIED
    assert told(evidence) == []
    assert evidence.faults is not None
    (trial,) = evidence.faults.trials
    assert (trial.struck, trial.survived, trial.services) == (True, True, ("db",))
    assert (trial.before, trial.acknowledged) == (len(PATIENTS), {"patients": 1})
    assert wiring.faults.struck == [("database-killed", "2.0")]
    assert "containers/fault-database-killed-candidate-app.log" in evidence.files
    assert "fault: database killed and started again on candidate 2.0" in wiring.stages.names


def test_a_system_that_loses_what_it_acknowledged_is_refused_with_the_record_named(wiring):
    wiring.faults.loses["2.0"] = without(NANDU)
    evidence = tried(wiring)
    assert evidence.outcome is Outcome.REFUSED
    assert told(evidence) == [("fault-loses", Weight.REFUSES)]
    assert the_finding(evidence).summary == (
        "Database killed and started again: acknowledged records of patients are gone: " + NANDU
    )
    assert wiring.faults.struck == [("database-killed", "2.0"), ("database-killed", "1.0")]


def test_a_system_that_alters_what_was_there_is_refused(wiring):
    wiring.faults.loses["2.0"] = lambda records: {**records, ONEILL: {"name": "", "born": ""}}
    evidence = tried(wiring)
    assert told(evidence) == [("fault-loses", Weight.REFUSES)] * 2
    assert ONEILL in evidence.findings[-1].summary


def test_what_the_version_in_use_loses_as_well_says_nothing_about_the_release(wiring):
    wiring.faults.loses = {"1.0": without(NANDU), "2.0": without(NANDU)}
    evidence = tried(wiring)
    assert evidence.outcome is Outcome.INCONCLUSIVE
    assert told(evidence) == [("fault-loses", Weight.INCONCLUSIVE)]
    assert "the version in use does no better" in the_finding(evidence).summary


def test_a_loss_of_another_sort_is_the_candidates_own(wiring):
    wiring.faults.loses = {"1.0": without(NANDU), "2.0": without(MUELLER)}
    assert told(tried(wiring)) == [("fault-loses", Weight.REFUSES)]


def test_a_system_that_does_not_come_back_is_refused_with_its_last_words(wiring):
    wiring.faults.ends["2.0"] = GONE
    evidence = tried(wiring)
    assert told(evidence) == [("fault-not-survived", Weight.REFUSES)]
    assert "torn page" in the_finding(evidence).detail


@pytest.mark.parametrize("versions", [("1.0", "2.0"), ("2.0",)])
def test_a_database_that_does_not_come_back_is_not_the_vendors_doing(wiring, versions):
    failure = GONE.model_copy(update={"service": "db"})
    wiring.faults.ends = dict.fromkeys(versions, failure)
    assert told(tried(wiring)) == [("fault-not-survived", Weight.INCONCLUSIVE)]


def test_records_that_can_not_be_read_again_count_as_lost(wiring):
    wiring.commit({COMPOSE: compose(faults=["paused"], ready_within=1)})
    strike = wiring.faults.struck
    fails = wiring.inventories.fails
    wiring.faults.on_strike = lambda: fails.update({strike[-1][1]: SeedError("no answer")})
    wiring.inventories.fails = fails
    evidence = tried(wiring)
    assert ("fault-not-survived", Weight.INCONCLUSIVE) in told(evidence), "on both versions"
    assert "no answer" in the_finding(evidence).detail


def test_a_fault_that_can_not_be_made_to_happen_is_never_claimed(wiring):
    wiring.faults.impossible["database-killed"] = "no such thing here"
    evidence = tried(wiring)
    assert told(evidence) == [("fault-not-tried", Weight.INCONCLUSIVE)]
    assert "no such thing here" in the_finding(evidence).summary
    assert evidence.faults is not None
    assert not evidence.faults.trials[0].struck


def test_a_candidate_that_does_not_start_for_it_proves_nothing(wiring):
    wiring.faults.unready["2.0"] = GONE
    assert told(tried(wiring)) == [("fault-not-tried", Weight.INCONCLUSIVE)]


def test_a_writer_that_reports_nothing_is_told(wiring):
    wiring.suites.reports = None
    evidence = tried(wiring)
    assert told(evidence) == [("fault-unreported", Weight.NOTE)]
    assert evidence.outcome is Outcome.QUALIFIED


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        ({"results": {"1": {}}}, "no inventory has what the writer reports: results"),
        ({"patients": {"1": "x"}}, "what it reports as acknowledged can't be read"),
        ({"patients": {}}, "nothing was acknowledged: the writer ended with code 1"),
        (None, "nothing was acknowledged: the writer ended with code 1"),
    ],
)
def test_a_report_that_can_not_be_held_against_records_proves_nothing(wiring, reports, why):
    wiring.suites.reports = reports
    # A writer may fail while something is broken; only its report must be sound.
    wiring.suites.attempt_problem = "ended with code 1"
    evidence = tried(wiring)
    assert told(evidence) == [("fault-proves-nothing", Weight.INCONCLUSIVE)]
    assert why in the_finding(evidence).summary


@pytest.mark.parametrize("fault", ["restarted-in-a-write", "disk-full", "network-cut"])
def test_a_fault_during_which_nothing_was_written_proves_nothing(wiring, fault):
    wiring.commit({COMPOSE: compose(faults=[fault])})
    wiring.suites.last_acknowledged = 0.0
    evidence = tried(wiring)
    assert told(evidence) == [("fault-proves-nothing", Weight.INCONCLUSIVE)]
    assert "nothing was written while it went on" in the_finding(evidence).summary


def test_a_write_that_fails_was_under_way(wiring):
    wiring.commit({COMPOSE: compose(faults=["restarted-in-a-write"])})
    wiring.suites.last_acknowledged = 0.0
    wiring.suites.attempt_problem = "ended with code 1"
    assert told(tried(wiring)) == []


def test_a_new_system_is_started_and_seeded_for_each_fault(tmp_path):
    wiring = FakeWiring(tmp_path)
    wiring.commit({COMPOSE: compose(faults=["paused"])})
    wiring.faults.loses["2.0"] = without(NANDU)
    evidence = tried(wiring)
    assert evidence.faults is not None
    (trial,) = evidence.faults.trials
    assert (trial.before, trial.lost) == (len(PATIENTS), 1)
    assert told(evidence) == [("fault-loses", Weight.REFUSES)]


def test_a_new_system_that_can_not_be_seeded_proves_nothing(tmp_path):
    wiring = FakeWiring(tmp_path)
    wiring.commit({COMPOSE: compose(faults=["paused"])})
    wiring.suites.unseedable = {"2.0"}
    assert ("fault-not-tried", Weight.INCONCLUSIVE) in told(tried(wiring))


def test_an_engine_that_goes_away_meanwhile_blames_nobody(wiring):
    def gone() -> None:
        wiring.replicas.engine_gone = True

    wiring.faults.on_strike = gone
    release = wiring.offer()
    with pytest.raises(EngineError):
        wiring.qualify(release)


def test_the_findings_of_faults_can_not_be_left_out_of_evidence(wiring):
    wiring.faults.loses["2.0"] = without(NANDU)
    evidence = tried(wiring)
    forged = evidence.model_copy(update={"findings": (), "outcome": Outcome.QUALIFIED})
    assert any("acknowledged records" in one for one in forged.contradictions())
    assert evidence.faults is not None
    none = evidence.faults.model_copy(update={"trials": ()})
    forged = forged.model_copy(update={"faults": none})
    assert any("not tried" in one for one in forged.contradictions())


def test_harm_done_by_a_fault_is_waived_by_its_occurrence(wiring):
    waiver = {
        "id": "W-001",
        "version": "2.0",
        "finding": "fault-loses",
        "occurrence": "fault-loses: database-killed: acknowledged records of patients: gone",
        "reason": "The ward writes it again.",
        "owner": "Operations",
        "expires": dt.date(2025, 12, 1),
    }
    waivers = {"schema": 1, "product": "pas", "waivers": [waiver]}
    wiring.commit({"environments/pas/waivers.yaml": document(waivers)})
    wiring.faults.loses["2.0"] = without(NANDU)
    evidence = tried(wiring)
    assert evidence.outcome is Outcome.QUALIFIED
    assert (the_finding(evidence).weight, the_finding(evidence).waiver) == (Weight.NOTE, "W-001")
    wiring.faults.loses["2.0"] = without(NANDU, ONEILL)
    older = tried(wiring, deadline="2027-01-01")
    assert older.outcome is Outcome.REFUSED, "what was there before is another matter"


def test_the_page_of_a_release_shows_what_broke_and_what_was_lost(wiring):
    wiring.faults.loses["2.0"] = without(NANDU)
    wiring.suites.reports = {"patients": {NANDU: {"name": "<script>alert(1)</script>"}}}
    record = wiring.qualify(wiring.offer())
    page = Browser(application(wiring)).text(f"/releases/{record.id}")
    section = page.split('id="faults"')[1].split("</section>")[0]
    assert "Database killed and started again" in section
    assert "2 records from before, 1 new one acknowledged" in section
    assert "Records are lost" in section
    assert NANDU in section
    assert "<script>alert" not in page
    assert "data lost when something breaks" in page


def test_the_page_says_what_was_not_tried(wiring):
    wiring.faults.impossible["database-killed"] = "no such thing here"
    record = wiring.qualify(wiring.offer())
    section = Browser(application(wiring)).text(f"/releases/{record.id}").split('id="faults"')[1]
    assert "Not tried" in section.split("</section>")[0]
    assert "no such thing here" in section.split("</section>")[0]
