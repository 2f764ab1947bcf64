from __future__ import annotations

import datetime as dt
from itertools import count

import pytest

from clinops.domain.digest import canonical
from clinops.domain.evidence import Evidence
from clinops.domain.finding import Weight
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.rehearsal import WayBack
from clinops.domain.replica import ReplicaFailure
from clinops.domain.suite import Role, Verdict
from clinops.errors import EngineError, LeaseLostError, NotFoundError, PackageError
from flows.gate import load_evidence
from flows.qualify import qualify_release
from flows.reconcile import reconcile, retry_at
from tests.fakes.evidence import case
from tests.fakes.inventories import PATIENTS
from tests.fakes.ledger import EVIDENCE
from tests.fakes.stages import FakeStages
from tests.fakes.timelines import span, timeline
from tests.fakes.wiring import COMPOSE, HAZARDS, MANIFEST, FakeWiring, compose, document, manifest

DIFFERS = "undeclared-difference"
REGRESSED = "regression"
WAIVERS = "environments/pas/waivers.yaml"
REGRESSION = "regression: test_regression.py::test_works"
LAST = 3
"""How many runs have been when the last one begins."""
UP_TO_THE_CANDIDATE = (
    "pin inputs",
    "obtain images",
    "look for what was measured before",
    "list what images are made of",
    "snapshot of baseline 1.0",
    "rehearse the upgrade",
    "regression suite on baseline 1.0",
    "smoke suite on baseline 1.0",
)
"""The stages that are begun before anything is known of the candidate."""


def decided(wiring: FakeWiring, state: State) -> Evidence:
    """Qualify version 2.0, and return evidence that is whole and comes to that state."""
    record = wiring.qualify(wiring.offer())
    assert record.state is state
    evidence = load_evidence(record, wiring)
    assert evidence.contradictions() == []
    assert set(evidence.files.values()) <= set(wiring.evidence.files)
    assert {"manifest.yaml", "junit.xml", "environment/compose.yaml"} <= set(evidence.files)
    assert wiring.replicas.present == {}
    assert wiring.ledger.leases() == {}
    assert list(wiring.ledger.problems()) == []
    return evidence


def kinds_of(evidence: Evidence) -> set[str]:
    return {finding.kind for finding in evidence.findings}


def errored(wiring: FakeWiring, release: ReleaseRecord) -> str:
    """Return the reason why we failed; nothing may have been decided."""
    record = wiring.release(release.id)
    assert (record.state, record.outcome, record.evidence) == (State.ERRORED, None, None)
    assert Kind.VERDICT not in wiring.kinds(release.id)
    *_, last = wiring.ledger.entries(release.id)
    assert last.kind is Kind.QUALIFICATION_ERRORED
    return str(last.body["reason"])


def test_a_good_release_awaits_sign_off(wiring):
    evidence = decided(wiring, State.AWAITING_SIGN_OFF)
    assert evidence.findings == ()
    assert sorted(wiring.suites.runs) == [
        ("regression", "1.0", Role.BASELINE),
        ("regression", "2.0", Role.CANDIDATE),
        ("smoke", "1.0", Role.BASELINE),
        ("smoke", "1.0", Role.BASELINE),
        ("smoke", "2.0", Role.CANDIDATE),
    ]
    assert len(wiring.suites.seeded) == 1
    assert evidence.baseline_version == "1.0"
    assert "waits for sign-off" in wiring.stages.reports["verdict"]
    assert len(wiring.stages.tables["suites"]) == 4
    assert wiring.stages.told[-1][0] == 1.0


def test_is_refused_when_a_test_fails_on_the_candidate_only(wiring):
    wiring.suites.failing = {("regression", "2.0")}
    assert kinds_of(decided(wiring, State.REFUSED)) == {"test-failed", DIFFERS}


