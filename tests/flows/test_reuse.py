"""Results that are carried over, told apart, sampled; and the attacks on that."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from clinops.domain.digest import canonical, digest_of
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.measured import BEHAVIOUR, REHEARSAL, Origin
from clinops.domain.outcome import Outcome, State
from clinops.domain.suite import Role, Verdict
from clinops.errors import EngineError, EvidenceError, LedgerError, RefusedError
from clinops.gatehouse.app import application
from flows.dossier import dossier
from flows.gate import check_everything, load_evidence
from flows.reconcile import reopen
from flows.results import came_home
from flows.safety_case import as_html, safety_case
from tests.fakes.browser import Browser
from tests.fakes.evidence import case
from tests.fakes.wiring import COMPOSE, GATE, HAZARDS, SMOKE, FakeWiring, compose, gate, hazards

ALL = {
    "regression suite on baseline",
    "smoke suite on baseline",
    "regression suite on candidate",
    "smoke suite on candidate",
    REHEARSAL,
    BEHAVIOUR,
}
OF_CANDIDATE = {what for what in ALL if not what.endswith("baseline")}
RETOLD = {"deadline": "2030-01-01"}
"""What makes another release of the same package."""
Spoil = Callable[[FakeWiring], None]


def evidence_of(record: ReleaseRecord, wiring: FakeWiring) -> Evidence:
    evidence = load_evidence(record, wiring)
    assert evidence.contradictions() == []
    return evidence


def carried(record: ReleaseRecord, wiring: FakeWiring) -> set[str]:
    return {one.what for one, _ in evidence_of(record, wiring).carried}


def sampled(record: ReleaseRecord, wiring: FakeWiring) -> set[str]:
    return {one.what for one in evidence_of(record, wiring).measured if one.sampled is not None}


def twice(wiring: FakeWiring, between: Spoil = lambda wiring: None) -> ReleaseRecord:
    """Qualify a version, let something happen, and qualify the same package once more."""
    assert wiring.qualify(wiring.offer()).state is State.AWAITING_SIGN_OFF
    between(wiring)
    return wiring.qualify(wiring.offer(**RETOLD))


# What is carried over


def test_what_only_reads_otherwise_is_qualified_without_a_replica(wiring):
    first = wiring.qualify(wiring.offer())
    done, runs = list(wiring.replicas.done), list(wiring.suites.runs)
    again = wiring.qualify(wiring.offer(**RETOLD))
    assert again.id != first.id
    assert again.state is State.AWAITING_SIGN_OFF
    assert (wiring.replicas.done, wiring.suites.runs) == (done, runs)
    before, after = evidence_of(first, wiring), evidence_of(again, wiring)
    assert carried(again, wiring) == ALL
    origin = Origin(release=first.id, evidence=before.digest, measured=before.ended)
    assert {found for _, found in after.carried} == {origin}
    assert (after.runs, after.rehearsal, after.comparison) == (
        before.runs,
        before.rehearsal,
        before.comparison,
    )
    differ = {name for name in before.files if before.files[name] != after.files.get(name)}
    assert differ == {"manifest.yaml", "junit.xml"}
    assert before.files.keys() == after.files.keys()


def test_a_release_that_comes_back_is_qualified_without_a_replica(wiring):
    first = wiring.qualify(wiring.offer())
    wiring.qualify(wiring.offer("3.0"))
    done = list(wiring.replicas.done)
    wiring.commit({GATE: gate()}, "ops")
    again = wiring.qualify(reopen(wiring.release(first.id), "ops", "It is back.", wiring))
    assert again.state is State.AWAITING_SIGN_OFF
    assert wiring.replicas.done == done
    assert carried(again, wiring) == ALL


def test_a_new_version_has_the_suites_on_the_version_in_use_carried_over(wiring):
    first = wiring.qualify(wiring.offer())
    runs = len(wiring.suites.runs)
    again = wiring.qualify(wiring.offer("3.0"))
    assert carried(again, wiring) == ALL - OF_CANDIDATE
    assert {origin.release for _, origin in evidence_of(again, wiring).carried} == {first.id}
    ran = {(suite, role) for suite, _, role in wiring.suites.runs[runs:]}
    assert ("regression", Role.BASELINE) not in ran
    assert ("regression", Role.CANDIDATE) in ran


def test_what_was_carried_over_names_where_it_was_measured_however_often(wiring):
    first = wiring.qualify(wiring.offer())
    for day in range(1, 4):
        last = wiring.qualify(wiring.offer(deadline=f"2030-01-0{day}"))
        assert {one.release for _, one in evidence_of(last, wiring).carried} == {first.id}


def test_nothing_outlives_its_limit_by_being_carried_over(wiring):
    wiring.qualify(wiring.offer())
    wiring.clock.advance(13 * 86_400)
    assert carried(wiring.qualify(wiring.offer(deadline="2030-01-01")), wiring) == ALL
    wiring.clock.advance(2 * 86_400)
    assert carried(wiring.qualify(wiring.offer(deadline="2030-01-02")), wiring) == set()


def test_a_new_system_is_carried_over_as_well():
    wiring = FakeWiring()
    wiring.commit({"vendor_manifests/acme/pas.yaml": None})
    wiring.qualify(wiring.offer())
    again = wiring.qualify(wiring.offer(**RETOLD))
    assert carried(again, wiring) == {"regression suite on candidate", "smoke suite on candidate"}


def test_faults_are_carried_over_as_well(wiring):
    wiring.commit({COMPOSE: compose(faults=["database-killed"])})
    first = wiring.qualify(wiring.offer())
    struck = list(wiring.faults.struck)
    again = wiring.qualify(wiring.offer(**RETOLD))
    assert wiring.faults.struck == struck != []
    assert carried(again, wiring) == {*ALL, "fault database-killed"}
    before, after = evidence_of(first, wiring), evidence_of(again, wiring)
    assert before.faults == after.faults
    assert before.files.keys() == after.files.keys()


def test_a_fault_that_came_out_otherwise_is_a_mismatch_too(wiring):
    wiring.commit({COMPOSE: compose(faults=["database-killed"])})

    def lose(wiring: FakeWiring) -> None:
        wiring.drawn = 0.01
        wiring.faults.loses["2.0"] = lambda records: {}

    again = twice(wiring, lose)
    assert again.state is State.REFUSED
    found = [one for one in evidence_of(again, wiring).findings if one.kind == "reuse-mismatch"]
    assert "The fault database-killed came out otherwise" in found[0].summary


def test_what_people_decide_about_does_not_have_it_measured_again(wiring):
    def decide(wiring: FakeWiring) -> None:
        wiring.commit({HAZARDS: hazards(), GATE: gate(sign_offs_expire_after_days=7)})

    assert carried(twice(wiring, decide), wiring) == ALL


# What is not

CHANGES: dict[str, Spoil] = {
    "a suite": lambda wiring: wiring.commit({SMOKE: b"def test_other(): ...\n"}),
    "a file beside the suites": lambda wiring: wiring.commit(
        {"test_suites/pas/conftest.py": b"x = 1\n"}
    ),
    "the seed": lambda wiring: wiring.commit({"environments/pas/seed.py": b"print('other')\n"}),
    "a file beside the seed": lambda wiring: wiring.commit({"environments/pas/data/a.csv": b"1\n"}),
    "the environment": lambda wiring: wiring.commit({COMPOSE: compose(ready_within=99)}),
    "ClinOps": lambda wiring: wiring.made_of.update(clinops=digest_of("0.2.0")),
    "the engine": lambda wiring: setattr(wiring.replicas, "engine_version", "29.2"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_is_carried_over_once_something_has_changed(wiring, what):
    again = twice(wiring, CHANGES[what])
    assert carried(again, wiring) == set()
    assert len(evidence_of(again, wiring).measured) == len(ALL)


PASSING = {"upgrade_path": [{"version": "1.5"}, {"version": "2.0"}]}


def test_a_version_that_the_way_up_passes_counts_as_it_is_had(wiring):
    wiring.qualify(wiring.offer("1.5"))
    wiring.qualify(wiring.offer(**PASSING))
    again = wiring.qualify(wiring.offer(**PASSING, **RETOLD))
    assert carried(again, wiring) == ALL
    wiring.images.changed["pas-1.5"] = digest_of("built upon another base")
    last = wiring.qualify(wiring.offer(**PASSING, deadline="2031-01-01"))
    assert carried(last, wiring) == ALL - OF_CANDIDATE


def test_a_version_on_the_way_up_that_can_not_be_had_is_for_the_rehearsal_to_tell(wiring):
    wiring.qualify(wiring.offer("1.5"))
    wiring.qualify(wiring.offer(**PASSING))
    wiring.images.gone.add("pas-1.5")
    again = wiring.qualify(wiring.offer(**PASSING, **RETOLD))
    assert again.state is State.INCONCLUSIVE
    assert evidence_of(again, wiring).measured == ()


def test_a_rehearsal_whose_inventories_are_gone_is_not_carried_over(wiring):
    evidence = evidence_of(wiring.qualify(wiring.offer()), wiring)
    files = {name: data for name, data in evidence.files.items() if "inventory" not in name}
    with pytest.raises(EvidenceError, match="can't be read"):
        came_home(evidence.model_copy(update={"files": files}), REHEARSAL, wiring.evidence)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"package": {"image": f"acme/pas@sha256:{'e' * 64}"}}, ALL - OF_CANDIDATE),
        ({"upgrade_path": [{"version": "2.0", "command": ["true"]}]}, ALL - OF_CANDIDATE),
        ({"rollback": {"strategy": "restore"}}, ALL - {REHEARSAL}),
        ({"changes": [{"summary": "Other words", "area": "display"}]}, ALL),
    ],
)
def test_what_the_manifest_says_counts_where_it_is_read(wiring, changes, kept):
    wiring.qualify(wiring.offer())
    assert carried(wiring.qualify(wiring.offer(**changes)), wiring) == kept


def test_a_gate_may_forbid_it(wiring):
    wiring.commit({GATE: gate(reuse="never")})
    again = twice(wiring)
    assert evidence_of(again, wiring).measured == ()


def test_a_gate_may_shorten_it(wiring):
    wiring.commit({GATE: gate(reuse={"days": 1})})
    again = twice(wiring, lambda wiring: wiring.clock.advance(2 * 86_400))
    assert carried(again, wiring) == set()


def test_nothing_is_carried_over_from_what_did_not_qualify_as_a_whole(wiring):
    wiring.suites.failing = {("regression", "1.0"), ("regression", "2.0")}
    first = wiring.qualify(wiring.offer())
    assert first.state is State.INCONCLUSIVE
    wiring.suites.failing = set()
    again = wiring.qualify(reopen(first, "ops", "mended", wiring))
    assert again.state is State.AWAITING_SIGN_OFF
    assert carried(again, wiring) == set()


def test_a_suite_that_did_not_pass_on_the_version_in_use_is_run_again(wiring):
    wiring.suites.failing = {("regression", "1.0")}
    again = twice(wiring)
    assert carried(again, wiring) == ALL - {"regression suite on baseline"}


def test_nothing_is_carried_over_from_what_a_person_has_rejected(wiring):
    def reject(wiring: FakeWiring) -> None:
        (release, *_) = wiring.ledger.releases("pas")
        wiring.ledger.append(Kind.REJECTED, release.id, {})

    assert carried(twice(wiring, reject), wiring) == set()


def test_what_is_gone_from_the_store_is_measured_again(wiring):
    def lose(wiring: FakeWiring) -> None:
        (release, *_) = wiring.ledger.releases("pas")
        log = evidence_of(release, wiring).files["log/regression-baseline.txt"]
        wiring.alter(log, lambda data: None)

    assert carried(twice(wiring, lose), wiring) == ALL - {"regression suite on baseline"}


def broken_off(wiring):
    """Qualify a release, and break the qualification of the next one off."""
    wiring.qualify(wiring.offer())
    release = wiring.offer(**RETOLD)
    wiring.replicas.engine_gone = True
    with pytest.raises(EngineError):
        wiring.qualify(release)
    wiring.replicas.engine_gone = False
    return release


def test_everything_is_measured_again_after_an_attempt_that_broke_off(wiring):
    release = broken_off(wiring)
    assert carried(wiring.qualify(release), wiring) == set()


def test_an_attempt_that_broke_off_is_not_forgotten_by_way_of_another_version(wiring):
    release = broken_off(wiring)
    wiring.offer("3.0")
    again = wiring.qualify(reopen(wiring.release(release.id), "reconcile", "back", wiring))
    assert again.state is State.AWAITING_SIGN_OFF
    assert carried(again, wiring) == set()


def test_everything_is_measured_again_where_somebody_asks_for_it(wiring):
    first = wiring.qualify(wiring.offer())
    with pytest.raises(RefusedError, match="nothing carried over"):
        reopen(first, "ops", "To be sure.", wiring)
    with pytest.raises(LedgerError, match="from scratch"):
        wiring.ledger.append(Kind.REOPENED, first.id, {"by": "ops", "why": "quietly"})
    again = wiring.qualify(reopen(first, "ops", "To be sure.", wiring, fresh=True))
    assert again.state is State.AWAITING_SIGN_OFF
    assert carried(again, wiring) == set()
    reopened = [e for e in wiring.ledger.entries(first.id) if e.kind is Kind.REOPENED]
    assert [entry.body["fresh"] for entry in reopened] == [True]


# The sample


def test_a_share_is_measured_again_and_the_evidence_says_so(wiring):
    wiring.commit({GATE: gate(reuse={"sampled_percent": 100})})
    again = twice(wiring)
    assert again.state is State.AWAITING_SIGN_OFF
    assert (carried(again, wiring), sampled(again, wiring)) == (set(), ALL)
    assert Kind.REUSE_MISMATCH not in wiring.kinds("pas")


def drawing(wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Have just one result drawn; they are asked for in the order of their names."""
    drawn = iter([0.01 if name == what else 0.99 for name in sorted(ALL)])
    monkeypatch.setattr(wiring, "draw", lambda: next(drawn))


