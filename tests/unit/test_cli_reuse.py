"""What a terminal tells of results that were carried over, and the way to have none."""

from __future__ import annotations

import json

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.outcome import State
from flows.gate import load_evidence
from tests.fakes.wiring import FakeWiring


@pytest.fixture
def second(wiring: FakeWiring) -> ReleaseRecord:
    """A release whose results were all carried over from the one before."""
    wiring.qualify(wiring.offer())
    return wiring.qualify(wiring.offer(deadline="2030-01-01"))


def test_release_show_tells_what_was_carried_over(wiring, terminal, second):
    ((_, origin), *_) = load_evidence(second, wiring).carried
    said = terminal.run("release", "show", second.id)
    lines = [line for line in said.out.splitlines() if line.startswith("carried   ")]
    assert len(lines) == 6
    assert (
        "carried   The smoke suite on candidate was carried over from "
        f"{origin.release} of 2025-06-10 12:00, not measured again"
    ) in lines
    view = json.loads(terminal.run("release", "show", second.id, "--json").out)
    assert {one["carried"]["evidence"] for one in view["carried"]} == {origin.evidence}


def test_release_show_tells_nothing_where_nothing_was(wiring, terminal):
    record = wiring.qualify(wiring.offer())
    assert "carried" not in terminal.run("release", "show", record.id).out
    view = json.loads(terminal.run("release", "show", record.id, "--json").out)
    assert view["carried"] == []


def test_compare_tells_that_the_comparison_was(wiring, terminal, second):
    said = terminal.run("compare", second.id)
    assert said.out.startswith("carried   The comparison was carried over from pas-2.0-")
    view = json.loads(terminal.run("compare", second.id, "--json").out)
    assert view["carried"]["release"].startswith("pas-2.0-")


def test_retry_fresh_has_everything_measured_again(wiring, terminal, second):
    refused = terminal.run("release", "retry", second.id, "--reason", "To be sure.")
    assert refused.code == 1
    assert "--fresh" in refused.err
    said = terminal.run("release", "retry", second.id, "--fresh", "--reason", "To be sure.")
    assert said.code == 0
    assert "known" in said.out
    again = wiring.qualify(wiring.release(second.id))
    assert again.state is State.AWAITING_SIGN_OFF
    assert load_evidence(again, wiring).carried == ()
