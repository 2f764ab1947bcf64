"""A plain folder as an estate's tree: for a vendor's own check, before anything is pushed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from clinops.errors import BadInputError, NotFoundError

_NEVER_PART_OF_AN_ESTATE = frozenset(
    {
        ".git",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        "__pycache__",
    }
)
_OWN_DATA = "var"
"""Where the engine keeps its data, at the top of an estate."""


class Folder:
    """Implements EstateTree on a folder as it stands, committed or not."""

    commit = "worktree"

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise NotFoundError(f"{path}: no such folder", mend="name the folder of an estate")
        self._root = path

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raises NotFoundError."""
        if not self.exists(path):
            raise NotFoundError(f"{path}: no such file")
        return (self._root / path).read_bytes()

    def exists(self, path: str) -> bool:
        """Whether there is a file at that path."""
        return self._located(path).is_file()

    def paths(self, below: str = "") -> list[str]:
        """Return the paths of all regular files below a folder, sorted."""
        return sorted(self._walk(self._located(below)))

    def _located(self, path: str) -> Path:
        steps = PurePosixPath(path)
        if steps.is_absolute() or ".." in steps.parts or "\0" in path:
            raise BadInputError(f"{path!r}: the path leaves the estate")
        here = self._root
        for step in steps.parts:
            here /= step
            self._refuse_symlink(here)
        return here

    def _walk(self, folder: Path) -> Iterator[str]:
        if not folder.is_dir():
            return
        for entry in folder.iterdir():
            if entry.name in _NEVER_PART_OF_AN_ESTATE or entry == self._root / _OWN_DATA:
                continue
            self._refuse_symlink(entry)
            if entry.is_dir():
                yield from self._walk(entry)
            elif entry.is_file():
                yield entry.relative_to(self._root).as_posix()

    def _refuse_symlink(self, path: Path) -> None:
        if path.is_symlink():
            shown = path.relative_to(self._root).as_posix()
            raise BadInputError(
                f"{shown!r}: symbolic links are refused", mend="put the file itself there"
            )