def test_is_inconclusive_when_a_test_fails_on_both(wiring):
    wiring.suites.failing = {("regression", "1.0"), ("regression", "2.0")}
    assert kinds_of(decided(wiring, State.INCONCLUSIVE)) == {"test-failed-on-both"}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_is_inconclusive_when_a_suite_does_not_run_to_its_end(wiring, version):
    wiring.suites.crashing = {("regression", version)}
    assert "evidence-missing" in kinds_of(decided(wiring, State.INCONCLUSIVE))


def test_is_inconclusive_when_a_candidate_test_is_skipped(wiring):
    skipped = case("test_smoke.py::test_works", Verdict.SKIPPED)
    wiring.suites.cases["smoke", "2.0"] = (skipped,)
    assert kinds_of(decided(wiring, State.INCONCLUSIVE)) == {"test-skipped", DIFFERS}


def test_is_inconclusive_when_a_test_of_the_baseline_is_absent_on_the_candidate(wiring):
    wiring.suites.cases["smoke", "2.0"] = (case("test_smoke.py::test_other"),)
    evidence = decided(wiring, State.INCONCLUSIVE)
    assert kinds_of(evidence) == {"evidence-missing", DIFFERS}


def test_a_candidate_that_never_gets_ready_is_refused_with_its_log(wiring):
    wiring.replicas.failures["2.0"] = ReplicaFailure(
        service="app", reason="it exited with code 3", log_tail="cannot migrate"
    )
    evidence = decided(wiring, State.REFUSED)
    assert "replica-never-ready" in kinds_of(evidence)
    assert any("it exited with code 3" in finding.summary for finding in evidence.findings)
    assert any(finding.detail == "cannot migrate" for finding in evidence.findings)
    log = evidence.files["containers/smoke-candidate-app.log"]
    assert wiring.evidence.get(log) == b"cannot migrate"


def test_a_baseline_that_never_gets_ready_is_inconclusive(wiring):
    wiring.replicas.failures["1.0"] = ReplicaFailure(
        service="db", reason="never healthy", log_tail=""
    )
    assert "replica-never-ready" in kinds_of(decided(wiring, State.INCONCLUSIVE))


def test_a_new_system_that_cannot_be_seeded_is_refused():
    wiring = without_a_system()
    wiring.suites.unseedable = {"2.0"}
    evidence = decided(wiring, State.REFUSED)
    assert "seed-failed" in kinds_of(evidence)
    assert wiring.evidence.get(evidence.files["containers/smoke-candidate-app.log"])


def test_a_baseline_that_cannot_be_seeded_is_inconclusive(wiring):
    wiring.suites.unseedable = {"1.0"}
    assert "seed-failed" in kinds_of(decided(wiring, State.INCONCLUSIVE))


def test_a_package_at_fault_is_refused_with_the_reason(wiring):
    release = wiring.offer()
    wiring.images.fails_with = PackageError("the archive's SHA-256 is another", mend="ship again")
    record = wiring.qualify(release)
    evidence = load_evidence(record, wiring)
    assert record.state is State.REFUSED
    assert evidence.contradictions() == []
    assert any("SHA-256 is another" in finding.detail for finding in evidence.findings)
    assert wiring.replicas.started == []


def test_a_new_system_is_qualified_without_a_baseline():
    evidence = decided(without_a_system(), State.AWAITING_SIGN_OFF)
    assert evidence.baseline_version is None
    assert {run.role for run in evidence.runs} == {Role.CANDIDATE}


def without_a_system() -> FakeWiring:
    wiring = FakeWiring()
    wiring.commit({MANIFEST: None})
    return wiring


def test_an_engine_that_is_gone_from_the_start_is_our_error(wiring):
    release = wiring.offer()
    wiring.replicas.engine_gone = True
    with pytest.raises(EngineError):
        wiring.qualify(release)
    assert "engine went away" in errored(wiring, release)


