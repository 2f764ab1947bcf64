"""A share of `scripts/stress_exec.py`, which runs ten thousand."""

from __future__ import annotations

import pytest

from scripts.stress_exec import Stress
from tests.docker.containers import container_with

pytestmark = pytest.mark.docker


def test_under_sabotage_every_result_is_right_or_a_clear_error_and_nothing_is_left(engine, run_id):
    with container_with(engine, "dash", run_id) as container:
        stress = Stress(str(container.id))
        stress.run(300, restarts=2)
    assert stress.wrong == []
    assert stress.outcomes["right"] > 200
    assert stress.outcomes["(restarts)"] == 2
