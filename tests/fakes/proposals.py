"""Proposed changes in memory."""

from __future__ import annotations

from collections.abc import Mapping

from clinops.domain.digest import digest_of


class FakeProposals:
    """Implements Proposals; a branch is the files that it changes."""

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, bytes | None]] = {}

    def propose(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> None:
        self.branches[branch] = dict(changes)

    def withdraw(self, branch: str) -> None:
        self.branches.pop(branch, None)

    def tip(self, branch: str) -> str | None:
        if branch not in self.branches:
            return None
        return digest_of(repr(self.branches[branch]))[-40:]