def test_an_engine_that_goes_in_the_middle_of_a_suite_decides_nothing(wiring):
    release = wiring.offer()
    wiring.suites.failing = {("smoke", "2.0")}

    def cut(replica):
        wiring.replicas.engine_gone = len(wiring.suites.runs) == LAST

    wiring.suites.meanwhile = cut
    with pytest.raises(EngineError):
        wiring.qualify(release)
    errored(wiring, release)
    assert wiring.replicas.present == {}


def test_an_error_of_ours_is_taken_up_after_its_time_and_comes_to_one_verdict(wiring):
    release = wiring.offer()
    wiring.replicas.engine_gone = True
    with pytest.raises(EngineError):
        wiring.qualify(release)
    wiring.replicas.engine_gone = False
    assert reconcile(wiring).scheduled == {}
    due = retry_at(wiring.release(release.id))
    wiring.clock.now = due
    assert list(reconcile(wiring).scheduled) == [release.id]
    assert f"qualify:{release.id}:2" in wiring.orchestrator.runs
    assert wiring.qualify(release).state is State.AWAITING_SIGN_OFF
    assert wiring.kinds(release.id).count(Kind.VERDICT) == 1


def test_each_error_waits_longer_than_the_one_before_it(wiring):
    release = wiring.offer()
    wiring.replicas.engine_gone = True
    waits = []
    for _ in range(9):
        with pytest.raises(EngineError):
            wiring.qualify(release)
        waits.append((retry_at(wiring.release(release.id)) - wiring.clock()).total_seconds())
    assert waits == sorted(waits)
    assert waits[0] == 20
    assert waits[-1] == 1800


def test_even_a_fault_in_clinops_itself_is_on_the_ledger(wiring):
    release = wiring.offer()

    def stumble(replica):
        raise ZeroDivisionError("a bug")

    wiring.suites.meanwhile = stumble
    with pytest.raises(ZeroDivisionError):
        wiring.qualify(release)
    assert "a bug" in errored(wiring, release)


def test_writes_nothing_while_another_process_holds_the_lease(wiring):
    release = wiring.offer()
    before = wiring.kinds(release.id)
    wiring.ledger.take_lease(f"qualify:{release.id}", "another", 60)
    with pytest.raises(LeaseLostError):
        wiring.qualify(release)
    assert wiring.kinds(release.id) == before
    assert wiring.replicas.started == []


def test_records_no_verdict_once_the_lease_was_lost(wiring):
    release = wiring.offer()

    def pause(replica):
        wiring.clock.advance(3600)
        wiring.ledger.take_lease(f"qualify:{release.id}", "another", 10_000)

    wiring.suites.meanwhile = pause
    with pytest.raises(LeaseLostError):
        wiring.qualify(release)
    assert wiring.release(release.id).state is State.QUALIFYING
    assert Kind.VERDICT not in wiring.kinds(release.id)
    assert wiring.ledger.leases() == {f"qualify:{release.id}": "another"}


def test_a_second_run_of_a_decided_release_does_nothing(wiring):
    record = wiring.qualify(wiring.offer())
    before = wiring.kinds(record.id)
    assert wiring.qualify(record) == record
    assert wiring.kinds(record.id) == before


def test_a_release_that_nobody_knows_is_not_found(wiring):
    with pytest.raises(NotFoundError):
        qualify_release("pas-9.9-000000000000", wiring, FakeStages())


def test_inputs_are_read_at_the_commit_of_the_release_not_at_the_head(wiring):
    release = wiring.offer()
    wiring.commit({MANIFEST: manifest("3.0")}, "acme")
    record = wiring.qualify(release)
    assert record.state is State.AWAITING_SIGN_OFF
    assert load_evidence(record, wiring).release.version == "2.0"


