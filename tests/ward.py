"""A small real system: a ward's board, whose releases qualify within seconds on a real engine.

For end-to-end tests of the gate. Nothing is faked: real git with real hooks and SSH keys, a real
ledger, real containers. Only the product is small.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from clinops.adapters.docker_sites import DockerSites
from clinops.adapters.git_commits import PushResult, commit_and_push, merge_and_push
from clinops.adapters.plain_stages import PlainStages
from clinops.adapters.sql_ledger import SqlLedger
from clinops.adapters.ssh_signatures import SshSignatures
from clinops.domain.envelope import Envelope
from clinops.domain.ledger import Entry
from clinops.domain.outcome import State
from clinops.domain.signoff import Meaning, Signed, SignOff, statement_bytes
from clinops.ports import Clock
from clinops.wiring import Wiring, utc_now
from flows.gate import prepare_sign_off, record
from flows.promote import promote_release
from flows.qualify import qualify_release
from flows.reconcile import reconcile
from scripts.demo import HOME

PRODUCT, VENDOR, SITE = "ward-board", "acme", "ward-board-test-hospital"
MANIFEST = f"vendor_manifests/{VENDOR}/{PRODUCT}.yaml"
GATE = f"environments/{PRODUCT}/gate.yaml"
HAZARDS = f"environments/{PRODUCT}/hazards.yaml"
WAIVERS = f"environments/{PRODUCT}/waivers.yaml"
SIGNERS = "environments/signers.yaml"
SMOKE = f"test_suites/{PRODUCT}/smoke/test_smoke.py"
REGRESSION = f"test_suites/{PRODUCT}/regression/test_regression.py"

PEOPLE: dict[str, dict[str, Any]] = {
    "a-admin": {"name": "Ada Admin", "roles": [], "may_push": True},
    "b-admin": {"name": "Ben Admin", "roles": [], "may_push": True},
    "j-okafor": {
        "name": "Dr Joy Okafor",
        "roles": ["clinical-safety-officer"],
        "registration": {"body": "GMC", "number": "7000001"},
    },
    "s-reid": {"name": "Sam Reid", "roles": ["operations"]},
}
KEYS = (*PEOPLE, VENDOR, "a-stranger", "a-second-key")

_SERVER = r"""
use strict; use warnings; use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };
my $version = $ENV{BOARD_VERSION};
my %pages = ("/health" => "ok", "/version" => $version, "/patients" => "Ward 7: Muñoz, Ana");
my $door = IO::Socket::INET->new(
    LocalAddr => "0.0.0.0", LocalPort => 8080, Listen => 20, ReuseAddr => 1) or die $!;
