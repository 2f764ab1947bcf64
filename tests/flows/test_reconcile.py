from __future__ import annotations

import pytest

from clinops.adapters.estate_validation import validate
from clinops.domain.ledger import Kind, timestamp
from clinops.domain.outcome import State
from clinops.errors import EngineError, RefusedError
from flows.baseline import live_baseline
from flows.housekeeping import keep_house
from flows.reconcile import Reconciled, adoption, reconcile, reopen
from tests.fakes.wiring import (
    COMPOSE,
    ESTATE,
    FIRST,
    GATE,
    MANIFEST,
    SECOND,
    SITES,
    SMOKE,
    Crash,
    FakeWiring,
    compose,
    document,
    gate,
    key,
    manifest,
    sites,
)

BROKEN = "vendor_manifests/bergmann/lab.yaml"


def pushed(wiring: FakeWiring, version: str = "2.0") -> Reconciled:
    wiring.commit({MANIFEST: manifest(version)}, "acme")
    return reconcile(wiring)


def test_a_new_manifest_becomes_known_and_gets_one_run(wiring):
    done = pushed(wiring)
    (release,) = done.known
    assert done.problems == []
    assert done.scheduled == {release: f"http://flows/qualify:{release}:1"}
    record = wiring.release(release)
    assert (record.state, record.product, record.version) == (State.KNOWN, "pas", "2.0")
    assert record.release["committer"] == "vendor:acme"
    assert wiring.orchestrator.runs == {
        f"qualify:{release}:1": {"flow": "qualify", "release_id": release}
    }


def test_a_release_knows_when_it_was_pushed(wiring):
    wiring.clock.advance(60)
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    pushed_at = wiring.clock()
    wiring.clock.advance(2)
    (release,) = reconcile(wiring).known
    known = next(wiring.ledger.entries(release))
    assert known.body["pushed"] == timestamp(pushed_at)
    assert known.time == timestamp(wiring.clock())


def test_a_second_time_changes_nothing(wiring):
    first = pushed(wiring)
    entries, runs = list(wiring.ledger.entries()), dict(wiring.orchestrator.runs)
    second = reconcile(wiring)
    assert second.known == []
    assert second.scheduled == first.scheduled
    assert (list(wiring.ledger.entries()), wiring.orchestrator.runs) == (entries, runs)


def test_what_is_live_is_left_alone(wiring):
    assert vars(reconcile(wiring)) == {"known": [], "scheduled": {}, "problems": []}
    assert wiring.orchestrator.runs == {}


def test_what_is_live_at_one_site_only_is_still_a_release():
    wiring = FakeWiring()
    wiring.adopt(FIRST)
    assert len(reconcile(wiring).known) == 1


def test_what_is_being_adopted_is_no_release_yet():
    wiring = FakeWiring()
    with wiring.lease(adoption("pas", SECOND)):
        assert reconcile(wiring).known == []
    with wiring.lease(adoption("lab", SECOND)):
        assert len(reconcile(wiring).known) == 1


@pytest.mark.parametrize("broken", [b"schema: [", b"\xff\xfe", document({"schema": 1})])
def test_one_vendors_broken_manifest_does_not_stop_the_others(wiring, broken):
    vendor = document({"schema": 1, "name": "Bergmann", "keys": [key("stranger")]})
    wiring.commit({"vendor_manifests/bergmann/vendor.yaml": vendor})
    wiring.commit({BROKEN: broken, "vendor_manifests/aaa/lab.yaml": broken}, "ops")
    done = pushed(wiring)
    assert [wiring.release(release).version for release in done.known] == ["2.0"]
    assert list(done.scheduled) == done.known
    assert len(done.problems) == 2


def test_a_commit_that_nobody_known_signed_is_a_problem_and_no_release(wiring):
    wiring.commit({MANIFEST: manifest("2.0")}, "stranger")
    done = reconcile(wiring)
    assert done.known == []
    assert len(done.problems) == 1
    assert MANIFEST in done.problems[0]


@pytest.mark.parametrize(
    "change",
    [
        {SMOKE: b"def test_smoke(): pass\n"},  # other bytes; it is never run
        {COMPOSE: compose(ready_within=90)},
        {GATE: gate(sign_offs_expire_after_days=7)},
    ],
    ids=["suite", "environment", "gate"],
)
def test_another_suite_environment_or_gate_makes_another_release(wiring, change):
    first = pushed(wiring).known
    wiring.commit(change)
    second = reconcile(wiring).known
    assert len(second) == 1
    assert second != first
    assert wiring.release(second[0]).release["committer"] == "vendor:acme"


