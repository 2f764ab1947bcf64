"""What was commissioned, and what comes first, in a terminal."""

from __future__ import annotations

import pytest

from tests.fakes.wiring import FakeWiring
from tests.ranked import BOARD, TAKEN_BACK, asked, board


@pytest.fixture
def wiring(wiring: FakeWiring) -> FakeWiring:
    wiring.commit({BOARD: board(), **asked()})
    return wiring


def test_lists_what_was_commissioned_and_what_closed_it(terminal, wiring):
    wiring.commit({**asked("r-0", closed=TAKEN_BACK), **asked("r-2", releases=[])})
    release = wiring.signed_off()
    wiring.promote(release)
    said = terminal.run("board", "list")
    assert said.out.splitlines() == [
        f"closed  {'r-0':32}Request r-0",
        f"{'':8}closed on 2025-01-01: Taken back",
        f"met     {'r-1':32}Request r-1",
        f"{'':8}met by {release.id}  evidence {release.evidence}",
        f"open    {'r-2':32}Request r-2",
    ]
    listed = terminal.run("board", "list", "--json").json
    assert [one["state"] for one in listed] == ["closed", "met", "open"]
    assert listed[1]["met"]["releases"][0]["evidence"] == release.evidence


def test_ranks_in_a_terminal_and_says_why(terminal, wiring):
    wiring.commit(asked("r-2", left=1, source="alert-48-hours"))
    said = terminal.run("board", "rank")
    assert [line.split()[:3] for line in said.out.splitlines()] == [
        ["1", "alert", "r-2"],
        ["2", "score", "3.75"],
    ]
    why = terminal.run("board", "rank", "--why", "r-1")
    assert why.out.startswith("2 of 2: r-1, Request r-1\nrule           no hard rule applies")
    assert why.out.splitlines()[-1].startswith("policy         version 1, sha256:")
    told = terminal.run("board", "rank", "--why", "r-1", "--json").json
    assert (told["place"], told["policy"]["version"]) == (2, 1)
    ranks = terminal.run("board", "rank", "--json").json
    assert [one["request"] for one in ranks["ranked"]] == ["r-2", "r-1"]
    assert terminal.run("board", "rank", "--why", "r-9").code == 2


def test_says_in_a_terminal_what_the_order_depends_on(terminal, wiring):
    wiring.commit(asked("r-2", risk=1, benefit={"points": 0, "reasons": ["None"]}))
    said = terminal.run("board", "sensitivity")
    assert said.out.splitlines()[0] == "risk 40 to 32: no change"
    told = terminal.run("board", "sensitivity", "--json").json
    assert [one["becomes"] for one in told["sensitivity"]][:2] == [32, 48]
