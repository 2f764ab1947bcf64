"""Results that are carried over, and those that are not."""

from __future__ import annotations

import pytest

from clinops.domain.digest import digest_of
from clinops.domain.ledger import Kind
from clinops.domain.measured import REHEARSAL, Origin
from clinops.domain.outcome import State
from clinops.domain.suite import Role
from clinops.errors import EngineError, EvidenceError, LedgerError, RefusedError
from flows.reconcile import reopen
from flows.results import came_home
from tests.fakes.wiring import COMPOSE, GATE, HAZARDS, SMOKE, FakeWiring, compose, gate, hazards
from tests.flows.reused import ALL, OF_CANDIDATE, RETOLD, Spoil, carried, evidence_of, twice

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
