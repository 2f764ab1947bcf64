"""The files of an estate at one commit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from clinops.adapters.git_command import GitCommand
from clinops.errors import BadInputError, NotFoundError

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes that one file of an estate may have."""

REGULAR = "100644"
EXECUTABLE = "100755"
_FILE_MODES = {REGULAR, EXECUTABLE, "100664"}
_ODD_MODES = {"120000": "a symlink", "160000": "a submodule"}


def name_of_mode(mode: str) -> str:
    """Say in words what is no regular file."""
    return _ODD_MODES.get(mode, f"of mode {mode}")


def escaped(text: str) -> str:
    """Write foreign text so that no byte of it can play tricks on a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode-escape").decode("ascii")
        for char in text
    )


@dataclass(frozen=True)
class _Entry:
    mode: str
    blob: str
    size: int


class GitTree:
    """An estate's files at one commit, read straight from the repository (port EstateTree)."""

    def __init__(self, git: GitCommand, commit: str, *only: str) -> None:
        """Take a commit, by its 40 hex digits, or only some of its files and folders."""
        self._git = git
        self._commit = commit
        self._only = only

    @property
    def commit(self) -> str:
        """40 hex digits."""
        return self._commit

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            NotFoundError: There is no such file.
            BadInputError: It is a symlink, a submodule, or above 64 MiB.
        """
        entry = self._file(path)
        if entry is None:
            raise NotFoundError(f"{escaped(path)} does not exist at commit {self._commit[:12]}")
        if entry.size > LARGEST_FILE:
            raise BadInputError(
                f"{path} has {entry.size} bytes", mend=f"keep files below {LARGEST_FILE} bytes"
            )
        return self._git.content(entry.blob)

    def exists(self, path: str) -> bool:
        """Whether there is a file at that path; raises BadInputError for a symlink."""
        return self._file(path) is not None

    def paths(self, below: str = "") -> list[str]:
        """Return the paths of all files below a folder, sorted; symlinks are refused."""
        folder = f"{below.strip('/')}/" if below.strip("/") else ""
        inside = [path for path in self._entries if path.startswith(folder)]
        return sorted(path for path in inside if self._file(path) is not None)

    def weight(self, below: str) -> int:
        """Return how many bytes the files below a folder have together."""
        folder = f"{below.strip('/')}/"
        return sum(one.size for path, one in self._entries.items() if path.startswith(folder))

    def _file(self, path: str) -> _Entry | None:
        entry = self._entries.get(path)
        if entry is not None and entry.mode not in _FILE_MODES:
            raise BadInputError(
                f"{path} is {name_of_mode(entry.mode)}", mend="put a regular file in its place"
            )
        return entry

    @cached_property
    def _entries(self) -> dict[str, _Entry]:
        wanted = ("--full-tree", self._commit, *self._only)
        listing = self._git.run("ls-tree", "-r", "-z", "-l", *wanted)
        return dict(_parsed(line) for line in listing.split(b"\0") if line)


def _parsed(line: bytes) -> tuple[str, _Entry]:
    facts, _, raw_path = line.partition(b"\t")
    mode, _, blob, size = facts.decode("ascii").split()
    path = raw_path.decode("utf-8", "surrogateescape")
    if not path.isprintable():
        raise BadInputError(f"the file name {escaped(path)} is not plain text", mend="rename it")
    return path, _Entry(mode, blob, int(size) if size.isdigit() else 0)
