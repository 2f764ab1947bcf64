"""The estate's bare repository (port EstateRepository): trees, history, who signed a commit."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from clinops.adapters.git_command import GitCommand
from clinops.adapters.git_keys import KEY_FILES, Keyring, filed_keys, revoked_keys
from clinops.adapters.git_tree import GitTree, escaped
from clinops.errors import InfrastructureError, NotFoundError, RefusedError
from clinops.ports import Clock

NO_OBJECT = "0" * 40
"""What git writes for a ref that does not exist yet, or no more."""

LARGEST_LISTING = 8 * 1024 * 1024
"""Bytes that the names of all files of an estate may have; some hundred thousand files."""

_TREES = 16
"""Commits whose lists of files are kept."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_GOOD = re.compile(r'^Good "git" signature for (\S+) with \S+ key SHA256:\S+$', re.MULTILINE)
_FINGERPRINT = re.compile(r"^Good \"git\" signature with \S+ key (SHA256:\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """One commit and its parents, 40 hex digits each."""

    id: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One path that differs between two commits; the path may be hostile."""

    path: str
    mode: str
    """Git's mode of what is there afterwards."""
    before: str
    """The object that was there before."""
    blob: str
    """The object that is there afterwards."""

    @property
    def removed(self) -> bool:
        """Whether nothing is there afterwards."""
        return self.blob == NO_OBJECT

    @property
    def only_mode(self) -> bool:
        """Whether the bytes are what they were."""
        return self.blob == self.before


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class GitRepository:
    """A bare repository whose protected branch is the only source of policy."""

    def __init__(self, path: Path, branch: str = "main", *, clock: Clock = _utc_now) -> None:
        """Open a repository; raises NotFoundError where there is none at that path."""
        if not (path / "HEAD").is_file():
            raise NotFoundError(
                f"{path} is not a bare git repository", mend="make one with `clinops init`"
            )
        self.ref = f"refs/heads/{branch}"
        self._path = path
        self._git = GitCommand(path)
        # What is in a commit never changes.
        self._tree = lru_cache(_TREES)(partial(GitTree, self._git))
        self._clock = clock

    def head(self) -> GitTree:
        """Return the tree at the tip of the protected branch."""
        status, output, _ = self._git.answer(
            "rev-parse", "--verify", "-q", f"{self.ref}^{{commit}}"
        )
        if status != 0:
            raise NotFoundError(
                f"the estate has no branch {self.ref}", mend="start it with `clinops init`"
            )
        return self._tree(output.decode("ascii").strip())

    def arrived(self) -> dt.datetime | None:
        """Return when the protected branch came to where it is; None once git has packed it."""
        try:
            # NOTE: the log of the branch knows whole seconds only.
            written = (self._path / self.ref).stat().st_mtime
        except OSError:
            return None
        return dt.datetime.fromtimestamp(written, dt.UTC)

    def at(self, commit: str) -> GitTree:
        """Return the tree at a commit, by its 40 hex digits; raises NotFoundError."""
        if not self.is_commit(commit):
            raise NotFoundError(f"there is no commit {escaped(commit)} in the estate")
        return self._tree(commit)

    def is_commit(self, name: str) -> bool:
        """Whether 40 hex digits name a commit."""
        found = self._git.describe(name) if _COMMIT.fullmatch(name) else None
        return found is not None and found[0] == "commit"

    def introduced(self, path: str, commit: str) -> str:
        """Return the last commit that changed a path, looking back from a commit."""
        tip = self.at(commit).commit
        found = self._git.run("log", "-1", "--format=%H", tip, "--", path).decode("ascii").strip()
        if not found:
            raise NotFoundError(f"no commit of the estate has ever changed {escaped(path)}")
        return found

    def contributors(
        self, paths: Sequence[str], commit: str, since: str | None = None
    ) -> frozenset[str]:
        """Return whoever signed a commit that changed one of some files or folders.

        By every name that the key has had, at the commit's first parent and today: people are
        renamed. Whether the key is still good plays no part: who did it stays who did it.
        """
        span = [self.at(commit).commit, *([f"^{self.at(since).commit}"] if since else [])]
        listing = self._git.run(
            "-c", "gpg.ssh.allowedSignersFile=/dev/null",
            "log", "--full-history", "--format=%GF %H %P", *span, "--", *paths,
        )  # fmt: skip
        today = filed_keys(self.head())
        names: set[str] = set()
        for key, found, *parents in (line.split(" ") for line in listing.decode().splitlines()):
            before = filed_keys(GitTree(self._git, next(filter(None, parents), found), *KEY_FILES))
            names |= before.get(key, set()) | today.get(key, set())
        return frozenset(names)

    def signer_of(self, commit: str) -> str:
        """Return who signed a commit: `vendor:<name>` or `trust:<signer id>`.

        The keys are those at the commit's first parent, less those that the protected branch
        says by now are revoked. An estate's first commit has no parent: only a key of the trust
        that it introduces itself can have signed it.

        Raises:
            NotFoundError: There is no such commit.
            RefusedError: No known, valid key signed it.
        """
        tree = self.at(commit)
        parents = self._parents(commit)
        if not parents:
            return self.signer_among(self.keyring(tree).of_the_trust(), commit)
        return self.signer_among(self.keyring(self.at(parents[0])), commit)

    def keyring(self, tree: GitTree) -> Keyring:
        """Return the keys at a tree that count today."""
        return Keyring.of(tree, self._clock().date(), revoked=revoked_keys(self.head()))

    def signer_among(self, keyring: Keyring, commit: str) -> str:
        """Return whose key of a key ring signed a commit; raises RefusedError for nobody's."""
        with tempfile.NamedTemporaryFile("w", prefix="clinops-signers-") as allowed:
            allowed.write(keyring.allowed_signers())
            allowed.flush()
            setting = f"gpg.ssh.allowedSignersFile={allowed.name}"
            status, _, said = self._git.answer("-c", setting, "verify-commit", "--raw", commit)
        good = _GOOD.findall(said)
        if status == 0 and len(good) == 1:
            return str(good[0])
        if shutil.which("ssh-keygen") is None:
            raise InfrastructureError("ssh-keygen is missing", mend="install OpenSSH's client")
        raise RefusedError(_why_refused(commit, said, keyring))

    def commits(self, old: str, new: str, *, limit: int) -> list[Commit]:
        """Return what `new` has and `old` has not, oldest first, at most `limit` commits."""
        listing = self._git.run(
            "rev-list", "--topo-order", "--parents", f"--max-count={limit}", new, f"^{old}"
        )
        lines = [line.split(" ") for line in listing.decode("ascii").splitlines()]
        return [Commit(first, tuple(parents)) for first, *parents in reversed(lines)]

    def changed(self, paths: Sequence[str], since: str, until: str) -> list[str]:
        """Return the files, sorted, at or below some paths whose bytes differ between two commits.

        Whichever of the two is older. A renamed file is there under both names.

        Args:
            paths: Files and folders.
            since: The one commit.
            until: The other.

        Raises:
            NotFoundError: One of the commits does not exist.
        """
        if not paths:
            return []  # git would take it for everything
        found = self.changes(self.at(since).commit, self.at(until).commit, *paths)
        return sorted(change.path for change in found if not change.only_mode)

    def changes(self, before: str, after: str, *paths: str) -> list[Change]:
        """Return every path that differs between two commits; a rename is two of them.

        Args:
            before: The one commit.
            after: The other.
            *paths: Files and folders that are wanted; all by default.
        """
        listing = self._git.run(
            "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv",
            "--ignore-submodules=none", before, after, "--", *paths,
        )  # fmt: skip
        facts_and_paths = listing.split(b"\0")
        return [
            _change(facts.decode("ascii"), path.decode("utf-8", "surrogateescape"))
            for facts, path in zip(facts_and_paths[::2], facts_and_paths[1::2], strict=False)
        ]

    def is_oversized(self, commit: str) -> bool:
        """Whether a commit's file names alone are beyond reason.

        A few small objects can name billions of files, and git collects a difference in memory:
        ask this before `changes`.
        """
        listing = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        return self._git.says_more_than(LARGEST_LISTING, *listing)

    def size_of(self, change: Change) -> int:
        """Return the size in bytes of what is there after a change."""
        found = self._git.describe(change.blob)
        return found[1] if found is not None else 0

    def descends(self, new: str, old: str) -> bool:
        """Whether `old` is in the history of `new`."""
        status, _, _ = self._git.answer("merge-base", "--is-ancestor", old, new)
        return status == 0

    def close(self) -> None:
        """End git's long-lived processes; the next read starts them again."""
        self._git.close()

    def _parents(self, commit: str) -> list[str]:
        listed = self._git.run("rev-list", "--parents", "--max-count=1", commit)
        return listed.decode("ascii").split()[1:]


def _change(facts: str, path: str) -> Change:
    _, mode, before, blob, _ = facts.split(" ")
    return Change(path, mode, before, blob)


def _why_refused(commit: str, said: str, keyring: Keyring) -> str:
    fingerprints = _FINGERPRINT.findall(said)
    if not fingerprints:
        return f"commit {commit[:12]} carries no SSH signature that holds"
    if fingerprints[0] in keyring.unusable:
        return (
            f"commit {commit[:12]} is signed with {fingerprints[0]}: "
            f"that key {keyring.unusable[fingerprints[0]]}"
        )
    return f"commit {commit[:12]} is signed with {fingerprints[0]}, a key of nobody known here"