def test_a_sample_of_the_version_in_use_has_nothing_else_measured(wiring, monkeypatch):
    what = "regression suite on baseline"
    again = twice(wiring, lambda wiring: drawing(wiring, monkeypatch, what))
    assert again.state is State.AWAITING_SIGN_OFF
    assert (sampled(again, wiring), carried(again, wiring)) == ({what}, ALL - {what})
    assert wiring.replicas.done[-1] == "fork 1.0"


def test_a_sample_on_upgraded_data_has_the_upgrade_measured_as_well(wiring, monkeypatch):
    what = "regression suite on candidate"
    again = twice(wiring, lambda wiring: drawing(wiring, monkeypatch, what))
    assert again.state is State.AWAITING_SIGN_OFF
    assert sampled(again, wiring) == {what, REHEARSAL}
    assert carried(again, wiring) == ALL - {what, REHEARSAL}


def planted(wiring: FakeWiring) -> ReleaseRecord:
    """Qualify twice; the second time a test fails that nobody has touched."""

    def plant(wiring: FakeWiring) -> None:
        wiring.drawn = 0.01
        wiring.suites.cases["regression", "1.0"] = (
            case("test_regression.py::test_works", hazards=("PAS-001",)),
            case("test_regression.py::test_more", Verdict.FAILED),
        )

    again = twice(wiring, plant)
    wiring.drawn = 0.99
    wiring.suites.cases.clear()
    return again


