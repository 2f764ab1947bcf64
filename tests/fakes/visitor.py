"""People at the gatehouse: a browser, a passkey, and all that the page's script does with them."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.applications import Starlette

from clinops.adapters.passkeys import PasskeySignatures
from clinops.domain.envelope import Envelope, VerifiedEnvelope
from clinops.gatehouse.app import application
from clinops.gatehouse.remembered import Remembered
from tests.fakes.authenticator import HONEST, Authenticator, Cheat
from tests.fakes.browser import Browser
from tests.fakes.signatures import FakeSignatures
from tests.fakes.wiring import KEYS, SIGNERS, FakeWiring, key, signer, signers

ORIGIN = "http://localhost:4201"
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_READ = re.compile(r'name="read" value="([^"]*)"')


class PasskeysAndNames(FakeSignatures):
    """Real passkeys beside the keys that are names."""

    def __init__(self) -> None:
        super().__init__(*KEYS._keys)

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        if base64.b64decode(envelope.signatures[0].sig).startswith(b"{"):
            return PasskeySignatures().verify(envelope)
        return super().verify(envelope)


class Visitor(Browser):
    """Somebody with a passkey. Cookies marked `Secure` go to localhost as in real browsers."""

    def __init__(self, app: Starlette, passkey: Authenticator) -> None:
        super().__init__(app, "https://localhost:4201")
        self.passkey = passkey
        self.token = ""
        """The form token of the page that was loaded last."""
        self.read = ""
        """The digest of the document that was on it."""

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        answer = super().get(address, headers)
        if found := _TOKEN.search(answer.text):
            self.token = found[1]
        shown = _READ.search(answer.text)
        self.read = shown[1] if shown else ""
        return answer

    def post(
        self,
        address: str,
        form: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a form from the page that was loaded last, unless said otherwise."""
        hidden = {"form_token": self.token if token is None else token, "read": self.read}
        fields = {**hidden, **(form or {})}
        sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin", **(headers or {})}
        return self.request("POST", address, data=fields, headers=sent)

    def sign_in(self, cheat: Cheat = HONEST, back: str = "/") -> httpx.Response:
        """Sign in with the passkey, as the page does."""
        self.get("/sign-in")
        options = self.post("/sign-in/challenge").json()
        answer = json.dumps(self.passkey.get(options, cheat))
        answered = self.post("/sign-in", {"answer": answer, "next": back})
        self.get("/")
        return answered

    def prepare(self, address: str, form: Mapping[str, str]) -> str:
        """Fill a form in, and return the page on which it is to be signed."""
        self.get(address)
        answer = self.post(address, form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def options(self, pending: str) -> dict[str, Any]:
        """Ask what the passkey is to sign."""
        asked: dict[str, Any] = self.post(f"{pending}/challenge").json()
        return asked

    def put(self, pending: str, answer: object) -> str:
        """Hand a passkey's answer in, and return the page that says what came of it."""
        self.post(pending, {"answer": json.dumps(answer)})
        return self.text(pending)

    def sign(self, address: str, form: Mapping[str, str], cheat: Cheat = HONEST) -> str:
        """Go all the way from a form to what came of the signature."""
        pending = self.prepare(address, form)
        return self.put(pending, self.passkey.get(self.options(pending), cheat))


class Gatehouse:
    """A gatehouse whose safety officer and operator have passkeys."""

    def __init__(self) -> None:
        self.wiring = FakeWiring()
        self.wiring.signatures = PasskeysAndNames()
        self.passkeys = {"joy": Authenticator(), "sam": Authenticator(kind="EdDSA")}
        self.spare = Authenticator()
        """Joy's second passkey."""
        self.list_people()
        self.wiring.adopt()
        self.app = application(self.wiring)
        # What is pushed is seen at once, not within a second.
        self.app.state.reader._heads = Remembered(0.0, limit=1)

    def list_people(
        self,
        *joys_roles: str,
        spare: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Push signers.yaml; `changes` are to what Joy's first passkey is on file with."""
        joys = [
            key("joy"),
            _entry(self.passkeys["joy"], **changes),
            _entry(self.spare, **(spare or {})),
        ]
        sams = [key("sam"), _entry(self.passkeys["sam"])]
        people = {
            "joy": signer("joy", *(joys_roles or ("safety",)), keys=joys),
            "sam": signer("sam", "operations", keys=sams),
        }
        self.wiring.commit({SIGNERS: signers(**people)})

    def visitor(self, who: str) -> Visitor:
        """Somebody who has not signed in yet."""
        return Visitor(self.app, self.passkeys[who])

    def person(self, who: str) -> Visitor:
        """Somebody who has signed in."""
        visitor = self.visitor(who)
        assert visitor.sign_in().status_code == 303
        return visitor


def _entry(passkey: Authenticator, **changes: Any) -> dict[str, Any]:
    validity = {"valid_from": dt.date(2025, 1, 1), "valid_until": dt.date(2025, 12, 31)}
    return passkey.entry(**{**validity, **changes})
