"""A real bare repository with signed commits, for tests of everything that reads git."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from clinops.adapters.git_commits import init
from clinops.adapters.git_repository import GitRepository

TODAY = dt.date(2026, 6, 15)
NOON = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)
MANIFEST = "vendor_manifests/acme/pas.yaml"
ACME = "vendor_manifests/acme/vendor.yaml"


class Keys:
    """SSH keys, made on demand and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def private(self, name: str) -> str:
        path = self._folder / name
        if not path.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)],
                check=True,
            )
        return str(path)

    def public(self, name: str) -> str:
        return Path(self.private(name) + ".pub").read_text().strip()

    def entry(self, name: str, **changes: str) -> dict[str, str]:
        """One key as `signers.yaml` and `vendor.yaml` write it; in force on TODAY and now."""
        valid = {"valid_from": "2020-01-01", "valid_until": "2099-12-31"}
        return {"public": self.public(name), **valid, **changes}

    def started_estate(self, branch: str) -> Path:
        """A bare repository that holds `first_files`, signed by ops; not to be changed."""
        place = self._folder / f"{branch}.git"
        if not place.exists():
            key = self.private("ops")
            init(place, first_files(self), key=key, author="Ops <o@trust.example>", branch=branch)
        return place


def signers_file(**signers: Any) -> bytes:
    return yaml.safe_dump({"schema": 1, "signers": signers}).encode()


def signer(*keys: dict[str, str], may_push: bool = False, **changes: Any) -> dict[str, Any]:
    person = {"name": "Dr Ada", "roles": ["cso"], "keys": list(keys), "may_push": may_push}
    return {**person, **changes}


def two_who_push(keys: Keys, **others: Any) -> bytes:
    """Write signers.yaml with two people who may push: `ops` and `ben`."""
    ops = signer(keys.entry("ops"), may_push=True)
    return signers_file(ops=ops, **{"ben": signer(keys.entry("ben"), may_push=True), **others})


def vendor_file(*keys: dict[str, str]) -> bytes:
    return yaml.safe_dump({"schema": 1, "name": "A vendor", "keys": list(keys)}).encode()


def first_files(keys: Keys) -> dict[str, bytes]:
    """An estate of two vendors, a signer who may push and one who may not."""
    return {
        "environments/signers.yaml": signers_file(
            ops=signer(keys.entry("ops"), may_push=True), cso=signer(keys.entry("cso"))
        ),
        ACME: vendor_file(keys.entry("acme")),
        "vendor_manifests/globex/vendor.yaml": vendor_file(keys.entry("globex")),
        "vendor_manifests/globex/lis.yaml": b"product: lis\n",
        MANIFEST: b"version: 1\n",
    }


class GitEstate:
    """A bare repository whose commits can be as odd as an attacker's."""

    def __init__(self, folder: Path, keys: Keys, branch: str = "main") -> None:
        self.keys = keys
        self.path = folder / "estate.git"
        self.branch = branch
        # Starting an estate takes longer than most tests: one per set of keys is copied.
        shutil.copytree(keys.started_estate(branch), self.path)
        self.first = self.tip()
        self.repository = GitRepository(self.path, branch, clock=lambda: NOON)

    def commit(
        self,
        changes: Mapping[str | bytes, bytes | None] | None = None,
        *,
        key: str | None = "acme",
        parents: Sequence[str] | None = None,
        mode: str = "100644",
        mail: str = "someone@vendor.example",
    ) -> str:
        """Make a commit on top of others without moving any branch; a key of None signs not."""
        parents = [self.tip()] if parents is None else parents
        index = {"GIT_INDEX_FILE": str(self.path / "test-index")}
        self.git("read-tree", *(parents[:1] or ["--empty"]), env=index)
        lines = [self._index_line(path, data, mode) for path, data in (changes or {}).items()]
        self.git("update-index", "-z", "--index-info", data=b"".join(lines), env=index)
        tree = self.git("write-tree", env=index)
        sign = [f"--gpg-sign={self.keys.private(key)}"] if key else []
        ancestry = [word for parent in parents for word in ("-p", parent)]
        who = {"GIT_AUTHOR_EMAIL": mail, "GIT_COMMITTER_EMAIL": mail}
        return self.git("commit-tree", tree, *ancestry, *sign, "-m", "a change", env=who)

    def advance(self, commit: str) -> str:
        """Move the protected branch, past every rule."""
        self.git("update-ref", f"refs/heads/{self.branch}", commit)
        return commit

    def tip(self) -> str:
        return self.git("rev-parse", f"refs/heads/{self.branch}")

    def git(self, *arguments: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        names = {"GIT_AUTHOR_NAME": "Someone", "GIT_COMMITTER_NAME": "Someone"}
        mails = {"GIT_AUTHOR_EMAIL": "a@b.example", "GIT_COMMITTER_EMAIL": "a@b.example"}
        done = subprocess.run(
            ["git", "-c", "gpg.format=ssh", "--git-dir", str(self.path), *arguments],
            input=data,
            capture_output=True,
            check=True,
            env={**os.environ, **names, **mails, **(env or {})},
        )
        return done.stdout.decode().strip()

    def _index_line(self, path: str | bytes, data: bytes | None, mode: str) -> bytes:
        raw = path.encode() if isinstance(path, str) else path
        if data is None:
            return b"0 " + b"0" * 40 + b"\t" + raw + b"\0"
        if mode == "160000":
            return f"{mode} {self.first}".encode() + b"\t" + raw + b"\0"
        blob = self.git("hash-object", "-w", "--stdin", data=data)
        return f"{mode} {blob}".encode() + b"\t" + raw + b"\0"