def test_a_planted_mismatch_is_caught(wiring):
    again = planted(wiring)
    assert again.state is State.INCONCLUSIVE
    found = [one for one in evidence_of(again, wiring).findings if one.kind == "reuse-mismatch"]
    assert [one.summary.partition(" came out")[0] for one in found] == [
        "The regression suite on baseline"
    ]
    assert "now: test_regression.py::test_more failed" in found[0].detail
    (entry,) = (e for e in wiring.ledger.entries("pas") if e.kind is Kind.REUSE_MISMATCH)
    assert entry.body["what"] == "regression suite on baseline"
    assert entry.body["release"] == again.id
    assert list(wiring.ledger.problems()) == []


def test_what_the_upgrade_makes_of_the_data_is_held_against_it_too(wiring):
    def garble(wiring: FakeWiring) -> None:
        wiring.drawn = 0.01
        wiring.replicas.on_start["2.0"] = lambda records: {
            key: {**fields, "name": "?"} for key, fields in records.items()
        }

    again = twice(wiring, garble)
    assert again.state is State.REFUSED
    (found,) = (f for f in evidence_of(again, wiring).findings if f.kind == "reuse-mismatch")
    assert found.summary.startswith("The rehearsal came out otherwise")
    assert "now: data: patients: name, changed" in found.detail


