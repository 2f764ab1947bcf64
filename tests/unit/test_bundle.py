"""A bundle says all, always in the same bytes, and not one of them can be changed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from clinops.adapters import bundle as bundles
from clinops.adapters.bundle import Bundle, export, read
from clinops.domain.digest import canonical
from clinops.domain.ledger import Entry
from clinops.errors import EvidenceError
from tests.fakes.evidence import FakeEvidence, qualified
from tests.fakes.ledger import FakeClock, FakeLedger, to_sign_off

ENVELOPES = (b'{"payload": "b25l"}', b'{"payload": "dHdv"}')
POLICY = {
    "environments/pas/gate.yaml": b"schema: 1\n",
    "environments/signers.yaml": b"schema: 1\nsigners: {}\n",
    "vendor_manifests/" + "v" * 63 + "/" + "p" * 63 + ".yaml": b"schema: 1\n",
}


def entries() -> list[Entry]:
    ledger = FakeLedger(FakeClock())
    to_sign_off(ledger)
    return list(ledger.entries())


def written(target: Path, **changes) -> Path:
    store = FakeEvidence()
    parts = {
        "evidence": qualified(store),
        "store": store,
        "envelopes": ENVELOPES,
        "policy_files": POLICY,
        "entries": entries(),
    }
    export(**{**parts, **changes}, target=target)
    return target


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    return written(tmp_path_factory.mktemp("bundle") / "b.tar").read_bytes()


@pytest.fixture
def reread(tmp_path):
    """Read a bundle that consists of these bytes."""

    def reading(data: bytes) -> Bundle:
        path = tmp_path / "b.tar"
        path.write_bytes(data)
        return read(path)

    return reading


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {info.name: archive.extractfile(info) for info in archive}
        return {name: file.read() for name, file in files.items() if file}


def packed(files: dict[str, bytes], *, sums: bool = True, **header) -> bytes:
    """Pack as an attacker would who knows the format: right sums, right order."""
    if sums:
        files = {**files, bundles.SUMS: bundles._sums(files)}
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            for field, value in header.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(files[name]))
    return sink.getvalue()


def test_what_goes_in_comes_out(whole, reread):
    store = FakeEvidence()
    found = reread(whole)
    assert found.evidence == qualified(store)
    assert set(found.files.values()) == set(store.files.values())
    assert found.envelopes == ENVELOPES
    assert found.policy_files == POLICY
    assert list(found.entries) == entries()


def test_equal_contents_give_equal_bytes(whole, tmp_path):
    shuffled = dict(reversed(POLICY.items()))
    again = written(tmp_path / "2.tar", policy_files=shuffled, entries=entries()[::-1])
    assert again.read_bytes() == whole
    assert packed(members(whole), sums=False) == whole


def test_a_release_without_sign_offs_has_a_bundle_too(tmp_path):
    found = read(written(tmp_path / "b.tar", envelopes=[], policy_files={}, entries=[]))
    assert (found.envelopes, found.policy_files, found.entries) == ((), {}, ())


def test_ordinary_tools_can_check_the_files(whole, tmp_path):
    (tmp_path / "b.tar").write_bytes(whole)
    subprocess.run(["tar", "-xf", "b.tar"], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count(": OK") == len(members(whole)) - 1


def test_not_one_byte_can_be_changed(whole, reread):
    spread = range(2048, len(whole), max(1, (len(whole) - 2048) // 400))
    for position in [*range(2048), *spread]:
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        with pytest.raises(EvidenceError, match=r"b\.tar: "):
            reread(bytes(changed))


def test_a_bundle_cannot_be_cut_or_lengthened(whole, reread):
    for length in [0, 1, 511, 512, 513, *range(600, len(whole), 997), len(whole) - 1]:
        with pytest.raises(EvidenceError):
            reread(whole[:length])
    for tail in [b"\0", b"x", b"\0" * 512, b"\0" * 10240, whole]:
        with pytest.raises(EvidenceError):
            reread(whole + tail)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("evidence.json", "evidence.json is missing"),
        ("ledger.jsonl", "ledger.jsonl is missing"),
        ("README.txt", "README.txt was altered"),
        ("files/log/smoke-candidate.txt", "files/log/smoke-candidate.txt is missing"),
        ("signatures/001.dsse.json", "signatures/001.dsse.json was altered"),
    ],
)
def test_a_part_that_was_taken_out_is_named(whole, reread, name, said):
    files = members(whole)
    del files[name]
    with pytest.raises(EvidenceError, match=said):
        reread(packed(files))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("files/extra.txt", b"", "files/extra.txt is no part of the evidence"),
        ("files/log/smoke-candidate.txt", b"2 passed", "does not have the digest"),
        ("extra.txt", b"", "extra.txt was altered"),
        ("signatures/extra", b"", "signatures/003.dsse.json was altered"),
        ("README.txt", b"trust me", "README.txt was altered"),
        ("evidence.json", b"{}", "no evidence that this version understands"),
        ("evidence.json", b"[" * 100_000, "no evidence that this version understands"),
        ("ledger.jsonl", b"{}\n", "ledger.jsonl line 1"),
        ("ledger.jsonl", b"[" * 100_000, "ledger.jsonl line 1"),
        ("../evil", b"", "no name for a file"),
        ("/evil", b"", "no name for a file"),
    ],
)
def test_what_an_attacker_puts_in_with_right_sums_is_named(whole, reread, name, data, said):
    with pytest.raises(EvidenceError, match=said):
        reread(packed({**members(whole), name: data}))


def test_evidence_in_another_form_is_refused_though_it_says_the_same(whole, reread):
    files = members(whole)
    files["evidence.json"] = b" " + files["evidence.json"]
    with pytest.raises(EvidenceError, match=r"evidence\.json was altered"):
        reread(packed(files))


@pytest.mark.parametrize("spoil", ["edit", "order", "twice"])
def test_ledger_entries_that_are_not_intact_are_named_by_line(whole, reread, spoil):
    files = members(whole)
    lines = files["ledger.jsonl"].splitlines(keepends=True)
    spoilt = {
        "edit": [lines[0], lines[1].replace(b'"attempt":1', b'"attempt":2')],
        "order": [lines[1], lines[0]],
        "twice": [lines[0], lines[0]],
    }
    files["ledger.jsonl"] = b"".join(spoilt[spoil])
    with pytest.raises(EvidenceError, match=r"ledger.jsonl line 2 is no intact entry"):
        reread(packed(files))


def test_a_number_that_has_no_canonical_form_is_no_traceback(whole, reread):
    files = members(whole)
    files["ledger.jsonl"] = files["ledger.jsonl"].replace(b'"attempt":1', b'"attempt":1e999')
    with pytest.raises(EvidenceError, match=r"ledger.jsonl line 2 is no intact entry"):
        reread(packed(files))


@pytest.mark.parametrize(
    "header",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "README.txt"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.CHRTYPE},
        {"mode": 0o777},
        {"mtime": 1},
        {"uname": "root"},
        {"uid": 1},
    ],
    ids=str,
)
def test_only_plain_files_with_the_same_header_are_taken(whole, reread, header):
    with pytest.raises(EvidenceError):
        reread(packed(members(whole), sums=False, **header))


def test_a_name_that_is_there_twice_is_refused(whole, reread):
    one = packed({"README.txt": b""}, sums=False)[:512]
    with pytest.raises(EvidenceError, match=r"README\.txt is there twice"):
        reread(one + whole)


def test_a_size_below_nothing_is_refused(whole, reread):
    info = tarfile.TarInfo("README.txt")
    info.size = -512
    with pytest.raises(EvidenceError, match="no plain file"):
        reread(info.tobuf(tarfile.GNU_FORMAT) + whole)


def test_what_is_no_bundle_is_named(tmp_path):
    for data in [b"", b"PK\3\4", b"\x1f\x8b" + b"\0" * 600, b"x" * 20480]:
        path = tmp_path / "holiday.jpg"
        path.write_bytes(data)
        with pytest.raises(EvidenceError, match=r"holiday\.jpg"):
            read(path)
    with pytest.raises(EvidenceError, match="No such file"):
        read(tmp_path / "nowhere.tar")


def test_refuses_a_bundle_that_would_fill_the_memory(whole, reread, monkeypatch):
    monkeypatch.setattr(bundles, "MAX_BYTES", len(whole) - 1)
    with pytest.raises(EvidenceError, match="larger than"):
        reread(whole)


def test_does_not_export_altered_evidence(tmp_path):
    store = FakeEvidence()
    evidence = qualified(store)
    store.files[evidence.files["log/smoke-candidate.txt"]] = b"2 passed"
    with pytest.raises(EvidenceError, match="altered"):
        written(tmp_path / "b.tar", evidence=evidence, store=store)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../gate.yaml", "a b", "x" * 150])
def test_does_not_export_a_name_that_no_bundle_may_have(tmp_path, name):
    with pytest.raises(EvidenceError):
        written(tmp_path / "b.tar", policy_files={name: b""})
    assert list(tmp_path.iterdir()) == []


def test_does_not_export_an_entry_that_was_altered(tmp_path):
    first, *others = entries()
    forged = first.model_copy(update={"subject": "pas-2"})
    with pytest.raises(EvidenceError, match=r"ledger.jsonl line 1"):
        written(tmp_path / "b.tar", entries=[forged, *others])


def test_does_not_export_what_cannot_be_written_down(tmp_path):
    broken = entries()[0].model_copy(update={"body": {"value": 2**60}})
    with pytest.raises(EvidenceError, match="can't be put into a bundle"):
        written(tmp_path / "b.tar", entries=[broken])


def test_the_evidence_in_the_bundle_has_the_digest_that_was_signed(whole, reread):
    found = reread(whole)
    assert members(whole)["evidence.json"] == canonical(found.evidence.json_value())
    assert found.evidence.digest == qualified(FakeEvidence()).digest
