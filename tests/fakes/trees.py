"""A tree of an estate in memory."""

from __future__ import annotations

from collections.abc import Mapping

from clinops.errors import NotFoundError


class FakeTree:
    """Implements EstateTree over a dictionary of paths and bytes."""

    def __init__(self, files: Mapping[str, bytes], commit: str = "0" * 40) -> None:
        self.files = dict(files)
        self.commit = commit
        self.reads: list[str] = []
        """Every path that was read, in order, to see that nothing is read twice."""

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.files:
            raise NotFoundError(f"{path}: no such file")
        return self.files[path]

    def exists(self, path: str) -> bool:
        return path in self.files

    def paths(self, below: str = "") -> list[str]:
        prefix = f"{below.strip('/')}/" if below.strip("/") else ""
        return sorted(path for path in self.files if path.startswith(prefix))