def test_a_mismatch_drops_everything_measured_before_it(wiring):
    inconclusive = planted(wiring)
    again = wiring.qualify(reopen(inconclusive, "ops", "Looked into it.", wiring))
    assert again.state is State.AWAITING_SIGN_OFF
    assert carried(again, wiring) == set()
    assert carried(wiring.qualify(wiring.offer(deadline="2031-01-01")), wiring) == ALL


def test_a_mismatch_is_on_record_even_where_the_attempt_then_breaks_off(wiring):
    wiring.qualify(wiring.offer())
    release = wiring.offer(**RETOLD)
    wiring.drawn = 0.01
    wiring.suites.failing = {("regression", "1.0")}

    def cut(replica):
        wiring.replicas.engine_gone = replica.role is Role.CANDIDATE

    wiring.suites.meanwhile = cut
    with pytest.raises(EngineError):
        wiring.qualify(release)
    assert Kind.REUSE_MISMATCH in wiring.kinds("pas")
    assert wiring.release(release.id).state is State.ERRORED


# The gate


def signed(wiring: FakeWiring, record: ReleaseRecord) -> ReleaseRecord:
    for who in ("joy", "sam"):
        wiring.sign(record, who)
    return wiring.release(record.id)


def refusals(wiring: FakeWiring, record: ReleaseRecord) -> str:
    return "\n".join(check_everything(wiring.release(record.id), wiring).refusals)