def test_the_same_content_again_is_the_same_release(wiring):
    (release,) = pushed(wiring).known
    wiring.commit({MANIFEST: manifest("3.0")}, "acme")
    assert len(reconcile(wiring).known) == 1
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    done = reconcile(wiring)
    assert done.known == []
    assert list(done.scheduled) == [release]


@pytest.mark.parametrize("qualified", [False, True])
def test_a_newer_release_takes_the_place_of_one_that_waits(wiring, qualified):
    release = wiring.signed_off() if qualified else wiring.offer()
    pushed(wiring, "3.0")
    assert wiring.release(release.id).state is State.SUPERSEDED
    by = wiring.last_body(release.id)["by"]
    assert wiring.release(by).version == "3.0"
    assert wiring.release(by).state is not State.SUPERSEDED


def test_sign_offs_do_not_come_back_with_the_content(wiring):
    release = wiring.signed_off()
    pushed(wiring, "3.0")
    assert pushed(wiring, "2.0").scheduled.keys() == {release.id}
    wiring.clock.advance(60)
    again = wiring.qualify(wiring.release(release.id))
    assert (again.state, again.attempt) == (State.AWAITING_SIGN_OFF, 2)
    assert again.evidence != release.evidence
    assert wiring.promote(again) is State.AWAITING_SIGN_OFF
    assert "it was made for other evidence" in str(wiring.last_body(release.id)["reasons"])


def test_what_is_being_tested_is_not_overtaken_before_its_end(wiring):
    release = wiring.offer()
    seen: list[State] = []

    def overtake(replica):
        pushed(wiring, "3.0")
        seen.append(wiring.release(release.id).state)

    wiring.suites.meanwhile = overtake
    assert wiring.qualify(release).state is State.AWAITING_SIGN_OFF
    assert set(seen) == {State.QUALIFYING}
    reconcile(wiring)
    assert wiring.release(release.id).state is State.SUPERSEDED


def test_an_inconclusive_release_is_tried_again_when_somebody_asks(wiring):
    release = wiring.offer()
    wiring.suites.crashing = {("smoke", "2.0")}
    inconclusive = wiring.qualify(release)
    wiring.suites.crashing = set()
    assert inconclusive.state is State.INCONCLUSIVE
    assert reopen(inconclusive, "sam", "more memory", wiring).evidence is None
    assert reconcile(wiring).scheduled.keys() == {release.id}
    assert wiring.qualify(wiring.release(release.id)).state is State.AWAITING_SIGN_OFF
    assert list(wiring.ledger.problems()) == []


def test_a_refused_release_is_not_tried_again(wiring):
    wiring.suites.failing = {("smoke", "2.0")}
    refused = wiring.qualify(wiring.offer())
    with pytest.raises(RefusedError, match="only what is inconclusive can be tried again"):
        reopen(refused, "sam", "please", wiring)


def test_a_qualification_whose_process_died_gets_another_attempt(wiring):
    release = wiring.offer()

    def die(replica):
        raise Crash

    wiring.suites.meanwhile = die
    with pytest.raises(Crash):
        wiring.qualify(release)
    assert wiring.release(release.id).state is State.QUALIFYING
    reconcile(wiring)
    assert f"qualify:{release.id}:2" in wiring.orchestrator.runs


def test_a_qualification_that_goes_on_is_left_alone(wiring):
    release = wiring.offer()
    wiring.suites.meanwhile = lambda replica: seen.append(reconcile(wiring).scheduled)
    seen: list[dict[str, str]] = []
    wiring.qualify(release)
    assert seen == [{}] * 5


def test_a_release_becomes_known_even_while_the_flow_server_is_down(wiring):
    wiring.orchestrator.down = True
    done = pushed(wiring)
    (release,) = done.known
    assert done.scheduled == {}
    assert len(done.problems) == 1
    wiring.orchestrator.down = False
    assert list(reconcile(wiring).scheduled) == [release]


def test_a_release_whose_gate_is_open_gets_a_promote_run(wiring):
    release = wiring.signed_off()
    assert list(reconcile(wiring).scheduled) == [release.id]
    run = wiring.orchestrator.runs[f"promote:{release.id}:1"]
    assert run == {"flow": "promote", "release_id": release.id}


def test_a_release_without_its_sign_offs_waits(wiring):
    release = wiring.qualify(wiring.offer())
    assert reconcile(wiring).scheduled == {}
    wiring.sign(release, "joy")
    assert reconcile(wiring).scheduled == {}


