"""Files of volumes, read from the tar streams that an engine gives."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clinops.adapters.file_inventory import files_in_archive
from clinops.adapters.inventory_records import Allowance
from clinops.domain.digest import digest_bytes
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.inventory_change import changes, differences
from clinops.errors import InfrastructureError


class Volume:
    """A folder that comes as a tar stream, in chunks of an odd size."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._bytes, mode="w")
        self._add("data", tarfile.DIRTYPE)

    def _add(self, name: str, kind: bytes, data: bytes = b"", target: str = "") -> None:
        member = tarfile.TarInfo(name)
        member.type, member.size, member.linkname = kind, len(data), target
        self._tar.addfile(member, io.BytesIO(data))

    def file(self, path: str, data: bytes) -> Volume:
        self._add(f"data/{path}", tarfile.REGTYPE, data)
        return self

    def other(self, path: str, kind: bytes, target: str = "") -> Volume:
        self._add(f"data/{path}", kind, target=target)
        return self

    def stream(self) -> Iterator[bytes]:
        self._tar.close()
        data = self._bytes.getvalue()
        return (data[start : start + 1000] for start in range(0, len(data), 1000))

    def read(self, allowance: Allowance | None = None) -> dict[str, Collection]:
        return files_in_archive("archive:/data", self.stream(), allowance or Allowance(30))


def sqlite_file(path: Path, *statements: str, wal: bool = False) -> dict[str, bytes]:
    """Return a database's file and its log as they stand while it is open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        for statement in statements:
            connection.execute(statement)
        return {file.name: file.read_bytes() for file in path.parent.glob(f"{path.name}*")}


PATIENTS = (
    "CREATE TABLE patients (id integer PRIMARY KEY, name text)",
    "INSERT INTO patients VALUES (1, 'Müller'), (2, 'Síle')",
)


def test_notes_files_by_their_contents_and_links_by_their_target() -> None:
    volume = Volume().file("a/scan.dcm", b"pixels").other("a", tarfile.DIRTYPE)
    volume.other("latest", tarfile.SYMTYPE, "/etc/passwd")
    volume.other("twin", tarfile.LNKTYPE, "data/a/scan.dcm").other("queue", tarfile.FIFOTYPE)
    (found,) = volume.read().values()
    contents = f"6 bytes, {digest_bytes(b'pixels')}"
    assert found.source is Source.FILES
    assert found.records == {
        "a/scan.dcm": {"contents": contents},
        "latest": {"contents": "link to /etc/passwd"},
        "twin": {"contents": contents},
    }


def test_names_the_file_in_which_one_pixel_differs() -> None:
    image = b"\x80" * 3_000_000
    before = Volume().file("scan", image).file("other", b"x").read()
    after = Volume().file("scan", image[:-1] + b"\x81").file("other", b"x").read()
    (found,) = differences(changes(Inventory(collections=before), Inventory(collections=after)))
    assert found.subject == "data: archive:/data: record scan: contents"
    assert found.refuses


@pytest.mark.parametrize("wal", [False, True])
def test_reads_sqlite_files_as_tables(tmp_path: Path, *, wal: bool) -> None:
    volume = Volume().file("notes.txt", b"SQLite format")
    for name, data in sqlite_file(tmp_path / "index.db", *PATIENTS, wal=wal).items():
        volume.file(name, data)
    found = volume.read()
    assert list(found["archive:/data"].records) == ["notes.txt"]
    assert found["archive:/data/index.db#patients"].records["1"] == {"id": "1", "name": "Müller"}


def test_finds_only_the_altered_row_in_a_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    before = Volume().file("index.db", sqlite_file(path, *PATIENTS)["index.db"]).read()
    altered = sqlite_file(path, "UPDATE patients SET name = 'Sile' WHERE id = 2", "VACUUM")
    after = Volume().file("index.db", altered["index.db"]).read()
    (found,) = differences(changes(Inventory(collections=before), Inventory(collections=after)))
    assert found.subject == "data: archive:/data/index.db#patients: record 2: name"


def test_takes_a_damaged_sqlite_file_for_the_loss_of_its_tables(tmp_path: Path) -> None:
    whole = sqlite_file(tmp_path / "index.db", *PATIENTS)["index.db"]
    before = Volume().file("index.db", whole).read()
    after = Volume().file("index.db", whole[:100] + b"\xff" * (len(whole) - 100)).read()
    assert list(after["archive:/data"].records) == ["index.db"]
    told = differences(changes(Inventory(collections=before), Inventory(collections=after)))
    assert "data: archive:/data/index.db#patients: lost" in {one.subject for one in told}


def test_keeps_files_apart_whose_names_are_written_alike() -> None:
    found = Volume().file("\udcff", b"1").file("\\xff", b"2").read()["archive:/data"].records
    assert {name: fields["contents"].split()[0] for name, fields in found.items()} == {
        "\\xff": "1",
        "\\xff #2": "1",
    }
    assert found["\\xff"] != found["\\xff #2"]


def test_refuses_a_stream_that_breaks_off() -> None:
    data = b"".join(Volume().file("scan", b"x" * 5000).stream())
    with pytest.raises(InfrastructureError, match="archive:/data can't be read"):
        files_in_archive("archive:/data", iter([data[:3000]]), Allowance(30))


def test_refuses_more_files_or_more_time_than_it_may_have() -> None:
    with pytest.raises(InfrastructureError, match="more than 1 records"):
        Volume().file("a", b"").file("b", b"").read(Allowance(30, records=1))
    with pytest.raises(InfrastructureError, match="took longer"):
        Volume().file("a", b"x").read(Allowance(-1))
