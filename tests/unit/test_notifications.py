from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from clinops.adapters import doctor
from clinops.adapters.notifications import AppriseNotifier, unreadable
from clinops.adapters.settings import create_password, load
from clinops.errors import InfrastructureError
from clinops.ports import Notifier

# One of the library's many services uses it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "hunter2"


class Inbox(ThreadingHTTPServer):
    """A web hook on loopback: one mailbox a path; `/full/…` takes nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.messages: list[tuple[str, dict[str, Any]]] = []
        """Mailbox and content of each message."""

    def address(self, mailbox: str) -> SecretStr:
        """Write an address as an administrator does, with its secret."""
        return SecretStr(f"json://clinops:{SECRET}@127.0.0.1:{self.server_port}/{mailbox}")

    def mailboxes(self) -> list[str]:
        """Say where messages arrived, in order."""
        return [mailbox for mailbox, _ in self.messages]


class _Post(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["content-length"])))
        mailbox = self.path.strip("/")
        if not mailbox.startswith("full"):
            self.server.messages.append((mailbox, content))
        self.send_response(507 if mailbox.startswith("full") else 200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def send(notifier: Notifier, whom: str = "operations") -> None:
    notifier.notify(whom, "pas 2.0 waits", "It has waited since <b>Monday</b>.", "http://gate/r")


def test_a_message_arrives_as_it_was_written_with_its_link(inbox):
    send(AppriseNotifier({"operations": [inbox.address("ops")]}))
    ((mailbox, content),) = inbox.messages
    assert mailbox == "ops"
    assert content["title"] == "pas 2.0 waits"
    assert content["message"] == "It has waited since <b>Monday</b>.\n\nhttp://gate/r"


def test_a_message_goes_to_all_addresses_of_whom_it_is_for_and_of_everyone(inbox):
    addresses = {
        "operations": [inbox.address("ops"), inbox.address("pager")],
        "everyone": [inbox.address("all")],
        "safety": [inbox.address("safety")],
    }
    send(AppriseNotifier(addresses))
    assert inbox.mailboxes() == ["ops", "pager", "all"]


def test_who_has_no_address_is_reached_as_everyone(inbox):
    send(AppriseNotifier({"everyone": [inbox.address("all")]}), "safety")
    assert inbox.mailboxes() == ["all"]


def test_where_nobody_has_an_address_nothing_is_sent_and_nothing_is_wrong(inbox):
    send(AppriseNotifier({"safety": [inbox.address("safety")]}))
    assert inbox.mailboxes() == []


@pytest.mark.parametrize("everyone", [True, False])
def test_a_message_that_does_not_reach_whom_it_is_for_is_an_error_that_says_no_secret(
    inbox, everyone, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    addresses = {"operations": [inbox.address("full/ops"), SecretStr(f"nonsense://{SECRET}")]}
    more = {"everyone": [inbox.address("all")]} if everyone else {}
    with pytest.raises(InfrastructureError, match="for operations") as raised:
        send(AppriseNotifier(addresses | more))
    assert inbox.mailboxes() == []
    assert raised.value.retryable
    assert SECRET not in "".join([caplog.text, *capfd.readouterr(), raised.value.diagnostics()])


def test_one_address_of_whom_it_is_for_is_enough(inbox):
    addresses = {
        "operations": [inbox.address("full/ops"), inbox.address("pager")],
        "everyone": [inbox.address("full/all")],
    }
    send(AppriseNotifier(addresses))
    assert inbox.mailboxes() == ["pager"]


def test_names_the_addresses_that_cannot_be_read_and_not_their_secrets(inbox):
    bad = SecretStr(f"nonsense://{SECRET}")
    found = list(unreadable({"operations": [inbox.address("ops"), bad], "everyone": [bad]}))
    assert found == ["[notify] operations, address 2", "[notify] everyone, address 1"]


def test_settings_do_not_show_addresses(tmp_path):
    text = f'estate = "0123456789ab"\n[notify]\noperations = ["json://u:{SECRET}@host/"]\n'
    (tmp_path / "clinops.toml").write_text(text)
    settings = load(tmp_path)
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert SECRET in settings.notify["operations"][0].get_secret_value()


def test_the_doctor_sees_secrets_that_others_can_read_and_addresses_that_nobody_can(tmp_path):
    text = f'estate = "0123456789ab"\n[notify]\nsafety = ["nonsense://{SECRET}"]\n'
    file, password = tmp_path / "clinops.toml", tmp_path / "state/prefect-password"
    file.write_text(text)
    create_password(password)
    for path in (file, password):
        path.chmod(0o640)
    bad = list(doctor._secrets(tmp_path, load(tmp_path)))
    assert [check.good for check in bad] == [False, False, False]
    assert bad[2].what.endswith("not [notify] safety, address 1")
    assert SECRET not in "".join(check.what + check.mend for check in bad)
    file.write_text(text.replace("nonsense", "json"))
    for path in (file, password):
        path.chmod(0o600)
    assert all(check.good for check in doctor._secrets(tmp_path, load(tmp_path)))
