"""`clinops signer`: from an invitation to a person on file, with real git, hooks and SSH keys."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinops.adapters import git_hooks, settings
from clinops.adapters.passkeys import enrolled, fresh_challenge
from clinops.adapters.sql_ledger import SqlLedger
from clinops.cli import context
from clinops.domain.ledger import Kind
from clinops.domain.signer import Signer, fingerprint
from clinops.wiring import Wiring
from flows import enrolment
from tests.fakes.authenticator import Authenticator
from tests.fakes.git_estate import GitEstate, Keys, signer, signers_file
from tests.fakes.terminal import Said, Terminal

SIGNERS = "environments/signers.yaml"
ADDRESS = "http://localhost:2"


class Trust:
    """A served estate whose hooks judge what the commands push."""

    def __init__(self, root: Path, keys: Keys, terminal: Terminal, *pushers: str) -> None:
        self.keys = keys
        self.estate = GitEstate(root, keys)
        people = {who: signer(keys.entry(who), may_push=True) for who in pushers}
        people["cso"] = signer(keys.entry("cso"))
        changes = {SIGNERS: signers_file(**people)}
        self.estate.advance(self.estate.commit(changes, key="ops"))
        settings.create(root, port=1)
        git_hooks.install(self.estate.path, root, Path(sys.executable))
        self.root = root
        self.wiring = Wiring(root)
        self._terminal = terminal

    def run(self, *words: str, key: str = "", said: int = 0) -> Said:
        """Run a command with somebody's key, and expect an exit code."""
        options = ["--key", self.keys.private(key), "--yes"] if key else []
        done = self._terminal.run("--estate", self.root, "signer", *words, *options)
        assert done.code == said, done.err
        return done

    def invite(self, who: str = "ada", *words: str) -> str:
        """Invite somebody and return the token of the link."""
        new = ("--name", "Dr Ada", "--role", "cso", "--registration", "GMC:0000001")
        said = self.run("enrol", who, *(words or new))
        address, _, token = said.out.strip().rpartition("/")
        assert address == f"{ADDRESS}/enrol"
        return token

    def enrol(self, who: str = "ada", *words: str) -> Authenticator:
        """Invite somebody who answers with a passkey, as the gatehouse takes it."""
        token, passkey = self.invite(who, *words), Authenticator(origin=ADDRESS)
        challenge = fresh_challenge()
        key = enrolled(passkey.enrol(challenge), challenge, ADDRESS, "localhost")
        enrolment.complete(token, key, self.wiring)
        return passkey

    def people(self) -> dict[str, Signer]:
        """Everybody on the protected branch."""
        return self.wiring.estate(self.wiring.repository.head()).signers().signers

    def branches(self) -> set[str]:
        listed = self.estate.git("for-each-ref", "--format=%(refname:short)", "refs/heads")
        return set(listed.split())

    def close(self) -> None:
        assert isinstance(self.wiring.ledger, SqlLedger)
        self.wiring.ledger.close()
        self.wiring.git.close()
        self.estate.repository.close()


@pytest.fixture
def pushers() -> tuple[str, ...]:
    return ("ops", "boss")


@pytest.fixture
def trust(tmp_path, keys, monkeypatch, capsys, pushers) -> Iterator[Trust]:
    made = Trust(tmp_path, keys, Terminal(monkeypatch, capsys), *pushers)
    monkeypatch.setattr(context, "Wiring", lambda root: made.wiring)
    yield made
    made.close()


