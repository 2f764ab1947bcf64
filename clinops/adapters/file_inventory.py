"""Inventories of volumes: their files by path, and the tables of the SQLite files among them."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from io import RawIOBase
from pathlib import Path
from typing import IO

from clinops.adapters.inventory_records import Allowance, free_name
from clinops.adapters.sqlite_inventory import COMPANIONS, HEADER, tables_in_file
from clinops.domain.inventory import Collection, Source
from clinops.errors import InfrastructureError

_CHUNK = 1 << 20
_LARGEST_COPY = 4 << 30


def files_in_archive(
    name: str, archive: Iterable[bytes], allowance: Allowance
) -> dict[str, Collection]:
    """Read the files of a tar stream, which begins with the folder that it is of.

    A SQLite file is given as its tables, `<name>/<path>#<table>`; one that can't be opened is a
    file like any other. Folders, sockets and devices hold nothing.

    Args:
        name: What the folder is called: `orthanc:/var/lib/orthanc`.
        archive: The stream's chunks.
        allowance: What that may take.

    Raises:
        InfrastructureError: The stream breaks off, or holds or takes more than it may.
    """
    with tempfile.TemporaryDirectory(prefix="clinops-inventory-") as folder:
        volume = _Volume(Path(folder), allowance)
        try:
            with tarfile.open(fileobj=_Stream(archive), mode="r|") as tar:
                for member in tar:
                    volume.take(tar, member)
        except (tarfile.TarError, EOFError) as error:
            raise InfrastructureError(f"the files of {name} can't be read: {error}") from error
        tables = {f"{name}/{place}": table for place, table in volume.tables().items()}
    return {name: Collection(source=Source.FILES, records=volume.records), **tables}


class _Volume:
    """The files of one volume, as they come by."""

    def __init__(self, folder: Path, allowance: Allowance) -> None:
        self.records: dict[str, dict[str, str]] = {}
        self._folder = folder
        self._allowance = allowance
        self._copies: dict[str, Path] = {}

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Note one file, and copy it where it is, or belongs to, a SQLite file."""
        name = free_name(_path(member.name), self.records)
        contents = self._contents(tar, member, name)
        if contents is not None:
            self._allowance.take()
            self.records[name] = {"contents": contents}

    def _contents(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> str | None:
        if member.issym():
            return f"link to {_readable(member.linkname)}"
        if member.islnk():
            # The same file under a second name.
            return self.records.get(_path(member.linkname), {}).get("contents", "link")
        file = tar.extractfile(member) if member.isreg() else None
        if file is None:
            return None
        with file:
            digest = self._digest(file, name, may_copy=member.size <= _LARGEST_COPY)
            return f"{member.size} bytes, sha256:{digest}"

    def _digest(self, file: IO[bytes], name: str, *, may_copy: bool) -> str:
        digest = hashlib.sha256()
        first = file.read(_CHUNK)
        wanted = first.startswith(HEADER) or name.endswith(COMPANIONS)
        with self._copy(name) if wanted and may_copy else _Nowhere() as copy:
            for chunk in _chunks(first, file):
                self._allowance.check()
                digest.update(chunk)
                copy.write(chunk)
        return digest.hexdigest()

    def _copy(self, name: str) -> IO[bytes]:
        self._copies[name] = self._folder / str(len(self._copies))
        return self._copies[name].open("wb")

    def tables(self) -> dict[str, Collection]:
        """Return the tables of all SQLite files by `<path>#<table>`, in place of the files."""
        found: dict[str, Collection] = {}
        for path, copy in self._copies.items():
            tables = self._opened(path, copy)
            found |= {f"{path}#{name}": table for name, table in tables.items()}
            for part in ("", "-shm", *COMPANIONS) if tables else ():
                self.records.pop(path + part, None)
        return found

    def _opened(self, path: str, copy: Path) -> dict[str, Collection]:
        for ending in COMPANIONS:
            if beside := self._copies.get(path + ending):
                shutil.copyfile(beside, copy.with_name(copy.name + ending))
        try:
            return tables_in_file(copy, self._allowance)
        except sqlite3.Error:
            return {}


class _Stream(RawIOBase):
    """Chunks as a file that can be read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes, and fewer only at the end."""
        parts = [self._rest]
        length = len(self._rest)
        while size < 0 or length < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            parts.append(chunk)
            length += len(chunk)
        data = b"".join(parts)
        size = length if size < 0 else size
        self._rest = data[size:]
        return data[:size]


class _Nowhere(RawIOBase):
    """Takes what needs no copy."""

    def write(self, _data: object) -> int:
        """Forget it."""
        return 0


def _chunks(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    chunk = first
    while chunk:
        yield chunk
        chunk = file.read(_CHUNK)


def _path(member: str) -> str:
    return _readable(member.partition("/")[2])


def _readable(text: str) -> str:
    """Write a name that is not UTF-8 with the codes of its bytes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