def test_audits_the_ledger_once_however_many_releases_wait(wiring, monkeypatch):
    wiring.signed_off()
    lab = {
        path.replace("pas", "lab"): data.replace(b"pas", b"lab")
        for path, data in wiring.git.head().files.items()
        if "pas" in path
    }
    wiring.commit({**lab, SITES: document({"schema": 1, "sites": {
        FIRST: {"ring": 0, "products": ["pas", "lab"]}}})})  # fmt: skip
    (known,) = reconcile(wiring).known
    wiring.qualify(wiring.release(known))
    audits, problems = [], wiring.ledger.problems
    monkeypatch.setattr(wiring.ledger, "problems", lambda: audits.append(1) or problems())
    waiting = wiring.ledger.releases(states={State.AWAITING_SIGN_OFF})
    reconcile(wiring)
    assert (len(waiting), len(audits)) == (2, 1)


def test_a_broken_ledger_schedules_no_promotion(wiring):
    wiring.signed_off()
    wiring.edit_ledger()
    assert reconcile(wiring).scheduled == {}


@pytest.mark.parametrize("outcome", ["failing", "crashing"])
def test_a_release_that_is_decided_is_not_tried_again(wiring, outcome):
    release = wiring.offer()
    setattr(wiring.suites, outcome, {("smoke", "2.0")})
    wiring.qualify(release)
    wiring.clock.advance(86_400)
    assert reconcile(wiring).scheduled == {}


def test_a_promotion_whose_process_died_is_taken_up(wiring):
    release = wiring.signed_off()
    wiring.ledger.before = Kind.SITE_LIVE
    with pytest.raises(Crash):
        wiring.promote(release)
    assert list(reconcile(wiring).scheduled) == [release.id]
    assert f"promote:{release.id}:2" in wiring.orchestrator.runs


def test_a_half_deployed_release_is_taken_up_though_its_manifest_was_overtaken(wiring):
    release = wiring.signed_off()
    wiring.ledger.before = Kind.SITE_LIVE
    with pytest.raises(Crash):
        wiring.promote(release)
    wiring.ledger.before = None
    done = pushed(wiring, "3.0")
    assert set(done.scheduled) == {release.id, *done.known}


def test_a_half_deployed_release_is_taken_up_though_its_manifest_is_broken_by_now(wiring):
    release = wiring.signed_off()
    wiring.ledger.after = Kind.DEPLOYMENT_STARTED
    with pytest.raises(Crash):
        wiring.promote(release)
    wiring.commit({MANIFEST: b"schema: ["}, "acme")
    done = reconcile(wiring)
    assert list(done.scheduled) == [release.id]
    assert len(done.problems) == 1


def test_a_product_that_no_site_runs_is_qualified_all_the_same(wiring):
    wiring.commit({SITES: sites(elsewhere=0), MANIFEST: manifest("2.0")})
    assert len(reconcile(wiring).known) == 1


def test_the_whole_estate_of_the_tests_has_no_problems():
    wiring = FakeWiring()
    assert validate(wiring.git.head(), live={}) == []
    assert set(wiring.git.head().files) == set(ESTATE)


def test_housekeeping_sweeps_what_a_crash_left_and_nothing_else(wiring):
    mine = wiring.settings.estate
    wiring.ledger.take_lease("qualify:pas-1", f"{mine}:host:1:aa", 60)
    wiring.replicas.present = {
        "working": f"{mine}:host:1:aa",
        "orphaned": f"{mine}:host:1:bb",
        "of another estate": "ffffffffffff:host:1:cc",
    }
    assert keep_house(wiring).removed == ("orphaned",)
    assert set(wiring.replicas.present) == {"working", "of another estate"}


def test_housekeeping_marks_runs_without_a_lease_even_for_promotions(wiring):
    wiring.orchestrator.dead = ["pas-1", "pas-2", "pas-3"]
    wiring.ledger.take_lease("qualify:pas-1", "a", 60)
    wiring.ledger.take_lease("promote:pas-2", "b", 60)
    assert keep_house(wiring).crashed == ("pas-3",)
    wiring.orchestrator.down = True
    assert keep_house(wiring).crashed == ()


def test_housekeeping_tells_of_a_broken_ledger(wiring):
    assert keep_house(wiring).ledger_problems == ()
    wiring.ledger._live.clear()
    assert keep_house(wiring).ledger_problems


def test_housekeeping_raises_when_the_engine_cannot_be_asked(wiring):
    class Gone(type(wiring.replicas)):  # type: ignore[misc]
        def sweep(self, alive):
            raise EngineError("no engine")

    wiring.replicas = Gone()
    with pytest.raises(EngineError):
        keep_house(wiring)


def test_rings_decide_which_version_is_the_baseline(wiring):
    release = wiring.signed_off()
    wiring.suites.meanwhile = lambda replica: setattr(
        wiring.suites, "failing", {("smoke", "2.0")} if replica.site == SECOND else set()
    )
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.live_versions() == {FIRST: "2.0", SECOND: "1.0"}
    baseline = live_baseline("pas", wiring)
    assert baseline is not None
    assert baseline.version == "1.0"
