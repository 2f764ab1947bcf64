"""What operations see: the Prefect UI in a real browser, after the demonstration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from clinops.adapters.prefect_server import PrefectServer
from clinops.wiring import Wiring

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.docker]

PATIENCE = 30_000


@pytest.fixture(scope="module")
def wiring(demonstrated) -> Wiring:
    return Wiring(demonstrated.demo.estate)


@pytest.fixture(scope="module")
def ui(wiring) -> str:
    return wiring.settings.ui


@pytest.fixture(scope="module")
def signed_in(browser: Browser, wiring: Wiring, ui: str) -> Iterator[BrowserContext]:
    """A browser in which operations gave the password once, as the UI asks for it."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    give(page, ui, wiring.settings.password_file(wiring.root).read_text().strip())
    expect(page).to_have_url(f"{ui}/runs", timeout=PATIENCE)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    page = signed_in.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


def give(page: Page, ui: str, line: str) -> None:
    """Ask for the runs, and answer the question for a password.

    The UI asks its server once whether it must sign in, and stays empty if a busy server was
    late with that; a person would load the page again.
    """
    field = page.locator("input[type=password]")
    for _ in range(3):
        page.goto(f"{ui}/runs")
        try:
            field.wait_for(timeout=PATIENCE)
            break
        except PlaywrightTimeout:
            continue
    field.fill(line)
    page.get_by_role("button", name="Login", exact=True).click()


def test_without_the_password_nothing_is_shown(browser, ui, demonstrated):
    context = browser.new_context()
    page = context.new_page()
    give(page, ui, "clinops:guessed")
    expect(page.get_by_text("Authentication failed.").first).to_be_visible(timeout=PATIENCE)
    page.goto(f"{ui}/runs")
    expect(page.locator("input[type=password]")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("qualify orthanc 1.12.7")).to_have_count(0)
    context.close()
    assert httpx.post(f"{ui}/api/flow_runs/filter", json={}).status_code == 401


def run_of(wiring: Wiring, name: str) -> str:
    settings = wiring.settings
    server = PrefectServer(settings.api, settings.prefect_auth(wiring.root))
    found = [run["id"] for run in server.runs(200) if run["name"] == name]
    server.close()
    return str(found[0])


def keep(page: Page, name: str) -> None:
    """Keep a picture where the documentation wants new ones."""
    if folder := os.environ.get("CLINOPS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_runs_are_named_for_what_they_do(page, ui, demonstrated):
    page.goto(f"{ui}/runs")
    for name in ("qualify orthanc 1.12.7", "promote orthanc 1.12.7"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("AwaitingSignOff").first).to_be_visible()
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.wait_for_timeout(1500)
    keep(page, "prefect-runs")


def test_a_qualification_shows_its_stages_by_name(page, ui, wiring, demonstrated):
    page.goto(f"{ui}/runs/flow-run/{run_of(wiring, 'qualify orthanc 1.12.7')}")
    page.get_by_text("Task Runs", exact=True).first.click()
    for stage in ("pin inputs", "regression suite on candidate 1.12.7", "assemble evidence"):
        expect(page.get_by_text(stage, exact=True).first).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1500)
    keep(page, "prefect-qualify")


def test_the_verdict_is_an_artifact_in_plain_words(page, ui, wiring, demonstrated):
    key = "verdict-" + re.sub(r"[^a-z0-9-]+", "-", demonstrated.result["release"])
    wanted = {"artifacts": {"key": {"any_": [key]}}}
    auth = wiring.settings.prefect_auth(wiring.root)
    (found,) = httpx.post(f"{ui}/api/artifacts/filter", json=wanted, auth=auth).json()
    page.goto(f"{ui}/artifacts/key/{key}")
    page.get_by_text(found["id"][:8]).first.click()
    expect(page.get_by_text("orthanc 1.12.7: qualified").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(demonstrated.result["evidence_digest"]).first).to_be_visible()
    keep(page, "prefect-verdict")
