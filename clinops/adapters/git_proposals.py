"""Branches of the estate's bare repository that hold what is proposed and not in force."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clinops.adapters import git_commits
from clinops.adapters.git_command import GitCommand


class GitProposals:
    """Implements Proposals in a bare repository; needs the right to write to its folder."""

    def __init__(self, repository: Path, base: str) -> None:
        """Take the repository and its protected branch."""
        self._repository = repository
        self._base = base

    def propose(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> None:
        """Put an unsigned commit with these changes on a branch, in place of what was there."""
        git_commits.propose(
            self._repository, changes, message=message, base=self._base, branch=branch
        )

    def withdraw(self, branch: str) -> None:
        """Remove a branch, if it is there."""
        GitCommand(self._repository).run("update-ref", "-d", f"refs/heads/{branch}")

    def tip(self, branch: str) -> str | None:
        """Return the commit of a branch."""
        name = f"refs/heads/{branch}^{{commit}}"
        status, output, _ = GitCommand(self._repository).answer("rev-parse", "--verify", "-q", name)
        return output.decode("ascii").strip() if status == 0 else None
