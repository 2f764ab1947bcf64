"""The page of patch clocks: by when each live system must be mended, and what nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.gatehouse.app import application
from flows.materials import import_advisories, vulnerabilities
from tests.fakes.advisories import osv, written
from tests.fakes.browser import Browser
from tests.fakes.wiring import FakeWiring
from tests.ranked import BOARD, asked, board

DAY = 86_400
HOSTILE = "<script>alert(1)</script>"
ELSEWHERE = [{"package": {"ecosystem": "Debian:13", "name": "elsewhere"}, "versions": ["1"]}]


@pytest.fixture
def planted(tmp_path: Path, wiring: FakeWiring) -> FakeWiring:
    """An estate whose live system has one planted vulnerability, published on the 1st of June."""
    folder = tmp_path / HOSTILE.replace("/", "")
    folder.mkdir()
    (folder / "0.json").write_bytes(written(osv(upstream=[HOSTILE])))
    import_advisories(wiring, folder)
    vulnerabilities(wiring, "pas")
    return wiring


def clocks_page(wiring: FakeWiring) -> str:
    return Browser(application(wiring)).text("/board/clocks")


def test_without_advisories_nobody_can_tell(wiring):
    page = clocks_page(wiring)
    assert "No advisories were ever imported" in page
    assert 'class="mark-doubt"' in page
    assert "No clock runs" not in page


def test_a_system_that_nobody_has_listed_is_unknown_and_never_clean(tmp_path, wiring):
    (tmp_path / "0.json").write_bytes(written(osv(affected=ELSEWHERE)))
    import_advisories(wiring, tmp_path)
    page = clocks_page(wiring)
    assert "What nobody can tell" in page
    assert "pas 1.0: " in page
    assert "No clock runs" not in page


def test_a_clock_is_told_with_its_day_its_rule_and_its_sites(planted):
    page = clocks_page(planted)
    assert "1 clock runs" in page
    assert 'datetime="2025-06-15T00:00:00+00:00"' in page
    assert '<a href="/systems/pas">pas 1.0</a>' in page
    assert "14 days from" in page
    assert "a severity that nobody discloses" in page
    assert "fixed in 1:1.4" in page
    assert "1 day old" in page
    assert 'class="mark-bad"' not in page


def test_a_clock_that_has_run_out_is_overdue(planted):
    planted.clock.advance(6 * DAY)
    page = clocks_page(planted)
    assert "1 clock is overdue" in page
    assert "Overdue</span>" in page


def test_what_is_clean_is_said_to_be(tmp_path, wiring):
    (tmp_path / "0.json").write_bytes(written(osv(affected=ELSEWHERE)))
    import_advisories(wiring, tmp_path, whole=True)
    vulnerabilities(wiring, "pas")
    page = clocks_page(wiring)
    assert "No clock runs" in page
    assert 'class="mark-good"' in page


def test_an_advisorys_text_stays_text(planted):
    page = clocks_page(planted)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_the_board_leads_to_it(wiring):
    wiring.commit({BOARD: board(), **asked("tls")})
    assert 'href="/board/clocks"' in Browser(application(wiring)).text("/board")
