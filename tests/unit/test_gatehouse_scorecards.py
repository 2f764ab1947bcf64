"""Scorecards as pages: every figure unfolds, at the trust's door and at the vendors'."""

from __future__ import annotations

import re

import pytest

from clinops.domain.figure import Figure, Source, Unit
from clinops.gatehouse.app import application
from clinops.gatehouse.figures import is_release, puts_in
from flows import account
from tests.fakes.browser import Browser
from tests.fakes.guests import VendorsDoor
from tests.fakes.wiring import FakeWiring


@pytest.fixture
def refused(wiring) -> FakeWiring:
    """An estate of which one release was refused and the next one qualified."""
    wiring.suites.failing = {("smoke", "2.0")}
    wiring.qualify(wiring.offer("2.0"))
    wiring.clock.advance(3 * 86_400)
    wiring.qualify(wiring.offer("2.1"))
    return wiring


def test_every_figure_of_the_scorecard_unfolds_to_its_releases(refused):
    page = Browser(application(refused)).text("/vendors/acme")
    card = account.scorecard("acme", refused)
    figures = [line.figure for lines in (card, *card.months) for line in lines.lines]
    owed = [f for one in (card, *card.months) for f in (one.vendor_owes, one.trust_owes)]
    assert page.count('<details class="figure">') == len([*figures, *owed])
    inputs = {one.what for figure in figures for one in figure.inputs}
    assert len(inputs) == 2
    for release in inputs:
        assert f'<a href="/releases/{release}">{release}</a>' in page
    assert "0 %</summary>" in page
    assert "refused at first" in page


def test_a_month_without_a_case_is_unknown_and_not_nought(refused):
    page = Browser(application(refused)).text("/vendors/acme")
    assert "January 2025: unknown" in page
    assert "Clock kept: no month has anything to tell it by." in page


def test_every_chart_has_its_numbers_in_a_table(refused):
    page = Browser(application(refused)).text("/vendors/acme")
    charts = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(charts) >= 3
    for chart in charts:
        assert chart.count("</text>") == chart.count('<tr><th scope="row">') == 6
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_all_vendors_are_listed_with_their_systems(wiring):
    page = Browser(application(wiring)).text("/vendors")
    assert '<a href="/vendors/acme">Acme</a>' in page
    assert '<a href="/systems/pas">pas</a>' in page
    assert Browser(application(wiring)).get("/vendors/nobody").status_code == 404


def test_a_vendor_sees_its_own_scorecard_and_nobody_elses(keys):
    door = VendorsDoor(keys)
    record = door.wiring.qualify(door.wiring.offer())
    acme = door.guest("acme")
    assert f'href="/releases/{record.id}"' in acme.text("/vendors/acme")
    assert acme.get("/vendors/umbra").status_code == 404
    assert 'href="/vendors/acme"' in acme.text("/")
    assert 'href="/vendors"' not in acme.text("/vendors/acme")


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        (Unit.PERCENT, 1, "counts"),
        (Unit.PERCENT, 0, "does not count"),
        (Unit.PERCENT, 5, "5 %"),
        (Unit.DAYS, 3.5, "3.5 days"),
        (Unit.DAYS, None, "unknown"),
        (Unit.PER_30_DAYS, 1, "1"),
    ],
)
def test_says_what_an_input_puts_into_a_figure(unit, value, said):
    assert puts_in(Figure(1, unit, "how"), Source("it", value)) == said


def test_tells_a_release_from_what_has_no_page():
    assert is_release("ward-board-1.2+b-0123456789ab")
    assert not is_release("2025-06-01 to 2025-06-30")
    assert not is_release("clock-kept")
