"""The git command, run so that neither the environment nor a pushed tree can steer it.

Only git's quarantine variables (`GIT_OBJECT_DIRECTORY` and its kin) come through, so that a hook
sees the objects of the push that it judges.
"""

from __future__ import annotations

import threading
from pathlib import Path

from git import Git, GitCommandError

from clinops.errors import InfrastructureError

_CONFIGURATION = {
    "advice.graftFileDeprecated": "false",
    "core.attributesFile": "/dev/null",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "gpg.format": "ssh",
    "gpg.program": "false",
    "gpg.x509.program": "false",
    "gpg.ssh.program": "ssh-keygen",
}
"""Only SSH signatures: a PGP one would otherwise be judged by the operator's own key ring."""


def _environment(git_dir: Path) -> dict[str, str]:
    settings = {**_CONFIGURATION, "safe.directory": str(git_dir)}
    numbered = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, setting in enumerate(settings.items())
        for part, text in zip(("KEY", "VALUE"), setting, strict=True)
    }
    return {
        **numbered,
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_DIR": str(git_dir),
        "GIT_GRAFT_FILE": "/dev/null",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


class GitCommand:
    """Git on one repository; safe to share between threads."""

    def __init__(self, git_dir: Path, *, folder: Path | None = None) -> None:
        """Bind git to a repository.

        Args:
            git_dir: The bare repository, or the `.git` of a clone.
            folder: The clone's working tree, where there is one.
        """
        self._git = Git(str(folder or git_dir))
        self._git.update_environment(**_environment(git_dir.absolute()))
        self._batch = threading.Lock()

    def answer(self, *arguments: str) -> tuple[int, bytes, str]:
        """Run git and return its exit status, standard output and standard error."""
        status, output, errors = self._git.execute(
            ["git", *arguments],
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
        return int(status), bytes(output), str(errors)

    def run(self, *arguments: str) -> bytes:
        """Run git and return its standard output; raises InfrastructureError where it fails."""
        status, output, errors = self.answer(*arguments)
        if status != 0:
            raise InfrastructureError(f"git {arguments[0]} failed: {errors.strip()}")
        return output

    def says_more_than(self, limit: int, *arguments: str) -> bool:
        """Whether git's standard output is above a limit in bytes; git is stopped there."""
        process = self._git.execute(["git", *arguments], as_process=True)
        # GitPython ends the process once nobody holds it.
        return len(process.stdout.read(limit + 1)) > limit

    def describe(self, name: str) -> tuple[str, int] | None:
        """Return an object's kind and size in bytes, or None where there is no such object."""
        with self._batch:
            try:
                _, kind, size = self._git.get_object_header(name)
            except ValueError:
                return None
        return _text(kind), size

    def content(self, name: str) -> bytes:
        """Return an object's bytes, from one long-lived process for all reads."""
        with self._batch:
            try:
                *_, data = self._git.get_object_data(name)
            except (ValueError, OSError, GitCommandError) as error:
                raise InfrastructureError(f"git cannot read the object {name}: {error}") from error
        return bytes(data)

    def close(self) -> None:
        """End the long-lived processes; the next read starts them again."""
        with self._batch:
            self._git.clear_cache()


def _text(word: str | bytes) -> str:
    # NOTE: GitPython declares text here and returns bytes.
    return word.decode("ascii") if isinstance(word, bytes) else word
