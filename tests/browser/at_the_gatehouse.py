"""People at the gatehouse: a process that serves its pages, and a browser with a passkey each."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from scripts.demo import HOME
from tests.ward import Ward

PATIENCE = 15_000
WIDTHS = (1280, 390)
GRAVE = {"serious", "critical"}


class Server:
    """The command `clinops gatehouse` on an estate."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self.address = ward.wiring.settings.gatehouse_address
        self._process = self._started()

    def restart(self) -> None:
        """End it, and start it once more: all sessions are gone."""
        self.close()
        self._process = self._started()

    def close(self) -> None:
        """End it as `down` does."""
        self._process.terminate()
        self._process.wait(30)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "clinops", "--estate", self._ward.estate, "gatehouse"]
        process = subprocess.Popen(command, cwd=HOME)
        until = time.monotonic() + PATIENCE / 1000
        while not self._answers():
            assert process.poll() is None, "the gatehouse has ended"
            assert time.monotonic() < until, "the gatehouse does not answer"
            time.sleep(0.1)
        return process

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


class Visitor:
    """Somebody at a browser of their own, whose passkey checks who they are."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self.server = server
        self.page = browser.new_context().new_page()
        self.page.set_default_timeout(PATIENCE)
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable")
        device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                  "hasUserVerification": True, "isUserVerified": True,
                  "automaticPresenceSimulation": True}  # fmt: skip
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})

    def go(self, address: str) -> Page:
        """Open a page of the gatehouse."""
        self.page.goto(address if "://" in address else self.server.address + address)
        return self.page

    def click(self, name: str) -> None:
        """Press a button, or follow a link."""
        button = self.page.get_by_role("button", name=name, exact=True)
        self.page.get_by_role("link", name=name, exact=True).or_(button).first.click()

    def sees(self, text: str) -> None:
        """Make sure that something can be read on the page."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    def sign_in(self) -> None:
        """Sign in with the passkey."""
        self.go("/sign-in")
        self.click("Sign in with your passkey")
        self.sees("Signed in as")

    def choose(self, reason: str, role: str | None = None) -> None:
        """Fill in the form on the page; who holds one role only need not choose it."""
        if role:
            self.page.get_by_label(role, exact=True).check()
        self.page.get_by_label("Your reason").fill(reason)

    def fill(self, address: str, reason: str, role: str | None = None) -> None:
        """Fill in a form, and go on to what would be signed."""
        self.go(address)
        self.choose(reason, role)
        self.click("Show me what I would sign")
        self.sees("This is what you sign")

    def sign(self, address: str, reason: str, role: str | None = None) -> None:
        """Go all the way from a form to what came of the signature."""
        self.fill(address, reason, role)
        self.click("Sign with my passkey")
        self.page.get_by_role("status").wait_for()

    def look(self, name: str) -> None:
        """Look at the page as it is, at both widths: can everybody use it?"""
        look(self.page, name)


def look(page: Page, name: str = "", widths: Sequence[int] = WIDTHS) -> None:
    """Look at a page at both widths: can everybody use it? A picture is kept of what has a name."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        grave = [one for one in violations(page) if one["impact"] in GRAVE]
        assert not grave, f"{page.url} at {width}: {grave}"
        across = page.evaluate("document.documentElement.scrollWidth")
        assert across <= width, f"{page.url} at {width} must be scrolled sideways"
        if name:
            _keep(page, f"gatehouse-{name}-{width}")


def _keep(page: Page, name: str) -> None:
    """Keep a picture where the documentation wants new ones."""
    if folder := os.environ.get("CLINOPS_SCREENSHOTS"):
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
        picture.convert("RGB").quantize(48).save(Path(folder) / f"{name}.png", optimize=True)


def violations(page: Page) -> list[dict[str, Any]]:
    """Ask axe what keeps people from using a page."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        {"id": one["id"], "impact": one["impact"], "at": [node["html"] for node in one["nodes"]]}
        for one in found
    ]