def test_two_people_let_somebody_in(trust: Trust):
    passkey = trust.enrol()
    shown = trust.run("review", "ada")
    assert "ada is NEW" in shown.out
    assert f"code: {enrolment.proposal_of('ada', trust.wiring).key.code}" in shown.out
    assert trust.branches() == {"main", "enrol/ada"}
    assert "ada  waits to be let in" in trust.run("list").out

    accepted = trust.run("accept", "ada", key="ops")
    assert "in force once a second person confirms it" in accepted.out
    assert "signer confirm ada" in accepted.err
    assert "ada" not in trust.people()
    assert trust.branches() == {"main", "enrol/ada", "review/ada"}

    own = trust.run("confirm", "ada", key="ops", said=1)
    assert "nobody is their own second person" in own.err

    assert "the change is in force" in trust.run("confirm", "ada", key="boss").out
    (key,) = trust.people()["ada"].keys
    assert (key.public, key.credential) == (passkey.public, passkey.credential_id)
    assert trust.branches() == {"main"}
    merge = trust.estate.tip()
    assert trust.wiring.repository.signer_of(merge) == "trust:boss"
    assert trust.wiring.repository.signer_of(trust.estate.git("rev-parse", f"{merge}^2")) == (
        "trust:ops"
    )
    assert trust.run("list", "--json").json["waiting"] == {}


def test_two_people_revoke_a_passkey(trust: Trust):
    passkey = trust.enrol("cso", "--hours", "1")
    trust.run("accept", "cso", key="ops")
    trust.run("confirm", "cso", key="boss")
    assert len(trust.people()["cso"].keys) == 2
    wanted = ("--fingerprint", fingerprint(passkey.public))
    assert "REVOKED on" in trust.run("revoke", "cso", *wanted, key="boss").err
    trust.run("confirm", "cso", key="boss", said=1)
    trust.run("confirm", "cso", key="ops")
    assert [key.revoked is None for key in trust.people()["cso"].keys] == [True, False]
    assert "REVOKED on" in trust.run("list").out


def test_a_later_first_signature_takes_the_place_of_an_earlier(trust: Trust):
    trust.enrol()
    trust.run("accept", "ada", key="ops")
    trust.run("accept", "ada", key="boss")
    trust.run("confirm", "ada", key="boss", said=1)
    trust.run("confirm", "ada", key="ops")
    assert "ada" in trust.people()


def test_other_pushes_in_between_do_no_harm(trust: Trust):
    trust.enrol()
    trust.run("accept", "ada", key="ops")
    trust.estate.advance(trust.estate.commit({"vendor_manifests/acme/notes.txt": b"x"}))
    trust.run("confirm", "ada", key="boss")
    assert "ada" in trust.people()
    assert trust.wiring.repository.head().exists("vendor_manifests/acme/notes.txt")


def test_nothing_is_confirmed_over_another_change_of_the_same_file(trust: Trust):
    trust.enrol()
    trust.enrol("eve", "--name", "Eve", "--role", "cso")
    for who in ("ada", "eve"):
        trust.run("accept", who, key="ops")
    trust.run("confirm", "ada", key="boss")
    said = trust.run("confirm", "eve", key="boss", said=1)
    assert "changed the same file since" in said.err
    assert "eve" not in trust.people()
    trust.run("accept", "eve", key="ops")
    trust.run("confirm", "eve", key="boss")
    assert {"ada", "eve"} <= trust.people().keys()


@pytest.mark.parametrize("name", ["cso", "acme"])
def test_only_who_may_push_accepts_confirms_and_revokes(trust: Trust, name: str):
    trust.enrol()
    trust.run("accept", "ada", key="ops")
    before = trust.estate.tip()
    for command in (("accept", "ada"), ("confirm", "ada"), ("revoke", "cso")):
        said = trust.run(*command, key=name, said=1)
        assert "nobody who may push has this key" in said.err
    assert trust.estate.tip() == before


def test_nothing_is_changed_where_the_answer_is_no(trust: Trust, monkeypatch):
    trust.enrol()
    before = trust.branches()
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    said = trust.run("accept", "ada", "--key", trust.keys.private("ops"), said=1)
    assert "nothing was changed" in said.err
    assert f"Did Dr Ada read out {enrolment.proposal_of('ada', trust.wiring).key.code}?" in said.err
    assert trust.branches() == before


