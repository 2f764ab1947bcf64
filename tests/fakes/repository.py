"""An estate's repository in memory: one straight line of commits."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence

from clinops.adapters.git_keys import Keyring, filed_keys, revoked_keys
from clinops.domain.signer import fingerprint, without_comment
from clinops.errors import NotFoundError, RefusedError
from clinops.ports import Clock
from clinops.wiring import utc_now
from tests.fakes.trees import FakeTree


class FakeRepository:
    """Implements EstateRepository; a commit is "signed" by naming a public key."""

    def __init__(self, today: dt.date | None = None, clock: Clock = utc_now) -> None:
        self.today = today or dt.datetime.now(dt.UTC).date()
        self._clock = clock
        self._arrived: dt.datetime | None = None
        self._trees: list[FakeTree] = []
        self._keys: dict[str, str | None] = {}

    def commit(self, changes: Mapping[str, bytes | None], key: str | None = None) -> str:
        """Add a commit to the protected branch, signed with a public key."""
        before = self._trees[-1].files if self._trees else {}
        files = {path: data for path, data in {**before, **changes}.items() if data is not None}
        commit = hashlib.sha1(repr((len(self._trees), files)).encode()).hexdigest()  # noqa: S324
        self._trees.append(FakeTree(files, commit))
        self._keys[commit] = key
        self._arrived = self._clock()
        return commit

    def head(self) -> FakeTree:
        if not self._trees:
            raise NotFoundError("the estate has no commit")
        return self._trees[-1]

    def at(self, commit: str) -> FakeTree:
        return self._trees[self._place(commit)]

    def arrived(self) -> dt.datetime | None:
        return self._arrived

    def introduced(self, path: str, commit: str) -> str:
        later = self._trees[: self._place(commit) + 1][::-1]
        for tree, before in zip(later, [*later[1:], FakeTree({})], strict=True):
            if tree.files.get(path) != before.files.get(path):
                return tree.commit
        raise NotFoundError(f"no commit has ever changed {path}")

    def contributors(
        self, paths: Sequence[str], commit: str, since: str | None = None
    ) -> frozenset[str]:
        first = self._place(since) + 1 if since else 0
        names: set[str] = set()
        for place in range(first, self._place(commit) + 1):
            before = self._trees[place - 1].files if place else {}
            after = self._trees[place].files
            key = self._keys[self._trees[place].commit]
            if key and _differing(paths, before, after):
                for tree in (self._trees[max(place - 1, 0)], self.head()):
                    names |= filed_keys(tree).get(fingerprint(key), set())
        return frozenset(names)

    def changed(self, paths: Sequence[str], since: str, until: str) -> list[str]:
        return sorted(_differing(paths, self.at(since).files, self.at(until).files))

    def signer_of(self, commit: str) -> str:
        place = self._place(commit)
        source = self._trees[max(place - 1, 0)]
        keyring = Keyring.of(source, self.today, revoked=revoked_keys(self.head()))
        known = keyring.holders if place else keyring.of_the_trust().holders
        key = self._keys[commit]
        if key is None or without_comment(key) not in known:
            raise RefusedError(f"commit {commit[:12]} is signed by nobody known here")
        return known[without_comment(key)]

    def _place(self, commit: str) -> int:
        for place, tree in enumerate(self._trees):
            if tree.commit == commit:
                return place
        raise NotFoundError(f"there is no commit {commit}")


def _differing(
    paths: Sequence[str], one: Mapping[str, bytes], other: Mapping[str, bytes]
) -> set[str]:
    changed = {path for path in {*one, *other} if one.get(path) != other.get(path)}
    return {c for c in changed for p in paths if f"{c}/".startswith(f"{p.rstrip('/')}/")}
