"""What the tests of promotions share: how they begin, and ways back."""

from __future__ import annotations

from collections.abc import Callable

from clinops.domain.fold import ReleaseRecord
from clinops.domain.outcome import State
from tests.fakes.wiring import FIRST, FakeWiring

RESTORE = {"strategy": "restore"}
"""A way back that puts the data of before the upgrade in place again."""

Arrange = Callable[[FakeWiring, ReleaseRecord], None]
"""Brings a release to where a test begins."""


def rolled_back(wiring: FakeWiring, release: ReleaseRecord, site: str = FIRST) -> str:
    """Return the cause that is on record; the site must be as it was."""
    assert wiring.release(release.id).state is State.ROLLED_BACK
    assert wiring.live_versions()[site] == "1.0"
    assert wiring.running()[site] == "1.0"
    body = wiring.last_body(f"pas@{site}")
    assert body["verified"] is True
    assert body["cause"] in str(wiring.last_body(release.id)["cause"])
    assert list(wiring.ledger.problems()) == []
    return str(body["cause"])


def with_a_script(wiring: FakeWiring) -> ReleaseRecord:
    """Return a release whose way back, a script, works in the rehearsal and fails at sites."""
    wiring.replicas.exits["false"] = 0
    return wiring.signed_off(rollback={"strategy": "script", "command": ["false"]})


def broken_way_back(wiring: FakeWiring) -> ReleaseRecord:
    """Return a release that will fail at the first site, and its way back as well."""
    release = with_a_script(wiring)
    wiring.sites.backups_lost = True
    wiring.fail_at_sites("2.0", FIRST)
    return release