def test_a_commit_that_holds_something_else_than_the_ledger_says_is_not_qualified(wiring):
    known = wiring.offer().release
    claims = {**known, "id": "pas-2.0-ffffffffffff"}
    wiring.ledger.append(Kind.RELEASE_KNOWN, "pas-2.0-ffffffffffff", {"release": claims})
    release = wiring.release("pas-2.0-ffffffffffff")
    with pytest.raises(NotFoundError, match=f"holds {known['id']}"):
        wiring.qualify(release)
    assert known["id"] in errored(wiring, release)
    assert wiring.replicas.started == []


def test_what_is_live_is_the_image_that_is_tested_as_baseline(wiring):
    (live, _) = wiring.ledger.live("pas")
    evidence = decided(wiring, State.AWAITING_SIGN_OFF)
    (baseline,) = (images for images in evidence.images if images.role is Role.BASELINE)
    assert baseline.services == live.images


def test_names_every_stage_by_suite_and_version(wiring):
    decided(wiring, State.AWAITING_SIGN_OFF)
    assert wiring.stages.names == [
        *UP_TO_THE_CANDIDATE,
        "compare behaviour",
        "rehearse the way back",
        "regression suite on candidate 2.0",
        "smoke suite on candidate 2.0",
        "assemble evidence",
    ]


# What the upgrade makes of the data, and how the candidate behaves on it

NEVER_READY = ReplicaFailure(
    service="app", reason="it exited with code 3", log_tail="cannot migrate"
)


def answers(**of_candidate: object):
    """Answer a patient's name; the candidate answers as told beyond that."""

    def answer(replica, case):
        told = of_candidate if replica.role is Role.CANDIDATE else {}
        return {"status": 200, "body": {"name": "Ann", **told}}

    return answer


def test_a_good_release_was_rehearsed_and_compared_on_the_data_of_the_version_in_use(wiring):
    evidence = decided(wiring, State.AWAITING_SIGN_OFF)
    assert evidence.rehearsal is not None
    assert evidence.rehearsal.way_back is WayBack.CLEAN
    assert (evidence.rehearsal.read, evidence.rehearsal.written) == (
        {"patients": 2},
        {"patients": 1},
    )
    assert evidence.comparison is not None
    assert evidence.comparison.answers == 2
    kept = {"rehearsal/inventory-after-the-way-back.json", "comparison.json"}
    assert kept <= set(evidence.files)
    assert "start 2.0" not in wiring.replicas.done


def test_an_upgrade_that_fails_is_refused_and_nothing_is_compared(wiring):
    wiring.replicas.move_fails["2.0"] = NEVER_READY
    evidence = decided(wiring, State.REFUSED)
    [finding] = evidence.findings
    assert (finding.kind, finding.weight) == ("upgrade-failed", Weight.REFUSES)
    assert "cannot migrate" in finding.detail
    assert evidence.comparison is None
    assert "compare behaviour" not in wiring.stages.names
    assert wiring.evidence.get(evidence.files["containers/rehearsal-upgrade-app.log"])
    # Its suites run all the same, on a fresh system.
    assert ("regression", "2.0", Role.CANDIDATE) in wiring.suites.runs
    assert wiring.replicas.done.count("start 2.0") == 2


def test_an_upgrade_that_loses_a_record_is_refused_with_its_name(wiring):
    lost, *_ = PATIENTS
    wiring.replicas.on_start["2.0"] = lambda records: {
        name: fields for name, fields in records.items() if name != lost
    }
    evidence = decided(wiring, State.REFUSED)
    assert any(lost in one.occurrence for one in evidence.findings if one.kind == REGRESSED)


def test_a_way_back_that_fails_is_refused(wiring):
    wiring.replicas.move_fails["1.0"] = NEVER_READY
    assert kinds_of(decided(wiring, State.REFUSED)) == {"rollback-impossible"}


def test_a_site_check_that_fails_before_the_upgrade_is_not_blamed_on_the_way_back(wiring):
    wiring.suites.failing = {("smoke", "1.0")}
    evidence = decided(wiring, State.INCONCLUSIVE)
    assert kinds_of(evidence) >= {"test-mended", "rollback-test-failed-on-both"}
    assert evidence.rehearsal is not None
    assert evidence.rehearsal.way_back is WayBack.CLEAN


