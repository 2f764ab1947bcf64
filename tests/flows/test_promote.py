from __future__ import annotations

import pytest

from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.replica import ReplicaFailure
from clinops.errors import (
    BadInputError,
    LeaseLostError,
    RollbackError,
)
from flows.gate import load_evidence
from tests.fakes.wiring import (
    BOTH_ON_NEW,
    BOTH_ON_OLD,
    FIRST,
    MANIFEST,
    SECOND,
    SITES,
    FakeWiring,
    sites,
)
from tests.flows.setback import RESTORE, broken_way_back, rolled_back, with_a_script

# The way forward


def test_goes_to_every_site_in_ring_order(wiring):
    release = wiring.signed_off()
    assert wiring.promote(release) is State.LIVE
    assert wiring.sites.calls == [
        f"back up {release.id}-{FIRST}",
        "deploy 2.0",
        f"back up {release.id}-{SECOND}",
        "deploy 2.0",
    ]
    assert wiring.live_versions() == wiring.running() == BOTH_ON_NEW
    assert wiring.kinds(release.id)[-2:] == [Kind.DEPLOYMENT_STARTED, Kind.DEPLOYED]
    assert wiring.kinds(f"pas@{FIRST}") == [Kind.SYSTEM_ADOPTED, Kind.SITE_LIVE]
    assert list(wiring.ledger.problems()) == []
    assert wiring.ledger.leases() == {}


