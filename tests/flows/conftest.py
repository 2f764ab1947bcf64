"""What several tests of flows share."""

from __future__ import annotations

import pytest

from clinops.domain.fold import ReleaseRecord
from tests.fakes.wiring import FakeWiring


@pytest.fixture
def release(wiring: FakeWiring) -> ReleaseRecord:
    """A release that awaits sign-off."""
    return wiring.qualify(wiring.offer())