def test_a_gate_opens_upon_what_was_carried_over(wiring):
    record = signed(wiring, twice(wiring))
    assert refusals(wiring, record) == ""
    assert wiring.promote(record) is State.LIVE


def mismatch(wiring: FakeWiring) -> None:
    wiring.ledger.append(Kind.REUSE_MISMATCH, "pas", {"release": "pas-3", "what": "a suite"})


def worse_verdict(wiring: FakeWiring) -> None:
    (first,) = wiring.ledger.releases("pas", {State.SUPERSEDED})
    wiring.ledger.append(Kind.REOPENED, first.id, {"by": "ops", "why": "again", "fresh": True})
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, first.id, {"attempt": 2, "holder": "x"})
    verdict = {"outcome": "refused", "evidence": digest_of(1), "attempt": 2}
    wiring.ledger.append(Kind.VERDICT, first.id, verdict)


def altered_origin(wiring: FakeWiring) -> None:
    (_, origin) = evidence_of(wiring.ledger.releases("pas")[0], wiring).carried[0]
    wiring.alter(origin.evidence, lambda data: data + b" ")


def lost_origin(wiring: FakeWiring) -> None:
    (_, origin) = evidence_of(wiring.ledger.releases("pas")[0], wiring).carried[0]
    wiring.alter(origin.evidence, lambda data: None)


def never(wiring: FakeWiring) -> None:
    wiring.commit({GATE: gate(reuse="never")})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (mismatch, "since then a sample came out otherwise (entry"),
        (worse_verdict, "which does not stand any more"),
        (altered_origin, "is not to be had"),
        (lost_origin, "is not to be had"),
        (never, "which the gate forbids"),
    ],
)
def test_a_gate_closes_once_what_it_stands_on_counts_no_more(wiring, spoil, said):
    record = signed(wiring, twice(wiring))
    assert refusals(wiring, record) == ""
    spoil(wiring)
    assert said in refusals(wiring, record)
    assert wiring.promote(record) is State.AWAITING_SIGN_OFF


def test_a_gate_that_has_become_stricter_closes(wiring):
    record = signed(wiring, twice(wiring, lambda wiring: wiring.clock.advance(2 * 86_400)))
    assert refusals(wiring, record) == ""
    wiring.commit({GATE: gate(reuse={"days": 1})})
    assert "was more than 1 day old when it was carried over" in refusals(wiring, record)


def test_a_gate_that_can_not_be_read_lets_nothing_be_carried_over(wiring):
    again = twice(wiring, lambda wiring: wiring.commit({GATE: b"schema: 9\n"}))
    assert evidence_of(again, wiring).measured == ()


