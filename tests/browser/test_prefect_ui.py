"""What operations see: the Prefect UI in a real browser, after the demonstration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from clinops.adapters.prefect_server import PrefectServer
from clinops.wiring import Wiring

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.docker]

CHROMIUM = os.environ.get("CLINOPS_CHROMIUM", "/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--disable-quic", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
PATIENCE = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def ui(demonstrated) -> str:
    return Wiring(demonstrated.demo.estate).settings.ui


def run_of(ui: str, name: str) -> str:
    server = PrefectServer(f"{ui}/api")
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


def test_a_qualification_shows_its_stages_by_name(page, ui, demonstrated):
    page.goto(f"{ui}/runs/flow-run/{run_of(ui, 'qualify orthanc 1.12.7')}")
    page.get_by_text("Task Runs", exact=True).first.click()
    for stage in ("pin inputs", "regression suite on candidate 1.12.7", "assemble evidence"):
        expect(page.get_by_text(stage, exact=True).first).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1500)
    keep(page, "prefect-qualify")


def test_the_verdict_is_an_artifact_in_plain_words(page, ui, demonstrated):
    key = "verdict-" + re.sub(r"[^a-z0-9-]+", "-", demonstrated.result["release"])
    wanted = {"artifacts": {"key": {"any_": [key]}}}
    (found,) = httpx.post(f"{ui}/api/artifacts/filter", json=wanted).json()
    page.goto(f"{ui}/artifacts/key/{key}")
    page.get_by_text(found["id"][:8]).first.click()
    expect(page.get_by_text("orthanc 1.12.7: qualified").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(demonstrated.result["evidence_digest"]).first).to_be_visible()
    keep(page, "prefect-verdict")
