"""The evidence store: a folder of files named after their content."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from clinops.domain.digest import digest_bytes
from clinops.errors import EvidenceError, InfrastructureError

_PREFIX = "sha256:"


class EvidenceFiles:
    """The port `EvidenceStore`: `sha256/ab/cdef…` below a folder, written once, never changed.

    Args:
        root: The folder; made when the first file is stored.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their digest; storing them again is harmless."""
        digest = digest_bytes(data)
        path = self._path(digest)
        # A file that is there but was damaged is written again: a second copy mends it.
        if not (path.is_file() and path.read_bytes() == data):
            write_durably(path, data, mode=0o444)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest, hashed again on the way."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise EvidenceError(f"the evidence store has no file {digest}") from None
        except OSError as error:
            raise InfrastructureError(f"the evidence store can't be read: {error}") from error
        if digest_bytes(data) != digest:
            raise EvidenceError(f"the file {digest} was altered in the evidence store")
        return data

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix(_PREFIX)
        if len(name) != 64 or not set(name) <= set("0123456789abcdef"):  # noqa: PLR2004
            raise EvidenceError(f"{digest!r} is no digest")
        return self._root / "sha256" / name[:2] / name[2:]


def write_durably(target: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that, whenever the machine stops, it is there whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise InfrastructureError(f"{target} can't be written: {error}") from error


def _sync_folder(folder: Path) -> None:
    # The rename itself is durable only when the folder is.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
