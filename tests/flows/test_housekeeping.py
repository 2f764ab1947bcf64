"""Housekeeping and the seeded systems that are kept to be forked."""

from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.snapshot import Snapshot
from flows.housekeeping import keep_house
from tests.fakes.wiring import FakeWiring


@pytest.fixture
def wiring() -> FakeWiring:
    return FakeWiring()


def test_removes_snapshots_that_no_qualification_has_forked_for_two_weeks(wiring):
    used, unused, working = (
        Snapshot(key=letter * 64, images={}, bases={}) for letter in ("a", "b", "c")
    )
    mine = f"{wiring.settings.estate}:host:1:aa"
    wiring.ledger.take_lease("qualify:pas-1", mine, 60)
    wiring.replicas.frozen = {
        used.key: (used, {}, None),
        unused.key: (unused, {}, None),
        working.key: (working, {}, mine),
    }
    wiring.replicas.idle = {
        used.key: dt.timedelta(days=13),
        unused.key: dt.timedelta(days=15),
    }
    assert keep_house(wiring).removed == (unused.key,)
    assert set(wiring.replicas.frozen) == {used.key, working.key}
