"""The board's page: ranks with what they follow from, charts with their numbers."""

from __future__ import annotations

import re

import pytest

from clinops.gatehouse.app import application
from clinops.gatehouse.charts import PATTERNS, stacked
from flows.board import ranking
from tests.fakes.browser import Browser
from tests.fakes.wiring import FakeWiring
from tests.ranked import BOARD, TAKEN_BACK, asked, board

HOSTILE = "<script>alert(1)</script>\u202e"


@pytest.fixture
def decided(wiring) -> FakeWiring:
    """An estate whose board has decided, and one request."""
    wiring.commit({BOARD: board(), **asked()})
    return wiring


def page(wiring: FakeWiring, address: str = "/board") -> str:
    return Browser(application(wiring)).text(address)


def words(text: str) -> str:
    return " ".join(re.sub("<[^>]*>", "", text).split())


def test_says_that_nothing_was_decided(wiring):
    assert "The board has not decided what counts" in page(wiring)


def test_puts_the_first_first_and_unfolds_why(decided):
    decided.commit(asked("r-2", left=1, source="alert-48-hours"))
    text = page(decided)
    assert text.index('id="r-2"') < text.index('id="r-1"')
    assert "Why it is number 2 of 2" in text
    for what, said in decided_breakdown(decided, "r-1").items():
        assert f"<dt>{what.capitalize()}</dt><dd>{said}</dd>" in text


def decided_breakdown(wiring: FakeWiring, request: str) -> dict[str, str]:
    return {k: v.replace("'", "&#39;") for k, v in ranking(wiring).of(request).breakdown.items()}


def test_every_bar_of_the_chart_stands_in_its_table(decided):
    decided.commit(asked("r-2", risk=1))
    text = page(decided)
    figure = text.split("<figure")[1].split("</figure>")[0]
    assert figure.count("</text>") == 2
    assert "<figcaption>" in figure
    assert len(re.findall(r'<tr><th scope="row">', figure)) == 2
    assert "url(#cost-stripes)" in figure or 'class="piece solid"' in figure


def test_says_what_the_order_depends_on(decided):
    assert "The first ten stay where they are" in page(decided)
    decided.commit(asked("r-2", risk=1, benefit={"points": 9, "reasons": ["Much"]}))
    assert "a fifth smaller and larger" in page(decided)


def test_a_long_list_has_pages_and_the_chart_is_on_the_first(decided):
    for number in range(2, 53):
        decided.commit(asked(f"r-{number}"))
    first = page(decided)
    assert "Page 1 of 2" in first
    assert first.count('<li class="card') == 50
    second = page(decided, "/board?page=2")
    assert second.count('<li class="card') == 2
    assert "<figure" not in second
    assert Browser(application(decided)).get("/board?page=9").status_code == 404


def test_shows_what_was_met_by_which_release_and_what_a_person_closed(decided):
    decided.commit(asked("r-0", closed=TAKEN_BACK))
    release = decided.signed_off()
    decided.promote(release)
    text = page(decided)
    assert "Nothing is open" in text
    done = text.split('id="done"')[1]
    assert f'<a href="/releases/{release.id}">pas 2.0</a> is live' in done
    assert "closed on" in done
    assert "Taken back" in done


def test_a_new_entry_of_the_ledger_is_seen_at_once(decided):
    browser = Browser(application(decided))
    assert "1 request is open" in browser.text("/board")
    decided.promote(decided.signed_off())
    assert "Nothing is open" in browser.text("/board")


def test_a_requests_words_stay_words(decided):
    decided.commit(asked("r-2", title=HOSTILE[:-1], owner=HOSTILE[:-1]))
    text = page(decided)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_chart_of_nothing_is_not_drawn():
    assert stacked("Nothing", [], "points") is None
    assert stacked("Nothing", [("a", {})], "points") is None


def test_nothing_known_is_told_from_nought():
    drawn = stacked("Some", [("a", {"x": 0.0}), ("b", {})], "days")
    assert drawn is not None
    assert [(bar.whole, bar.pieces) for bar in drawn.bars] == [(0, ()), (None, ())]


def test_no_two_parts_of_a_bar_look_alike_and_a_long_name_is_cut_in_the_picture_only():
    drawn = stacked("All", [("n" * 60, {str(n): float(n) for n in range(6)})], "days")
    assert drawn is not None
    assert [pattern for _, pattern in drawn.parts] == list(PATTERNS)
    (bar,) = drawn.bars
    assert bar.label.endswith("…")
    assert bar.name == "n" * 60
    assert [piece.name for piece in bar.pieces] == ["1", "2", "3", "4", "5"]
    assert bar.pieces[-1].x + bar.pieces[-1].width <= 100


def test_one_fix_for_several_requests_is_one_piece_of_work(decided):
    cve = {"cve": "CVE-2025-0001"}
    decided.commit({**asked("r-2", fix=cve, releases=[]), **asked("r-3", fix=cve, releases=[])})
    part = page(decided).split('id="fixes"')[1].split("</table>")[0]
    assert "CVE-2025-0001" in part
    assert "2 <span" in words(part) or "2 instead of 4" in words(part)
    assert "times 1 for r-2" in part
    assert "times 1 for r-3" in part


def test_the_plan_says_what_is_made_when_and_what_is_left_out_by_what(decided):
    too_much = {"integration": 200.0}
    decided.commit(asked("r-2", effort=too_much, title=HOSTILE[:-1]))
    text = page(decided, "/board/plan")
    assert "Proven" in text
    assert "1 fix for 1 of 2 requests" in text
    made = text.split('id="month-1"')[1]
    assert "Request r-1" in made.split('id="left-out"')[0]
    assert "<strong>capacity</strong>: integration has" in made
    assert "<script>alert" not in text
    assert text.count("</text>") == 6


def test_without_a_policy_nothing_is_planned(wiring):
    assert "nothing can be planned" in page(wiring, "/board/plan")


def test_what_is_open_may_all_be_met(decided):
    assert "Nothing</span>." in page(decided, "/board/plan").split('id="left-out"')[1]