def test_what_changed_while_a_person_read_is_not_undone(trust: Trust, monkeypatch):
    trust.enrol()
    changed = trust.wiring.repository.head().read(SIGNERS) + b"# later\n"

    class SlowReader(io.StringIO):
        def readline(self, size: int | None = -1) -> str:
            trust.estate.advance(trust.estate.commit({SIGNERS: changed}, key="ops"))
            return "y\n"

    monkeypatch.setattr(sys, "stdin", SlowReader())
    said = trust.run("accept", "ada", "--key", trust.keys.private("ops"), said=1)
    assert "has changed meanwhile" in said.err
    assert trust.branches() == {"main", "enrol/ada"}


def test_a_commit_that_changes_more_is_not_confirmed(trust: Trust):
    trust.enrol()
    smuggled = {SIGNERS: trust.wiring.repository.head().read(SIGNERS) + b"# x\n", "README": b"x"}
    trust.estate.git("update-ref", "refs/heads/review/ada", trust.estate.commit(smuggled))
    said = trust.run("confirm", "ada", key="boss", said=1)
    assert "changes more than" in said.err


def test_an_unsigned_commit_is_not_confirmed(trust: Trust):
    trust.enrol()
    trust.estate.git("update-ref", "refs/heads/review/ada", "refs/heads/enrol/ada")
    said = trust.run("confirm", "ada", key="boss", said=1)
    assert "carries no SSH signature" in said.err
    assert "ada" not in trust.people()


def test_what_the_hook_refuses_is_told(trust: Trust):
    trust.enrol()
    hook = trust.estate.path / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho the hook says no >&2\nexit 1\n")
    said = trust.run("accept", "ada", key="ops", said=1)
    assert "the push was refused" in said.err
    assert "the hook says no" in said.err


def test_where_nothing_waits_that_is_said(trust: Trust):
    for command in ("review", "accept", "confirm"):
        key = "" if command == "review" else "boss"
        said = trust.run(command, "ada", key=key, said=2)
        assert "ada" in said.err
    assert "no signer ada" in trust.run("revoke", "ada", key="ops", said=2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give --name"),
        (("--name", "Ada"), "--role"),
        (("--name", "Ada", "--role", "Big Boss"), "lower-case"),
        (("--name", "Ada", "--role", "cso", "--registration", "GMC"), "BODY:NUMBER"),
        (("--name", "Ada", "--role", "cso", "--valid-days", "0"), "--valid-days"),
        (("--name", "Ada", "--role", "cso", "--hours", "9999"), "--hours"),
    ],
)
def test_nobody_is_invited_by_half(trust: Trust, words: tuple[str, ...], said: str):
    assert said in trust.run("enrol", "ada", *words, said=2).err
    assert list(trust.wiring.ledger.entries("ada")) == []


def test_an_invitation_says_what_happens_next_and_who_invited(trust: Trust):
    said = trust.run("enrol", "ada", "--name", "Dr Ada", "--role", "cso")
    assert "It works once, for 48 h" in said.err
    assert "signer review ada" in said.err
    (entry,) = trust.wiring.ledger.entries("ada")
    assert entry.kind is Kind.SIGNER_INVITED
    assert entry.body["invitation"]["invited_by"]
    assert "ada  invited by" in trust.run("list").out


def test_nobody_is_invited_to_where_browsers_make_no_passkeys(trust: Trust):
    changes = {"gatehouse": "http://gate.trust.example"}
    trust.wiring.settings = trust.wiring.settings.model_copy(update=changes)
    said = trust.run("enrol", "ada", "--name", "Dr Ada", "--role", "cso", said=2)
    assert "browsers make no passkeys" in said.err


class TestAlone:
    @pytest.fixture
    def pushers(self) -> tuple[str, ...]:
        return ("ops",)

    def test_one_person_lets_somebody_in_where_there_is_no_second(self, trust: Trust):
        trust.enrol()
        said = trust.run("accept", "ada", key="ops")
        assert "the change is in force" in said.out
        assert "nobody confirmed this change" in said.err
        assert "ada" in trust.people()
        assert trust.branches() == {"main"}
