"""What holds of every evidence store, and of the files of the real one."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from clinops.adapters.evidence_files import EvidenceFiles, write_durably
from clinops.domain.digest import digest_bytes
from clinops.errors import EvidenceError, InfrastructureError
from tests.fakes.evidence import FakeEvidence

HELLO = digest_bytes(b"hello")


@pytest.fixture(params=["fake", "files"])
def store(request, tmp_path):
    return FakeEvidence() if request.param == "fake" else EvidenceFiles(tmp_path / "evidence")


@pytest.fixture
def files(tmp_path) -> EvidenceFiles:
    return EvidenceFiles(tmp_path)


def path_of(root, digest: str):
    return root / "sha256" / digest[7:9] / digest[9:]


class TestEvidenceStoreContract:
    @pytest.mark.parametrize("data", [b"", b"hello", bytes(range(256)) * 100])
    def test_returns_what_was_put_by_its_digest(self, store, data):
        digest = store.put(data)
        assert digest == digest_bytes(data)
        assert store.get(digest) == data

    def test_putting_the_same_bytes_twice_is_harmless(self, store):
        assert store.put(b"hello") == store.put(b"hello") == HELLO
        assert store.get(HELLO) == b"hello"

    def test_refuses_a_digest_that_it_does_not_have(self, store):
        with pytest.raises(EvidenceError, match=HELLO):
            store.get(HELLO)


def test_files_are_read_only_and_named_after_their_content(files, tmp_path):
    digest = files.put(b"hello")
    path = path_of(tmp_path, digest)
    assert path.read_bytes() == b"hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_an_altered_file_is_never_returned(files, tmp_path):
    path = path_of(tmp_path, files.put(b"hello"))
    path.chmod(0o644)
    path.write_bytes(b"hullo")
    with pytest.raises(EvidenceError, match="altered"):
        files.get(HELLO)


def test_putting_the_bytes_again_mends_an_altered_file(files, tmp_path):
    path = path_of(tmp_path, files.put(b"hello"))
    path.chmod(0o644)
    path.write_bytes(b"")
    files.put(b"hello")
    assert files.get(HELLO) == b"hello"


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "sha256:../../etc/passwd", "../" * 20 + "etc", HELLO.upper(), HELLO + "0"],
)
def test_refuses_a_name_that_is_no_digest(files, digest):
    with pytest.raises(EvidenceError, match="is no digest"):
        files.get(digest)


def test_writers_of_the_same_bytes_do_not_disturb_each_other(files, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(files.put, [b"hello"] * 16))
    assert digests == {HELLO}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [HELLO[9:]]


def test_a_write_that_fails_leaves_neither_the_file_nor_a_part_of_it(tmp_path):
    target = tmp_path / "folder"
    (target / "in-the-way").mkdir(parents=True)
    with pytest.raises(InfrastructureError, match="can't be written"):
        write_durably(target, b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_store_that_cannot_be_read_is_no_fault_of_the_evidence(files, tmp_path):
    path_of(tmp_path, HELLO).mkdir(parents=True)
    with pytest.raises(InfrastructureError, match="can't be read"):
        files.get(HELLO)
