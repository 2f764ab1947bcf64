from __future__ import annotations

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.errors import (
    DeploymentError,
    EngineError,
    RollbackError,
)
from tests.fakes.wiring import (
    BOTH_ON_NEW,
    BOTH_ON_OLD,
    FIRST,
    MANIFEST,
    REVOKED,
    SECOND,
    SIGNERS,
    SITES,
    Crash,
    FakeWiring,
    joys_key,
    manifest,
    sites,
)
from tests.flows.setback import RESTORE, Arrange, broken_way_back, rolled_back

# Killed at any moment


def died_before_the_entry(wiring: FakeWiring) -> ReleaseRecord:
    """Return a release that runs at the first site, where its process died unrecorded."""
    release = wiring.signed_off(rollback=RESTORE)
    wiring.ledger.before = Kind.SITE_LIVE
    wiring.killed(release)
    assert wiring.running()[FIRST] == "2.0"
    assert wiring.live_versions() == BOTH_ON_OLD
    return release


def test_goes_on_after_a_crash_between_a_deployment_and_its_entry(wiring):
    release = died_before_the_entry(wiring)
    assert wiring.promote(release) is State.LIVE
    assert wiring.live_versions() == wiring.running() == BOTH_ON_NEW
    assert wiring.kinds(release.id).count(Kind.DEPLOYED) == 1
    assert wiring.kinds(f"pas@{FIRST}").count(Kind.SITE_LIVE) == 1


def test_goes_on_with_the_next_ring_after_a_crash_behind_the_first(wiring):
    release = wiring.signed_off()
    wiring.ledger.after = Kind.SITE_LIVE
    wiring.killed(release)
    wiring.sites.calls.clear()
    assert wiring.promote(release) is State.LIVE
    assert wiring.sites.calls == [f"back up {release.id}-{SECOND}", "deploy 2.0"]
    assert wiring.kinds(f"pas@{FIRST}").count(Kind.SITE_LIVE) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "kind", [Kind.DEPLOYMENT_STARTED, Kind.SITE_LIVE, Kind.DEPLOYED], ids=lambda kind: kind.value
)
def test_ends_live_wherever_the_process_died(wiring, moment, kind):
    release = wiring.signed_off()
    setattr(wiring.ledger, moment, kind)
    with pytest.raises(Crash):
        wiring.promote(release)
    wiring.ledger.before = wiring.ledger.after = None
    assert wiring.promote(release) is State.LIVE
    assert wiring.live_versions() == wiring.running() == BOTH_ON_NEW
    assert wiring.kinds(release.id).count(Kind.DEPLOYED) == 1
    assert set(wiring.sites.data.values()) == {"patients"}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "kind", [Kind.SITE_ROLLED_BACK, Kind.ROLLED_BACK], ids=lambda kind: kind.value
)
def test_ends_rolled_back_wherever_the_process_died(wiring, moment, kind):
    release = wiring.signed_off(rollback=RESTORE)
    wiring.fail_at_sites("2.0", FIRST)
    setattr(wiring.ledger, moment, kind)
    with pytest.raises(Crash):
        wiring.promote(release)
    wiring.ledger.before = wiring.ledger.after = None
    assert wiring.promote(release) is State.ROLLED_BACK
    rolled_back(wiring, release)
    assert wiring.kinds(f"pas@{FIRST}").count(Kind.SITE_ROLLED_BACK) == 1
    assert wiring.sites.data["pas", FIRST] == "patients"


def test_a_rollback_on_record_is_not_followed_by_another_deployment(wiring):
    release = wiring.signed_off()
    wiring.fail_at_sites("2.0", FIRST)
    wiring.ledger.after = Kind.SITE_ROLLED_BACK
    wiring.killed(release)
    wiring.suites.meanwhile = lambda replica: None
    wiring.suites.failing = set()
    wiring.sites.calls.clear()
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.calls == []


def test_a_way_back_that_failed_before_the_crash_still_calls_a_person(wiring):
    release = broken_way_back(wiring)
    wiring.ledger.after = Kind.SITE_ROLLED_BACK
    wiring.killed(release)
    with pytest.raises(RollbackError, match="the backup is gone"):
        wiring.promote(release)


def test_the_second_attempt_takes_no_backup_of_what_the_first_has_changed(wiring):
    release = died_before_the_entry(wiring)
    wiring.sites.data["pas", FIRST] = "migrated"
    wiring.fail_at_sites("2.0", FIRST)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.data["pas", FIRST] == "patients"