def test_another_behaviour_is_refused_with_its_subject(wiring):
    wiring.probes.answer = answers(name="Anne")
    evidence = decided(wiring, State.REFUSED)
    [finding] = evidence.findings
    [difference] = evidence.differences
    assert (finding.kind, finding.weight) == (REGRESSED, Weight.REFUSES)
    assert finding.occurrence == difference.subject
    assert difference.subject.startswith("behaviour: ")
    assert (difference.hazards, difference.count) == (("PAS-001",), 2)


def test_a_behaviour_that_the_vendor_declared_awaits_sign_off(wiring):
    wiring.probes.answer = answers(colour="red")
    [difference] = load_evidence(wiring.qualify(wiring.offer()), wiring).differences
    release = wiring.offer(changes=[{"summary": "Has colours", "covers": [difference.subject]}])
    record = wiring.qualify(release)
    assert record.state is State.AWAITING_SIGN_OFF
    evidence = load_evidence(record, wiring)
    assert [one.declared_by for one in evidence.differences] == ["Has colours"]
    assert evidence.findings == ()


def test_noise_that_nobody_explained_is_inconclusive(wiring):
    ticks = count()
    wiring.probes.answer = lambda *_: {"status": 200, "body": {"token": f"t-{next(ticks)}"}}
    assert kinds_of(decided(wiring, State.INCONCLUSIVE)) == {"unexplained-noise"}


def test_a_baseline_that_does_not_answer_is_inconclusive(wiring):
    wiring.probes.answer = lambda replica, _: (
        TimeoutError("silence") if replica.role is Role.BASELINE else {"status": 200}
    )
    assert kinds_of(decided(wiring, State.INCONCLUSIVE)) == {"probe-unanswered"}


def test_without_a_snapshot_nothing_but_the_candidate_is_tried(wiring):
    wiring.suites.unseedable = {"1.0"}
    evidence = decided(wiring, State.INCONCLUSIVE)
    assert "seed-failed" in kinds_of(evidence)
    assert (evidence.rehearsal, evidence.comparison) == (None, None)
    assert {run.role for run in evidence.runs} == {Role.CANDIDATE}
    assert wiring.replicas.frozen == {}


def test_a_snapshot_is_used_again_for_the_next_release(wiring):
    wiring.qualify(wiring.offer())
    wiring.replicas.done.clear()
    record = wiring.qualify(wiring.offer("3.0"))
    assert record.state is State.AWAITING_SIGN_OFF
    assert "start 1.0" not in wiring.replicas.done
    assert len(wiring.suites.seeded) == 1


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_an_engine_that_goes_during_the_rehearsal_decides_nothing(wiring, version):
    def cut(records):
        wiring.replicas.engine_gone = True
        return records

    wiring.replicas.on_start[version] = cut
    wiring.replicas.move_fails[version] = NEVER_READY
    release = wiring.offer()
    with pytest.raises(EngineError):
        wiring.qualify(release)
    assert "engine went away" in errored(wiring, release)
    assert wiring.replicas.present == {}


def test_an_engine_that_goes_during_the_comparison_decides_nothing(wiring):
    def answer(*_):
        wiring.replicas.engine_gone = True
        return ConnectionError("refused")

    wiring.probes.answer = answer
    release = wiring.offer()
    with pytest.raises(EngineError):
        wiring.qualify(release)
    errored(wiring, release)
    assert wiring.replicas.present == {}


def test_a_new_system_is_neither_rehearsed_nor_compared():
    wiring = without_a_system()
    evidence = decided(wiring, State.AWAITING_SIGN_OFF)
    assert (evidence.rehearsal, evidence.comparison, evidence.findings) == (None, None, ())
    assert wiring.stages.names == [
        "pin inputs",
        "obtain images",
        "look for what was measured before",
        "list what images are made of",
        "regression suite on candidate 2.0",
        "smoke suite on candidate 2.0",
        "assemble evidence",
    ]
    assert wiring.replicas.frozen == {}
    assert wiring.probes.asked == []