def test_a_gate_that_a_mismatch_closed_opens_again_upon_fresh_evidence(wiring):
    record = signed(wiring, twice(wiring))
    mismatch(wiring)
    again = wiring.qualify(reopen(record, "ops", "A sample differed.", wiring, fresh=True))
    assert refusals(wiring, signed(wiring, again)) == ""


def test_what_is_live_says_that_what_it_rests_on_counts_no_more(wiring):
    record = signed(wiring, twice(wiring))
    assert wiring.promote(record) is State.LIVE
    assert dossier(wiring.release(record.id), wiring).problems == ()
    mismatch(wiring)
    (problem, *_) = dossier(wiring.release(record.id), wiring).problems
    assert "a sample came out otherwise" in problem


# Forgeries: evidence that somebody with the account of ClinOps has written, and signed off


def forged(wiring: FakeWiring, change: Callable[[Evidence], Evidence]) -> ReleaseRecord:
    """Put other evidence in place of a second release's, with a verdict and all sign-offs."""
    record = twice(wiring)
    made = change(evidence_of(record, wiring))
    reopen(record, "mallory", "quietly", wiring, fresh=True)
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, {"attempt": 2, "holder": "x"})
    digest = wiring.evidence.put(canonical(made.json_value()))
    body = {"outcome": "qualified", "evidence": digest, "attempt": 2}
    wiring.ledger.append(Kind.VERDICT, record.id, body)
    return signed(wiring, wiring.release(record.id))


def with_measured(evidence: Evidence, name: str, **changes: object) -> Evidence:
    measured = tuple(
        one.model_copy(update=changes) if one.what == name else one for one in evidence.measured
    )
    return evidence.model_copy(update={"measured": measured})


def other_origin(honest: Evidence, **changes: object) -> Evidence:
    (one, origin) = next(pair for pair in honest.carried if pair[0].what == REHEARSAL)
    return with_measured(honest, one.what, carried=origin.model_copy(update=changes))


def other_inputs(evidence: Evidence) -> Evidence:
    (one, _) = next(pair for pair in evidence.carried if pair[0].what == REHEARSAL)
    return with_measured(evidence, one.what, inputs={**one.inputs, "engine": digest_of("x")})


def other_images(evidence: Evidence) -> Evidence:
    """Say that another image was tested; what is said of the results is their origin's."""
    images = [
        one.model_copy(update={"services": {**one.services, "app": digest_of("another")}})
        if one.role is Role.CANDIDATE
        else one
        for one in evidence.images
    ]
    return evidence.model_copy(update={"images": tuple(images)})


def made_up_result(evidence: Evidence) -> Evidence:
    assert evidence.rehearsal is not None
    faster = evidence.rehearsal.model_copy(update={"seconds_up": 0.0})
    return evidence.model_copy(update={"rehearsal": faster})


def test_honest_evidence_passes_where_forgeries_do_not(wiring):
    record = forged(wiring, lambda evidence: evidence)
    assert refusals(wiring, record) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: other_origin(e, release="pas-1.9-000000000000"), "no verdict that qualified"),
        (lambda e: other_origin(e, evidence=digest_of("nothing")), "no verdict that qualified"),
        (lambda e: other_origin(e, measured="2025-06-09T00:00:00+00:00"), "about something else"),
        (other_inputs, "it depends on something else: engine"),
        (made_up_result, "it came out otherwise there"),
        (lambda e: with_measured(e, REHEARSAL, what="rehearsals"), "was not measured there"),
    ],
)
def test_a_forged_origin_opens_no_gate(wiring, change, said):
    record = forged(wiring, change)
    assert said in refusals(wiring, record)
    assert wiring.promote(record) is not State.LIVE


def test_another_file_than_the_origins_opens_no_gate(wiring):
    def exchange(evidence: Evidence) -> Evidence:
        name = "containers/rehearsal-upgrade-app.log"
        other = wiring.evidence.put(b"nothing to be seen here")
        return evidence.model_copy(update={"files": {**evidence.files, name: other}})

    record = forged(wiring, exchange)
    assert "the rehearsal is not proven" in refusals(wiring, record)
    assert "its files are others" in refusals(wiring, record)