def test_a_deployment_that_the_engine_broke_off_is_gone_on_with(wiring):
    release, deploy = wiring.signed_off(), wiring.sites.deploy

    def break_off(environment, images, live, **how):
        wiring.sites.deploy = deploy
        raise EngineError("the connection was reset")

    wiring.sites.deploy = break_off
    with pytest.raises(EngineError):
        wiring.promote(release)
    assert wiring.release(release.id).state is State.PROMOTING
    assert wiring.kinds(f"pas@{FIRST}") == [Kind.SYSTEM_ADOPTED]
    assert wiring.promote(release) is State.LIVE


def test_an_engine_that_goes_away_is_gone_on_from(wiring):
    release = wiring.signed_off()
    wiring.suites.meanwhile = lambda replica: setattr(wiring.sites, "engine_gone", True)
    fail_once = wiring.suites.failing = {("smoke", "2.0")}
    with pytest.raises(EngineError):
        wiring.promote(release)
    assert wiring.release(release.id).state is State.PROMOTING
    assert Kind.SITE_ROLLED_BACK not in wiring.kinds(f"pas@{FIRST}")
    wiring.sites.engine_gone = False
    wiring.suites.meanwhile = lambda replica: None
    fail_once.clear()
    assert wiring.promote(release) is State.LIVE


# A gate that closes while a release is on its way

CLOSING: dict[str, Arrange] = {
    "a key is revoked": lambda wiring, release: (
        wiring.commit({SIGNERS: joys_key(revoked=REVOKED)}) and None
    ),
    "sign-offs expire": lambda wiring, release: wiring.clock.advance(15 * 86_400),
    "evidence is lost": lambda wiring, release: wiring.alter(
        str(release.evidence), lambda data: None
    ),
    "the site is not run any more": lambda wiring, release: (
        wiring.commit({SITES: sites(**{SECOND: 0})})
        and wiring.commit({MANIFEST: manifest("3.0")}, "acme")
        and None
    ),
}


@pytest.mark.parametrize("name", CLOSING)
def test_a_half_deployed_site_is_brought_back_when(wiring, name):
    release = died_before_the_entry(wiring)
    wiring.sites.data["pas", FIRST] = "migrated"
    CLOSING[name](wiring, release)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert rolled_back(wiring, release).startswith("the gate did not hold any more: ")
    assert wiring.sites.data["pas", FIRST] == "patients"
    assert Kind.PROMOTION_REFUSED in wiring.kinds(release.id)
    assert wiring.running() == wiring.live_versions() == BOTH_ON_OLD


def test_a_site_that_was_stopped_for_its_backup_is_started_again(wiring):
    release = wiring.signed_off()
    back_up = wiring.sites.back_up

    def die(*arguments):
        back_up(*arguments)
        raise Crash

    wiring.sites.back_up = die
    wiring.killed(release)
    assert FIRST not in wiring.running()
    wiring.sites.back_up = back_up
    CLOSING["a key is revoked"](wiring, release)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.running() == BOTH_ON_OLD


def test_what_was_not_touched_yet_is_left_alone(wiring):
    release = wiring.signed_off()
    wiring.ledger.after = Kind.DEPLOYMENT_STARTED
    wiring.killed(release)
    CLOSING["a key is revoked"](wiring, release)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.calls == []
    assert wiring.kinds(f"pas@{FIRST}") == [Kind.SYSTEM_ADOPTED]
    assert "the key was revoked" in str(wiring.last_body(release.id)["cause"])


def test_a_ring_that_is_live_stays_so_when_the_gate_closes_before_the_next(wiring):
    release = wiring.signed_off()
    wiring.ledger.after = Kind.SITE_LIVE
    wiring.killed(release)
    CLOSING["sign-offs expire"](wiring, release)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.live_versions() == wiring.running() == {FIRST: "2.0", SECOND: "1.0"}


def test_a_half_deployed_new_system_whose_gate_closes_calls_a_person():
    wiring = FakeWiring()
    wiring.commit({MANIFEST: None})
    release = wiring.signed_off()
    wiring.ledger.before = Kind.SITE_LIVE
    wiring.killed(release)
    wiring.clock.advance(15 * 86_400)
    with pytest.raises(RollbackError, match="nothing was there before"):
        wiring.promote(release)
    assert wiring.release(release.id).state is State.ROLLED_BACK


def test_a_broken_ledger_is_not_trusted_to_say_what_was_there(wiring):
    release = died_before_the_entry(wiring)
    wiring.edit_ledger()
    calls = list(wiring.sites.calls)
    with pytest.raises(DeploymentError, match=r"the ledger .* is broken"):
        wiring.promote(release)
    assert wiring.sites.calls == calls
    assert wiring.release(release.id).state is State.PROMOTING