def test_what_goes_live_is_what_was_tested(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    tested = load_evidence(release, wiring).candidate_images()
    assert [live.images for live in wiring.ledger.live("pas")] == [tested, tested]
    assert {live.release for live in wiring.ledger.live("pas")} == {release.id}


def test_the_rings_are_those_of_the_protected_branch(wiring):
    release = wiring.signed_off()
    wiring.commit({SITES: sites(**{FIRST: 5, SECOND: 2})})
    wiring.promote(release)
    assert wiring.sites.calls[0] == f"back up {release.id}-{SECOND}"


def test_a_second_time_does_nothing(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    calls, entries = list(wiring.sites.calls), list(wiring.ledger.entries())
    assert wiring.promote(release) is State.LIVE
    assert (wiring.sites.calls, list(wiring.ledger.entries())) == (calls, entries)


@pytest.mark.parametrize("lease", ["promote", "system"])
def test_does_nothing_while_another_process_holds_a_lease(wiring, lease):
    release = wiring.signed_off()
    name = release.id if lease == "promote" else "pas"
    wiring.ledger.take_lease(f"{lease}:{name}", "another", 60)
    entries = list(wiring.ledger.entries())
    with pytest.raises(LeaseLostError):
        wiring.promote(release)
    assert list(wiring.ledger.entries()) == entries
    assert wiring.sites.calls == []


def test_what_was_read_before_the_lease_was_held_is_not_believed(wiring, monkeypatch):
    release, lease = wiring.signed_off(), wiring.lease

    def after_another(name):
        monkeypatch.setattr(wiring, "lease", lease)
        assert wiring.promote(release) is State.LIVE
        return lease(name)

    monkeypatch.setattr(wiring, "lease", after_another)
    assert wiring.promote(release) is State.LIVE
    assert wiring.kinds(release.id).count(Kind.DEPLOYED) == 1


def test_goes_to_no_further_site_once_the_lease_was_lost(wiring):
    release = wiring.signed_off()

    def pause(replica):
        wiring.clock.advance(3600)
        wiring.ledger.take_lease(f"promote:{release.id}", "another", 10_000)

    wiring.suites.meanwhile = pause
    with pytest.raises(LeaseLostError):
        wiring.promote(release)
    assert wiring.running() == {FIRST: "2.0", SECOND: "1.0"}


def test_a_new_system_goes_live_without_a_backup():
    wiring = FakeWiring()
    wiring.commit({MANIFEST: None})
    release = wiring.signed_off()
    assert wiring.promote(release) is State.LIVE
    assert wiring.sites.calls == ["deploy 2.0", "deploy 2.0"]
    assert wiring.live_versions() == BOTH_ON_NEW


# The way back

STRATEGIES = {
    "restore": (RESTORE, ["restore 1.0", "deploy 1.0"]),
    "binary": ({"strategy": "binary"}, ["deploy 1.0"]),
    "script": (
        {"strategy": "script", "command": ["pas", "downgrade"]},
        ["execute pas downgrade", "deploy 1.0"],
    ),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_failing_check_rolls_back_by_the_declared_strategy(wiring, strategy):
    rollback, way_back = STRATEGIES[strategy]
    release = wiring.signed_off(rollback=rollback)
    wiring.fail_at_sites("2.0", FIRST)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.calls == [f"back up {release.id}-{FIRST}", "deploy 2.0", *way_back]
    assert "smoke suite failed after the deployment" in rolled_back(wiring, release)
    assert wiring.live_versions() == BOTH_ON_OLD
    assert wiring.last_body(f"pas@{FIRST}")["strategy"] == strategy


def test_a_check_that_does_not_run_to_its_end_rolls_back(wiring):
    release = wiring.signed_off()
    wiring.suites.crashing = {("smoke", "2.0")}
    assert wiring.promote(release) is State.ROLLED_BACK
    assert "did not run to its end" in rolled_back(wiring, release)


def test_a_system_that_never_gets_ready_rolls_back(wiring):
    release = wiring.signed_off()
    wiring.sites.failures["2.0"] = ReplicaFailure(service="app", reason="exit 3", log_tail="")
    assert wiring.promote(release) is State.ROLLED_BACK
    assert "app never got ready: exit 3" in rolled_back(wiring, release)


def test_a_deployment_that_would_fail_every_time_rolls_back(wiring):
    release = wiring.signed_off()
    deploy = wiring.sites.deploy

    def refuse(environment, images, live, **how):
        if live.version == "2.0":
            raise BadInputError("the image keeps data in /var/spool")
        return deploy(environment, images, live, **how)

    wiring.sites.deploy = refuse
    assert wiring.promote(release) is State.ROLLED_BACK
    assert "keeps data in /var/spool" in rolled_back(wiring, release)


def test_the_second_ring_is_not_touched_when_the_first_rolls_back(wiring):
    release = wiring.signed_off()
    wiring.fail_at_sites("2.0", FIRST)
    wiring.promote(release)
    assert ("pas", SECOND, f"{release.id}-{SECOND}") not in wiring.sites.backups
    assert wiring.kinds(f"pas@{SECOND}") == [Kind.SYSTEM_ADOPTED]


def test_the_first_ring_stays_live_when_the_second_rolls_back(wiring):
    release = wiring.signed_off()
    wiring.fail_at_sites("2.0", SECOND)
    assert wiring.promote(release) is State.ROLLED_BACK
    rolled_back(wiring, release, SECOND)
    assert wiring.live_versions() == wiring.running() == {FIRST: "2.0", SECOND: "1.0"}


def test_what_was_rolled_back_stays_so(wiring):
    release = wiring.signed_off()
    wiring.fail_at_sites("2.0", FIRST)
    wiring.promote(release)
    entries = list(wiring.ledger.entries())
    wiring.suites.meanwhile = lambda replica: None
    assert wiring.promote(release) is State.ROLLED_BACK
    assert list(wiring.ledger.entries()) == entries


def test_a_declared_way_back_that_fails_is_mended_by_the_backup(wiring):
    release = with_a_script(wiring)
    wiring.fail_at_sites("2.0", FIRST)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.calls[-2:] == ["restore 1.0", "deploy 1.0"]
    assert wiring.last_body(f"pas@{FIRST}")["verified"] is True


def test_a_way_back_that_fails_as_well_calls_a_person_and_is_on_record(wiring):
    release = broken_way_back(wiring)
    with pytest.raises(RollbackError, match="the backup is gone") as raised:
        wiring.promote(release)
    assert "a person must act now" in raised.value.mend
    body = wiring.last_body(f"pas@{FIRST}")
    assert (body["verified"], body["problem"]) == (False, "the backup is gone")
    assert wiring.release(release.id).state is State.ROLLED_BACK
    assert "the way back failed as well" in str(wiring.last_body(release.id)["cause"])


def test_an_old_version_that_does_not_work_any_more_calls_a_person(wiring):
    release = wiring.signed_off()
    wiring.suites.meanwhile = lambda replica: wiring.suites.failing.update(
        {("smoke", "1.0"), ("smoke", "2.0")}
    )
    with pytest.raises(RollbackError, match="smoke suite failed"):
        wiring.promote(release)
    assert wiring.last_body(f"pas@{FIRST}")["verified"] is False


def test_a_site_whose_way_back_failed_is_never_deployed_to_again_by_itself(wiring):
    release = broken_way_back(wiring)
    with pytest.raises(RollbackError):
        wiring.promote(release)
    calls = list(wiring.sites.calls)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.calls == calls


def test_a_new_system_that_fails_its_check_is_on_record_and_calls_a_person():
    wiring = FakeWiring()
    wiring.commit({MANIFEST: None})
    release = wiring.signed_off()
    wiring.suites.failing = {("smoke", "2.0")}
    with pytest.raises(RollbackError, match="nothing was there before"):
        wiring.promote(release)
    assert wiring.release(release.id).state is State.ROLLED_BACK
    assert wiring.live_versions() == {}
    assert wiring.sites.calls == ["deploy 2.0"]