PATH = [{"version": "1.5", "command": ["migrate"]}, {"version": "2.0"}]


def test_passes_through_the_versions_that_the_vendor_names(wiring):
    wiring.qualify(wiring.offer("1.5"))
    wiring.replicas.done.clear()
    record = wiring.qualify(wiring.offer(upgrade_path=PATH))
    assert record.state is State.AWAITING_SIGN_OFF
    rehearsal = load_evidence(record, wiring).rehearsal
    assert rehearsal is not None
    assert [waypoint.version for waypoint in rehearsal.path] == ["1.5", "2.0"]
    assert wiring.replicas.done[:4] == [
        "fork 1.0",
        "upgrade to 1.5",
        "migrate in app 1.5",
        "upgrade to 2.0",
    ]


def test_a_version_on_the_way_that_nobody_knows_leaves_it_open(wiring):
    record = wiring.qualify(wiring.offer(upgrade_path=PATH))
    assert record.state is State.INCONCLUSIVE
    evidence = load_evidence(record, wiring)
    assert kinds_of(evidence) == {"step-unknown"}
    assert evidence.comparison is None


def waivers(**changes: object) -> bytes:
    """Write a waiver of the regression test that fails on version 2.0."""
    waiver = {
        "id": "W-001",
        "version": "2.0",
        "finding": "test-failed",
        "occurrence": REGRESSION,
        "reason": "The replica's <b>clock</b> is late.",
        "owner": "Operations",
        "expires": dt.date(2099, 1, 31),
    }
    return document({"schema": 1, "product": "pas", "waivers": [{**waiver, **changes}]})


def test_a_waived_failure_awaits_sign_off_and_is_told(wiring):
    wiring.commit({WAIVERS: waivers()})
    wiring.suites.failing = {("regression", "2.0")}
    evidence = decided(wiring, State.AWAITING_SIGN_OFF)
    failed, differs = evidence.findings
    assert (failed.kind, failed.weight, failed.waiver) == ("test-failed", Weight.NOTE, "W-001")
    assert (differs.kind, differs.waiver) == (DIFFERS, None)
    assert [waiver.id for waiver in evidence.waivers] == ["W-001"]
    told = wiring.last_body(evidence.release.id)["findings"]
    assert [line.get("waiver") for line in told] == ["W-001", None]
    report = wiring.stages.reports["verdict"]
    waived = report.split("## Waived")[1]
    assert "W\\-001, until 2099-01-31, Operations" in waived
    assert "<b>" not in waived


@pytest.mark.parametrize(
    "changes",
    [{"version": "2.1"}, {"expires": dt.date(2020, 1, 31)}, {"occurrence": "regression: test"}],
    ids=["version", "expired", "occurrence"],
)
def test_a_waiver_that_does_not_fit_leaves_the_release_refused(wiring, changes):
    wiring.commit({WAIVERS: waivers(**changes)})
    wiring.suites.failing = {("regression", "2.0")}
    evidence = decided(wiring, State.REFUSED)
    assert {finding.waiver for finding in evidence.findings} == {None}
    assert "## Waived" not in wiring.stages.reports["verdict"]


def test_a_waiver_counts_as_it_was_at_the_release_s_commit(wiring):
    release = wiring.offer()
    wiring.commit({WAIVERS: waivers()})
    wiring.suites.failing = {("regression", "2.0")}
    record = wiring.qualify(release)
    assert record.state is State.REFUSED
    assert load_evidence(record, wiring).waivers == ()


