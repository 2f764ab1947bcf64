"""What several tests of flows share."""

from __future__ import annotations

import pytest

from clinops.domain.fold import ReleaseRecord
from tests.fakes.wiring import FakeWiring
from tests.flows.rehearsing import Rehearsal


@pytest.fixture
def release(wiring: FakeWiring) -> ReleaseRecord:
    """A release that awaits sign-off."""
    return wiring.qualify(wiring.offer())


@pytest.fixture
def rehearsal(wiring: FakeWiring) -> Rehearsal:
    """A rehearsal that has not begun."""
    return Rehearsal(wiring)
