"""A site goes the way that was rehearsed: every version that the vendor says must be passed."""

from __future__ import annotations

from clinops.domain.outcome import State
from clinops.domain.replica import ReplicaFailure
from tests.fakes.wiring import BOTH_ON_NEW, BOTH_ON_OLD, FIRST, FakeWiring
from tests.flows.setback import RESTORE

PATH = [{"version": "1.5", "command": ["migrate"]}, {"version": "2.0", "command": ["reindex"]}]


def on_the_way(wiring: FakeWiring, **changes: object) -> list[str]:
    """Promote 2.0 by way of 1.5; return what was done at the first site."""
    wiring.qualify(wiring.offer("1.5"))
    release = wiring.signed_off("2.0", upgrade_path=PATH, **changes)
    wiring.state = wiring.promote(release)
    calls = wiring.sites.calls
    again = [number for number, call in enumerate(calls) if call.startswith("back up")]
    return calls[: again[1]] if len(again) > 1 else calls


def test_passes_through_the_versions_of_the_upgrade_path(wiring):
    done = on_the_way(wiring)
    assert wiring.state is State.LIVE
    assert wiring.running() == BOTH_ON_NEW
    assert [call.split()[0] for call in done] == [
        "back",
        "restore",
        "deploy",
        "execute",
        "deploy",
        "execute",
    ]
    assert done[2:] == ["deploy 1.5", "execute migrate", "deploy 2.0", "execute reindex"]
    assert wiring.sites.upgraded == ["1.5", "2.0", "1.5", "2.0"]


def test_a_version_on_the_way_that_never_gets_ready_rolls_the_site_back(wiring):
    wiring.sites.failures["1.5"] = ReplicaFailure(service="app", reason="no", log_tail="")
    on_the_way(wiring, rollback=RESTORE)
    assert wiring.state is State.ROLLED_BACK
    assert wiring.running() == BOTH_ON_OLD
    assert wiring.sites.data["pas", FIRST] == "patients"


def test_a_release_without_a_path_is_put_on_the_data_at_once(wiring):
    release = wiring.signed_off()
    assert wiring.promote(release) is State.LIVE
    assert wiring.sites.upgraded == ["2.0", "2.0"]
    assert not any(call.startswith("restore") for call in wiring.sites.calls)
