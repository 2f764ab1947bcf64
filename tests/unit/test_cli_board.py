"""What was commissioned, and what comes first, in a terminal."""

from __future__ import annotations

import pytest

from clinops.domain.board_plan import Problem, Solution
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


def test_shows_what_one_fix_would_meet_and_plans_it(terminal, wiring):
    cve = {"cve": "CVE-2026-1234"}
    wiring.commit({**asked("r-1", fix=cve), **asked("r-2", fix=cve, releases=[]),
                   **asked("r-3", releases=[], effort={"testing": 100.0})})  # fmt: skip
    said = terminal.run("board", "fixes")
    assert said.out.splitlines() == [
        "CVE-2026-1234: benefit 15.0 for 2 person-days instead of 4",
        f"   1  {'r-1':32}Request r-1",
        f"   2  {'r-2':32}Request r-2",
    ]
    assert terminal.run("board", "fixes", "--json").json[0]["benefits"] == {"r-1": 7.5, "r-2": 7.5}
    said = terminal.run("board", "plan", "--months", "2")
    assert said.out.splitlines() == [
        "month 1   CVE-2026-1234: 2 person-days instead of 4; meets r-1, r-2",
        "left out  r-3, by capacity: testing has 20 person-days left in 2 months, and it takes 100",
    ]
    assert "1 fix to meet 2 of 3 requests; no plan meets more value" in said.err
    told = terminal.run("board", "plan", "--json").json
    assert told["made"][0]["requests"] == ["r-1", "r-2"]
    assert told["policy"]["version"] == 1


class Unsure:
    """A planner that has found nothing, and can't say that there is nothing."""

    def solve(self, problem: Problem) -> Solution:
        return Solution((), 0, 75)


def test_says_how_sure_a_plan_is(terminal, wiring):
    wiring.planner = Unsure()
    said = terminal.run("board", "plan")
    assert "another plan could have at most 100.0 % more value" in said.err


def test_packages_of_live_systems_are_known_by_their_bills(terminal, wiring):
    one, other = ({"component": name, "versions": ">=1.3"} for name in ("zlib1g", "zlib"))
    wiring.commit({**asked("r-1", fix=one), **asked("r-2", fix=other, releases=[])})
    assert terminal.run("board", "fixes").out == ""
    for live in wiring.ledger.live():
        wiring.materials.of_image(live.images["app"])
    assert terminal.run("board", "fixes").out.startswith("zlib 1.3: benefit 15.0")
