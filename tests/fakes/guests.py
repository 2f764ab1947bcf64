"""Vendors' people at their door: a browser, and an SSH key with which they sign in."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

import httpx
import yaml

from clinops.gatehouse.remembered import Remembered
from clinops.gatehouse.vendors import vendors_application
from flows.reconcile import reconcile
from tests.fakes.browser import Browser
from tests.fakes.git_estate import Keys
from tests.fakes.wiring import (
    COMPOSE,
    ESTATE,
    GATE,
    HAZARDS,
    SITES,
    FakeWiring,
    document,
    key,
    manifest,
)

ORIGIN = "http://localhost:4870"
OTHERS = "vendor_manifests/umbra/lab.yaml"
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_COMMAND = re.compile(r'id="command">([^<]+)</pre>')


class VendorsDoor:
    """An estate with two vendors, `acme` of `pas` and `umbra` of `lab`, and their door."""

    def __init__(self, keys: Keys) -> None:
        self.wiring = FakeWiring()
        self.wiring.settings = self.wiring.settings.model_copy(update={"vendors_port": 4870})
        self.keys = keys
        self.wiring.adopt()
        self.wiring.commit({**_second_product(), **self.vendor("acme"), **self.vendor("umbra")})
        self.app = vendors_application(self.wiring)
        # What is pushed is seen at once, not within a second.
        self.app.state.reader._heads = Remembered(0.0, limit=1)

    def vendor(self, name: str, *keys: str, **changes: str) -> dict[str, bytes]:
        """Describe a vendor with these keys, by default one that is named after it."""
        entries = [_entry(self.keys.public(one), **changes) for one in keys or (name,)]
        if name == "acme":
            entries.append(key("acme"))  # what it pushes with in this estate of fakes
        path = f"vendor_manifests/{name}/vendor.yaml"
        return {path: document({"schema": 1, "name": name.title(), "keys": entries})}

    def guest(self, name: str) -> Guest:
        """Somebody of a vendor who has signed in."""
        guest = Guest(self, name)
        assert guest.sign_in().status_code == 303
        return guest

    def lab(self) -> str:
        """Offer a release of the other vendor, and return its id."""
        self.wiring.commit({OTHERS: manifest("1.0", product="lab", vendor="umbra")})
        return next(one for one in reconcile(self.wiring).known if one.startswith("lab"))


class Guest(Browser):
    """Somebody of a vendor, with a key."""

    def __init__(self, door: VendorsDoor, key: str) -> None:
        super().__init__(door.app, "https://localhost:4870")
        self.key = door.keys.private(key)
        self.token = ""
        self.asked = ""
        """The text that the page last asked to have signed."""

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        answer = super().get(address, headers)
        self._read(answer)
        return answer

    def post(self, address: str, form: Mapping[str, str], **more: Any) -> httpx.Response:
        """Send a form from the page that was loaded last."""
        fields = {"form_token": self.token, **form}
        headers = {"origin": ORIGIN, "sec-fetch-site": "same-origin", **more.pop("headers", {})}
        answer = self.request("POST", address, data=fields, headers=headers)
        self._read(answer)
        return answer

    def signature(self, text: str | None = None, namespace: str = "clinops-sign-in") -> str:
        """Sign what the page asks for, as the command on it does."""
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", self.key]
        text = self.asked if text is None else text
        done = subprocess.run(command, input=text.encode(), check=True, capture_output=True)
        return done.stdout.decode()

    def sign_in(self) -> httpx.Response:
        """Sign in, as a person does who follows the page."""
        self.get("/sign-in")
        answer = self.post("/sign-in", {"signature": self.signature()})
        self.get("/")
        return answer

    def _read(self, answer: httpx.Response) -> None:
        if found := _TOKEN.search(answer.text):
            self.token = found[1]
        if shown := _COMMAND.search(answer.text):
            _, _, self.asked, *_ = shlex.split(html.unescape(shown[1]))


def _entry(public: str, **changes: str) -> dict[str, Any]:
    validity = {"valid_from": "2025-01-01", "valid_until": "2025-12-31", **changes}
    return {"public": public, **{name: yaml.safe_load(day) for name, day in validity.items()}}


def _second_product() -> dict[str, bytes]:
    """Stand the same system up under another name, of another vendor."""
    renamed = {
        path.replace("/pas/", "/lab/"): data.replace(b": pas", b": lab")
        for path, data in ESTATE.items()
        if path in {GATE, COMPOSE, HAZARDS}
        or path.startswith(("environments/pas/", "test_suites/"))
    }
    rings = enumerate(("cottage-hospital", "general-hospital"))
    both = {site: {"ring": ring, "products": ["pas", "lab"]} for ring, site in rings}
    return {**renamed, SITES: document({"schema": 1, "sites": both})}
