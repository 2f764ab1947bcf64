"""The board's picture: a page and a PDF, for a month that has begun."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from clinops.domain.figure import Figure
from clinops.domain.period import Period
from clinops.gatehouse.app import application
from flows import account
from tests.fakes.browser import Browser
from tests.fakes.quarter import quarter
from tests.fakes.wiring import FakeWiring
from tests.ranked import BOARD, asked, board

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Iterator[FakeWiring]:
    with quarter(tmp_path_factory.mktemp("quarter")) as (wiring, _):
        day = wiring.clock().date().replace(month=7, day=3)
        wiring.commit({BOARD: board(), **asked(title=HOSTILE, commissioned=day)})
        yield wiring


@pytest.fixture
def browser(played) -> Browser:
    return Browser(application(played))


def figures_of(value: object) -> Iterator[Figure]:
    """Find every figure in an account."""
    if isinstance(value, Figure):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from figures_of(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from figures_of(one)


def test_every_figure_of_the_picture_is_on_the_page_with_its_inputs(played, browser):
    page = browser.text("/picture?month=2025-07")
    found = account.picture(played, *Period.month_of(played.clock().date().replace(month=7)))
    wholes = [one.whole for one in found.lead_times.live]
    every = [*figures_of(found), *wholes]
    assert len(every) > 25
    assert page.count('<details class="figure">') == len(every)
    for release in {one.what for figure in wholes for one in figure.inputs}:
        assert f'href="/releases/{release}"' in page


def test_this_month_is_said_to_be_unfinished_and_leads_to_the_one_before(browser):
    page = browser.text("/picture")
    assert "<h1>August 2025, so far</h1>" in page
    assert 'href="/picture?month=2025-07"' in page
    assert "month=2025-09" not in page
    assert 'href="/picture?month=2025-08">August 2025' in browser.text("/picture?month=2025-07")


@pytest.mark.parametrize("month", ["2025-09", "2025-13", "July", "2025-7", "1925-07", "x" * 300])
def test_no_other_month_can_be_asked_for(browser, month):
    for address in ("/picture", "/picture.pdf"):
        assert browser.get(f"{address}?month={month}").status_code == 400


def test_the_pdf_says_the_same_and_runs_nothing(browser):
    answer = browser.get("/picture.pdf?month=2025-07")
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].endswith('"clinops-picture-2025-07.pdf"')
    assert browser.get("/picture.pdf?month=2025-07").content == answer.content


def test_each_bar_stands_in_the_table_of_its_chart(browser):
    page = browser.text("/picture?month=2025-07")
    charts = re.findall(r"<figure class=\"chart\">.*?</figure>", page, re.DOTALL)
    assert len(charts) == 4
    for chart in charts:
        assert chart.count("</text>") == chart.count('<tr><th scope="row">')


def test_what_a_request_says_stays_text(browser):
    page = browser.text("/picture?month=2025-07")
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_estate_in_which_nothing_has_happened_has_a_picture(wiring):
    page = Browser(application(wiring)).text("/picture")
    assert "No change went live in the month." in page
    assert "No forecast: too little history" in page
