"""Emergencies: what goes live with fewer sign-offs, and owes the others."""

from __future__ import annotations

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import ChangeType, LineAction
from clinops.errors import RefusedError
from flows.dossier import dossier
from flows.gate import (
    audit,
    check_everything,
    circumstances,
    gate_report,
    load_evidence,
    owed_for,
    still_owed,
)
from tests.fakes.wiring import FIRST, GATE, SECOND, SIGNERS, FakeWiring, gate, signer, signers
from tests.flows.at_the_gate import HOUR, prepared, put, why_closed

QUICK = gate(
    emergency={
        "requires": [{"role": "safety"}],
        "owed_within_hours": 72,
        "passes": ["freeze", "stop"],
    }
)


def emergency(wiring: FakeWiring) -> ReleaseRecord:
    """Bring a release live with the safety officer's word alone."""
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    assert wiring.promote(release) is State.LIVE
    return wiring.release(release.id)


def test_after_an_emergency_the_missing_sign_offs_are_owed_and_given(wiring):
    release = emergency(wiring)
    owed = still_owed(wiring.ledger.entries(release.id))
    assert owed is not None
    assert owed.missing == ("1 more sign-off by role operations",)
    report = gate_report(release, load_evidence(release, wiring), wiring)
    assert report.owed is not None
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert still_owed(wiring.ledger.entries(release.id)) is None
    assert gate_report(release, load_evidence(release, wiring), wiring).owed is None
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release, "sam", role="operations")


def test_what_is_overdue_holds_the_next_release_up_until_it_is_given(wiring):
    first = emergency(wiring)
    second = wiring.qualify(wiring.offer("3.0"))
    wiring.clock.advance(71 * HOUR)
    for who in ("joy", "sam"):
        wiring.sign(second, who)
    assert check_everything(second, wiring).open
    wiring.clock.advance(2 * HOUR)
    assert f"the sign-offs that {first.id} has owed" in why_closed(wiring, second)
    put(wiring, prepared(wiring, first, "sam", role="operations"), "sam")
    assert check_everything(second, wiring).open


def test_what_was_given_stays_given_though_the_signer_leaves(wiring):
    first = emergency(wiring)
    put(wiring, prepared(wiring, first, "sam", role="operations"), "sam")
    wiring.commit({SIGNERS: signers(sam=signer("stranger", "operations"))})
    wiring.clock.advance(100 * HOUR)
    second = wiring.qualify(wiring.offer("3.0"))
    assert circumstances(second, load_evidence(second, wiring), wiring).overdue == ()


def test_softening_the_policy_afterwards_makes_nothing_less_owed(wiring):
    release = emergency(wiring)
    soft = gate(requires=[{"role": "safety"}])
    wiring.commit({GATE: soft})
    report = gate_report(release, load_evidence(release, wiring), wiring)
    assert report.owed is not None
    assert still_owed(wiring.ledger.entries(release.id)) is not None


def test_an_emergency_passes_a_stop_where_the_policy_says_so(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    wiring.order(LineAction.STOP, "sam", "operations")
    put(wiring, prepared(wiring, release))
    assert "Sam stopped the line" in why_closed(wiring, release)
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    assert wiring.promote(release) is State.LIVE


def test_an_emergency_that_was_signed_before_the_stop_does_not_pass_it(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.order(LineAction.STOP, "sam", "operations")
    assert "Joy signed as an emergency before the line was stopped" in why_closed(wiring, release)
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    assert wiring.promote(release) is State.LIVE


def halfway(wiring: FakeWiring) -> ReleaseRecord:
    """Bring an emergency live at the first site, and stop the line before the second."""
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.suites.meanwhile = lambda replica: (
        wiring.order(LineAction.STOP, "sam", "operations") if replica.site == FIRST else None
    )
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.live_versions() == {FIRST: "2.0", SECOND: "1.0"}
    wiring.suites.meanwhile = lambda replica: None
    return wiring.release(release.id)


def test_an_emergency_that_stayed_at_one_site_still_owes_its_sign_offs(wiring):
    release = halfway(wiring)
    report = dossier(release, wiring).gate
    assert report is not None
    assert report.owed is not None
    assert report.owed.missing == ("1 more sign-off by role operations",)
    wiring.clock.advance(73 * HOUR)
    wiring.order(LineAction.RESUME)
    second = wiring.qualify(wiring.offer("3.0"))
    owing = f"the sign-offs that {release.id} has owed"
    assert owing in why_closed(wiring, second)
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert owing not in why_closed(wiring, second)
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release, "sam", role="operations")
    assert audit(wiring) == ()


def test_an_emergency_that_came_back_from_everywhere_owes_nothing(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.fail_at_sites("2.0", FIRST)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert owed_for(wiring.release(release.id), wiring) is None
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release, "sam", role="operations")


def test_what_is_live_in_the_ordinary_way_takes_no_more_signatures(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release)


def test_what_is_given_while_the_release_is_on_its_way_settles_it_too(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.ledger.before = Kind.SITE_LIVE
    wiring.killed(release)
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert still_owed(wiring.ledger.entries(release.id)) is None
    assert wiring.promote(release) is State.LIVE
    assert still_owed(wiring.ledger.entries(release.id)) is None