while (my $caller = $door->accept) {
    my $request = <$caller> // "";
    my ($path) = $request =~ m{^GET (\S+) };
    my $body = $pages{$path // ""} // "no such page";
    my $status = exists $pages{$path // ""} ? "200 OK" : "404 Not Found";
    print $caller "HTTP/1.0 $status\r\nContent-Type: text/plain\r\n\r\n$body";
    close $caller;
}
"""
_DOCKERFILE = """\
FROM clinops/base:bookworm
ARG BOARD
COPY board.pl /srv/board.pl
ENV BOARD_VERSION=$BOARD
USER nobody
EXPOSE 8080
CMD ["perl", "/srv/board.pl"]
"""
_HEALTH = """\
perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("127.0.0.1:8080")'\
"""
_SMOKE = '''\
"""The board answers."""

import pytest

pytestmark = pytest.mark.hazard("WRD-001")


def test_the_board_runs_without_root(host):
    assert host.file("/srv/board.pl").exists
    assert host.check_output("id -un") == "nobody"


def test_the_board_answers_as_the_version_of_the_release(http, replica):
    assert http.get("/version").raise_for_status().text == replica.version
'''
_REGRESSION = '''\
"""What the ward relies on."""

import pytest


@pytest.mark.hazard("WRD-002")
def test_a_name_keeps_its_letters(http):
    assert "Muñoz" in http.get("/patients").content.decode()


def test_an_unknown_page_is_not_found(http):
    assert http.get("/nothing").status_code == 404
'''


def hazard(number: int, name: str, **changes: Any) -> dict[str, Any]:
    """Describe a hazard of initial class 3."""
    return {
        "id": f"WRD-{number:03}",
        "name": name,
        "type": "test",
        "description": f"{name}.",
        "causes": ["a fault in the product"],
        "effect": "The ward works from wrong information.",
        "harm": "Delayed treatment.",
        "existing_controls": ["the ward keeps a paper list"],
        "initial": {"severity": "considerable", "likelihood": "medium"},
        "new_controls": {"test": ["smoke and regression suites"]},
        "residual": {"severity": "considerable", "likelihood": "very-low"},
        "owner": "Clinical safety officer",
        "status": "open",
        **changes,
    }


def manifest(version: str, **changes: Any) -> dict[str, Any]:
    """Describe a version as its vendor does."""
    return {
        "schema": 1,
        "product": PRODUCT,
        "vendor": VENDOR,
        "version": version,
        "package": {
            "build": {
                "folder": f"environments/{PRODUCT}/images/board",
                "arguments": {"BOARD": version},
            }
        },
        "kind": "upgrade",
        "changes": [{"summary": "The board knows its version", "area": "display"}],
        "rollback": {"strategy": "binary"},
        **changes,
    }


def document(value: Any) -> str:
    """Write a document as people do; dates stay dates."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return re.sub(r"'(\d{4}-\d\d-\d\d)'", r"\1", text)


class Ward:
    """A served estate with version 1.0 of the board in use at one site."""

    def __init__(self, root: Path, port: int = 4990, site: str = SITE, **gate: Any) -> None:
        self.root, self.estate, self.keys = root, root / "estate", root / "keys"
        self.site = site
        self._make_keys()
        self._write_source(root / "source", gate)
        self.must("init", self.estate, "--from", root / "source",
                  "--key", self.keys / "a-admin", "--port", port)  # fmt: skip
        self.remove(site)
        self.must("adopt", PRODUCT, "1.0", "--site", site, "--install")

    @property
    def wiring(self) -> Wiring:
        """A fresh look at the estate, as another process would have it."""
        return Wiring(self.estate)

    @contextmanager
    def opened(self, clock: Clock = utc_now) -> Iterator[Wiring]:
        """Look at the estate, and let go of it."""
        wiring = Wiring(self.estate, clock)
        try:
            yield wiring
        finally:
            close(wiring)

    def head(self) -> str:
        """Return the newest commit of the protected branch."""
        with self.opened() as wiring:
            return wiring.repository.head().commit

    def read(self, path: str) -> str:
        """Return a file of the protected branch."""
        with self.opened() as wiring:
            return wiring.repository.head().read(path).decode()

    def state(self, release: str) -> State:
        """Return where a release stands."""
        with self.opened() as wiring:
            return wiring.release(release).state

    def key(self, who: str) -> str:
        """Return where somebody's private key lies."""
        return str(self.keys / who)

    def clinops(self, *arguments: Any) -> subprocess.CompletedProcess[str]:
        """Run the command line on the estate."""
        return subprocess.run(
            [sys.executable, "-m", "clinops", "--estate", self.estate, *map(str, arguments)],
            capture_output=True, text=True, check=False, cwd=HOME,
        )  # fmt: skip

    def must(self, *arguments: Any) -> str:
        """Run a command that has to succeed; return what it printed."""
        done = self.clinops(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push(self, changes: dict[str, str | None], who: str = VENDOR, to: str = "") -> PushResult:
        """Push files, signed with somebody's key, to the protected branch or to another one."""
        return commit_and_push(
            self.estate / "estate.git",
            {path: None if text is None else text.encode() for path, text in changes.items()},
            key=self.key(who),
            author=f"{who} <{who}@example.org>",
            message="a change",
            to=to,
        )

    def decide(self, changes: dict[str, str | None]) -> None:
        """Change who decides: one administrator proposes it, another one confirms it."""
        branch = f"review/{secrets.token_hex(8)}"
        proposed = self.push(changes, "a-admin", to=branch)
        assert proposed.returncode == 0, proposed.stderr
        with self.opened() as wiring:
            commit = wiring.proposals.tip(branch)
        assert commit is not None
        merged = merge_and_push(
            self.estate / "estate.git",
            commit,
            key=self.key("b-admin"),
            author="b-admin <b-admin@example.org>",
            message="Confirmed",
        )
        assert merged.returncode == 0, merged.stderr

    def offer(self, version: str, **changes: Any) -> str:
        """Push a version as the vendor, reconcile, and return the release's id."""
        offered = manifest(version, **{"supersedes": "1.0", **changes})
        pushed = self.push({MANIFEST: document(offered)})
        assert pushed.returncode == 0, pushed.stderr
        return self.known()

    def known(self) -> str:
        """Reconcile without a flow server, and return the release that became known."""
        wiring = self.wiring
        before = {record.id for record in wiring.ledger.releases()}
        reconcile(wiring)
        (new,) = {record.id for record in wiring.ledger.releases()} - before
        close(wiring)
        return new

    def qualify(self, release: str) -> State:
        """Qualify a release on the real engine, in this process."""
        wiring = self.wiring
        state = qualify_release(release, wiring, PlainStages(Console(quiet=True))).state
        close(wiring)
        return state

    def promote(self, release: str, clock: Clock = utc_now) -> State:
        """Promote a release on the real engine, in this process."""
        with self.opened(clock) as wiring:
            return promote_release(release, wiring, PlainStages(Console(quiet=True)))

    def approve_the_hazard_log(self) -> None:
        """Have the safety officer approve the hazard log as it is on the protected branch."""
        who = ("--role", "clinical-safety-officer", "--key", self.key("j-okafor"))
        self.must("approve", PRODUCT, "hazard-log", *who, "--reason", "Read it.", "--yes")

    def sign(
        self, release: str, who: str, *more: Any, role: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Sign a release off from the terminal."""
        role = role or PEOPLE[who]["roles"][0]
        return self.clinops("sign", release, "--role", role, "--key", self.key(who),
                            "--reason", "Read the evidence.", "--yes", *more)  # fmt: skip

    def draft(
        self,
        release: str,
        who: str,
        *,
        role: str | None = None,
        meaning: Meaning = Meaning.APPROVED,
        reason: str = "Read the evidence.",
    ) -> SignOff:
        """Write down what somebody would sign."""
        role = role or PEOPLE[who]["roles"][0]
        with self.opened() as wiring:
            return prepare_sign_off(
                wiring.release(release), wiring, who, role=role, meaning=meaning, reason=reason
            )

    def envelope(self, signed: Signed, key: str) -> Envelope:
        """Sign a statement with somebody's key, whatever it says."""
        return SshSignatures().sign(statement_bytes(signed), self.key(key))

    def hand_in(self, envelope: Envelope, clock: Clock = utc_now) -> Entry:
        """Hand a signature in for recording, as the terminal and the pages do."""
        with self.opened(clock) as wiring:
            return record(envelope, wiring)

    def sign_off(self, release: str, *people: str) -> list[Envelope]:
        """Have people sign a release off, each in the role that they hold."""
        envelopes = []
        for who in people:
            envelopes.append(self.envelope(self.draft(release, who), who))
            self.hand_in(envelopes[-1])
        return envelopes

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Put the estate back afterwards, as it was: repository, ledger, evidence."""
        kept = self.root / f"kept-{secrets.token_hex(4)}"
        shutil.copytree(self.estate, kept)
        try:
            yield
        finally:
            shutil.rmtree(self.estate)
            kept.rename(self.estate)

    def entries(self, subject: str) -> list[Any]:
        """Return the ledger's entries about something."""
        wiring = self.wiring
        found = list(wiring.ledger.entries(subject))
        close(wiring)
        return found

    @staticmethod
    def remove(site: str = SITE) -> None:
        """Remove the system from its site, with its data."""
        sites = DockerSites({site: None}, utc_now)
        sites.remove(PRODUCT, site)
        sites.close()

    def _make_keys(self) -> None:
        self.keys.mkdir(parents=True)
        for name in KEYS:
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.keys / name],
                check=True,
            )

    def public(self, name: str) -> dict[str, Any]:
        """Describe somebody's key as signers.yaml does."""
        line = (self.keys / f"{name}.pub").read_text().strip()
        return {"public": line, "valid_from": "2020-01-01", "valid_until": "2099-12-31"}

    def signers(self, **changes: Any) -> str:
        """Write signers.yaml with these people besides, or in place of, the usual ones."""
        people = {name: {**who, "keys": [self.public(name)]} for name, who in PEOPLE.items()}
        return document({"schema": 1, "signers": {**people, **changes}})

    def _write_source(self, source: Path, gate: dict[str, Any]) -> None:
        home = f"environments/{PRODUCT}"
        service = {
            "image": "package",
            "user": "nobody",
            "healthcheck": {"test": ["CMD-SHELL", _HEALTH], "interval": "1s"},
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "mem_limit": "64m",
            "pids_limit": 32,
            "stop_grace_period": "2s",
        }
        section = {"under_test": "board", "endpoints": {"http": "board:8080"},
                   "ready_within": 30, "site_checks": ["smoke"]}  # fmt: skip
        policy = {
            "schema": 1,
            "requires": [{"role": "clinical-safety-officer"}, {"role": "operations"}],
            "sign_offs_expire_after_days": 14,
            **gate,
        }
        hazards = [hazard(1, "The board is unavailable"), hazard(2, "A name is garbled")]
        vendor = {"schema": 1, "name": "Acme Boards", "keys": [self.public(VENDOR)]}
        sites = {self.site: {"ring": 0, "products": [PRODUCT]}}
        files = {
            f"{home}/compose.yaml": document(
                {"name": PRODUCT, "services": {"board": service}, "x-clinops": section}
            ),
            f"{home}/images/board/Dockerfile": _DOCKERFILE,
            f"{home}/images/board/board.pl": _SERVER,
            GATE: document(policy),
            HAZARDS: document({"schema": 1, "product": PRODUCT, "hazards": hazards}),
            SIGNERS: self.signers(),
            "environments/sites.yaml": document({"schema": 1, "sites": sites}),
            MANIFEST: document(manifest("1.0")),
            f"vendor_manifests/{VENDOR}/vendor.yaml": document(vendor),
            SMOKE: _SMOKE,
            REGRESSION: _REGRESSION,
        }
        for path, text in files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)


def close(wiring: Wiring) -> None:
    """Let go of the database and of git, so that nothing outlives its test."""
    assert isinstance(wiring.ledger, SqlLedger)
    wiring.ledger.close()
    if "git" in vars(wiring):
        wiring.git.close()