@pytest.mark.parametrize(
    ("path", "content"),
    [(HAZARDS, b"hazards: ["), (HAZARDS, None), (WAIVERS, b"waivers: [{id: W-001}]")],
    ids=["broken log", "no log", "broken waivers"],
)
def test_a_log_or_waivers_that_cannot_be_read_are_noted_and_count_for_nothing(
    wiring, path, content
):
    wiring.commit({path: content})
    evidence = decided(wiring, State.AWAITING_SIGN_OFF)
    [finding] = evidence.findings
    assert (finding.kind, finding.weight) == ("unreadable-document", Weight.NOTE)
    assert finding.summary.startswith(path)
    assert finding.detail
    assert evidence.waivers == ()


def test_what_the_image_sets_otherwise_is_noted_unless_a_change_covers_it(wiring):
    release = wiring.offer(changes=[{"summary": "Runs as *root*", "covers": ["image: user"]}])
    wiring.images.configurations = {
        "pas-1.0": {"user": "app", "port 80/tcp": "exposed"},
        release.id: {"user": "root"},
    }
    evidence = load_evidence(wiring.qualify(release), wiring)
    port, user = evidence.differences
    assert (user.before, user.after, user.declared_by) == ("app", "root", "Runs as *root*")
    assert (port.before, port.after, port.declared_by) == ("exposed", "not set", None)
    [finding] = evidence.findings
    assert (finding.kind, finding.occurrence) == (DIFFERS, "image: port 80/tcp")
    report = wiring.stages.reports["verdict"].split("## Differences")[1]
    assert "declared: Runs as \\*root\\*" in report
    assert "**not declared**" in report
    kept = wiring.evidence.get(evidence.files["image/candidate.json"])
    assert kept == canonical({"user": "root"})
    assert "image/baseline.json" in evidence.files


def test_a_new_system_has_nothing_to_differ_from():
    wiring = without_a_system()
    release = wiring.offer()
    wiring.images.configurations[release.id] = {"user": "root"}
    evidence = load_evidence(wiring.qualify(release), wiring)
    assert (evidence.differences, evidence.findings) == ((), ())
    assert "## Differences" not in wiring.stages.reports["verdict"]


def test_a_declaration_excuses_no_failing_test(wiring):
    wiring.suites.failing = {("regression", "2.0")}
    release = wiring.offer(changes=[{"summary": "It fails now", "covers": [REGRESSION]}])
    record = wiring.qualify(release)
    assert record.state is State.REFUSED
    assert kinds_of(load_evidence(record, wiring)) == {"test-failed"}


def test_the_longest_way_to_the_end_begins_first_once_it_is_known(wiring):
    before = wiring.offer("1.5")
    past = timeline(
        span("rehearse the upgrade", 0, 40),
        span("smoke suite on baseline 1.0", 0, 20),
        span("regression suite on baseline 1.0", 0, 30),
        span("compare behaviour", 40, 45, 0),
        span("smoke suite on candidate 1.5", 40, 60, 0),
        span("regression suite on candidate 1.5", 40, 99, 0),
        span("rehearse the way back", 40, 70, 0),
        ended=99,
    )
    started = {"attempt": 1, "holder": "test"}
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, before.id, started)
    verdict = {"outcome": "refused", "evidence": EVIDENCE, "timeline": past.json_value()}
    wiring.ledger.append(Kind.VERDICT, before.id, verdict)
    wiring.qualify(wiring.offer())
    assert wiring.stages.names == [
        *UP_TO_THE_CANDIDATE,
        "regression suite on candidate 2.0",
        "rehearse the way back",
        "smoke suite on candidate 2.0",
        "compare behaviour",
        "assemble evidence",
    ]


def test_a_suite_is_split_over_as_many_forks_as_its_environment_says(wiring):
    wiring.commit({COMPOSE: compose(forks={"regression": 3})})
    decided(wiring, State.AWAITING_SIGN_OFF)
    assert wiring.suites.split == {"regression": 3, "smoke": 1}
    assert wiring.replicas.present == {}