def test_evidence_that_claims_both_contradicts_itself(wiring):
    evidence = evidence_of(twice(wiring), wiring)
    (one, origin) = evidence.carried[0]
    both = with_measured(evidence, one.what, sampled=origin)
    again = evidence.model_copy(update={"measured": (*evidence.measured, one)})
    nothing = with_measured(evidence, one.what, carried=None, differs=("now: other",))
    for forged_one in (both, again, nothing):
        assert forged_one.contradictions() != []


def test_results_of_other_images_contradict_the_evidence_around_them(wiring):
    evidence = evidence_of(twice(wiring), wiring)
    found = other_images(evidence).contradictions()
    assert len(found) == len(OF_CANDIDATE)
    assert all("is said to be of another candidate than the release's" in one for one in found)
    (one, _) = next(pair for pair in evidence.carried if pair[0].what == REHEARSAL)
    for name in ("suites", "product", "baseline"):
        fewer = {part: digest for part, digest in one.inputs.items() if part != name}
        for inputs in (fewer, {**one.inputs, name: digest_of("x")}):
            (problem,) = with_measured(evidence, REHEARSAL, inputs=inputs).contradictions()
            assert f"of another {name}" in problem


def test_a_mismatch_can_not_be_left_out_of_the_findings(wiring):
    evidence = evidence_of(planted(wiring), wiring)
    hidden = evidence.model_copy(
        update={
            "findings": tuple(f for f in evidence.findings if f.kind != "reuse-mismatch"),
            "outcome": Outcome.QUALIFIED,
        }
    )
    assert any("a finding is left out" in one for one in hidden.contradictions())


# Told apart


def test_the_evidence_the_ledger_and_operations_tell_it_apart(wiring):
    again = twice(wiring)
    evidence = evidence_of(again, wiring)
    (_, origin) = evidence.carried[0]
    assert "## Carried over" in wiring.stages.reports["verdict"]
    assert {row["carried over from"] for row in wiring.stages.tables["suites"]} == {origin.release}
    junit = wiring.evidence.get(evidence.files["junit.xml"]).decode()
    assert junit.count('name="carried.release"') == 4
    assert f'name="carried.evidence" value="{origin.evidence}"' in junit
    assert len(wiring.last_body(again.id)["carried"]) == len(ALL)


def test_the_engines_attestation_tells_it_apart(wiring):
    again = twice(wiring)
    (_, origin) = evidence_of(again, wiring).carried[0]
    envelope = wiring.evidence.get(wiring.last_body(again.id)["attestation"]["envelope"])
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    inputs = statement["predicate"]["configuration"]
    told = {one["annotations"]["carried"]: one for one in inputs if "annotations" in one
            and "carried" in one["annotations"]}  # fmt: skip
    assert told.keys() == ALL
    assert told[REHEARSAL]["digest"] == {"sha256": origin.evidence.removeprefix("sha256:")}


def test_the_page_tells_it_apart_at_its_top_and_with_every_suite(wiring):
    again = twice(wiring)
    (_, origin) = evidence_of(again, wiring).carried[0]
    page = Browser(application(wiring)).text(f"/releases/{again.id}")
    assert "6 results, not run again" in page
    assert "Not all of this was measured for this release" in page
    link = f'from <a href="/releases/{origin.release}">{origin.release}</a> of <time'
    # The list at the top, both suites on both versions, the rehearsal and the comparison.
    assert page.count(link) == len(ALL) + 4 + 2
    first = Browser(application(wiring)).text(f"/releases/{origin.release}")
    assert "arried over" not in first


def test_the_page_tells_what_was_measured_again_to_be_sure(wiring):
    wiring.commit({GATE: gate(reuse={"sampled_percent": 100})})
    again = twice(wiring)
    page = Browser(application(wiring)).text(f"/releases/{again.id}")
    assert "6 results could have been carried over and were measured again to be sure" in page


def test_the_page_and_the_history_tell_of_a_mismatch(wiring):
    again = planted(wiring)
    browser = Browser(application(wiring))
    assert "The regression suite on baseline came out otherwise" in browser.text(
        f"/releases/{again.id}"
    )
    assert "nothing measured until now is carried over any more" in browser.text(
        "/systems/pas/history"
    )


def test_the_safety_case_tells_it_apart(wiring):
    again = twice(wiring)
    told = as_html(safety_case(again, wiring))
    assert "6 results were not measured for this release" in told
    assert "The smoke suite on candidate was carried over from pas-2.0-" in told
