"""The estate's repository: what only git can do, and what is done to it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clinops.adapters import git_tree
from clinops.adapters.git_repository import GitRepository
from clinops.errors import BadInputError, InfrastructureError, NotFoundError, RefusedError
from tests.fakes.git_estate import (
    ACME,
    MANIFEST,
    GitEstate,
    first_files,
    signer,
    signers_file,
    vendor_file,
)


def test_refuses_a_folder_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not a bare git repository"):
        GitRepository(tmp_path)


def test_refuses_the_head_of_a_branch_that_does_not_exist(estate: GitEstate) -> None:
    with pytest.raises(NotFoundError, match="refs/heads/other"):
        GitRepository(estate.path, "other").head()


def test_nobody_knows_when_a_packed_branch_arrived(estate: GitEstate) -> None:
    estate.git("pack-refs", "--all")
    assert estate.repository.arrived() is None
    assert estate.repository.head().commit == estate.first


@pytest.mark.parametrize("name", ["HEAD", "main", "--help", "", "F" * 40, "abc1234"])
def test_takes_only_whole_commit_ids(estate: GitEstate, name: str) -> None:
    with pytest.raises(NotFoundError):
        estate.repository.at(name)


def test_a_blob_is_no_commit(estate: GitEstate) -> None:
    blob = estate.git("rev-parse", f"{estate.first}:{MANIFEST}")
    with pytest.raises(NotFoundError):
        estate.repository.at(blob)


@pytest.mark.parametrize(("mode", "words"), [("120000", "a symlink"), ("160000", "a submodule")])
def test_refuses_what_is_no_regular_file(estate: GitEstate, mode: str, words: str) -> None:
    tree = estate.repository.at(estate.commit({"suites/link": b"/etc/passwd"}, mode=mode))
    calls: list[Callable[[], object]] = [
        lambda: tree.read("suites/link"),
        lambda: tree.exists("suites/link"),
        lambda: tree.paths("suites"),
        tree.paths,
    ]
    for call in calls:
        with pytest.raises(BadInputError, match=words):
            call()
    assert tree.paths("environments") == ["environments/signers.yaml"]


def test_refuses_a_file_above_the_limit_before_reading_it(
    estate: GitEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_tree, "LARGEST_FILE", 100)
    tree = estate.repository.at(estate.commit({"at.bin": b"x" * 100, "above.bin": b"x" * 101}))
    assert len(tree.read("at.bin")) == 100
    with pytest.raises(BadInputError, match="101 bytes"):
        tree.read("above.bin")


@pytest.mark.parametrize("name", [b"a\xff.yaml", b"a\x1b[2J.yaml", b"a\nb.yaml"])
def test_refuses_a_tree_with_a_file_name_that_is_not_plain_text(
    estate: GitEstate, name: bytes
) -> None:
    tree = estate.repository.at(estate.commit({name: b"x"}))
    with pytest.raises(BadInputError, match="not plain text") as refusal:
        tree.paths()
    assert str(refusal.value).isprintable()


def test_reads_names_and_contents_byte_by_byte(estate: GitEstate) -> None:
    files = {"docs/größe ü.txt": b"\x00\xff\r\n\n", "docs/with space.txt": b"", "-n": b"dash"}
    tree = estate.repository.at(estate.commit(dict(files)))
    assert {path: tree.read(path) for path in files} == files


def test_names_the_commit_of_a_side_branch_that_made_a_change(estate: GitEstate) -> None:
    side = estate.commit({MANIFEST: b"version: 2\n"})
    other = estate.commit({"environments/x.yaml": b"x\n"}, key="ops")
    merge = estate.commit({"environments/x.yaml": b"x\n"}, key="ops", parents=[side, other])
    estate.advance(merge)
    assert estate.repository.introduced(MANIFEST, estate.repository.head().commit) == side
    assert estate.repository.signer_of(side) == "vendor:acme"


def test_a_changed_mode_is_no_changed_file(estate: GitEstate) -> None:
    executable = estate.commit({MANIFEST: b"version: 1\n"}, mode="100755", key="ops")
    assert [change.path for change in estate.repository.changes(estate.first, executable)] == [
        MANIFEST
    ]
    assert estate.repository.changed([MANIFEST], estate.first, executable) == []


def test_refuses_a_signature_over_another_commit(estate: GitEstate) -> None:
    signed = estate.git("cat-file", "commit", estate.commit({MANIFEST: b"version: 2\n"}))
    forged = estate.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        data=(signed.replace("a change", "b change") + "\n").encode(),
    )  # fmt: skip
    with pytest.raises(RefusedError, match="no SSH signature that holds"):
        estate.repository.signer_of(forged)


def test_refuses_a_signature_made_for_another_purpose(estate: GitEstate, tmp_path: Path) -> None:
    unsigned = estate.git("cat-file", "commit", estate.commit({MANIFEST: b"2\n"}, key=None)) + "\n"
    (tmp_path / "payload").write_text(unsigned)
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", estate.keys.private("acme"),
         str(tmp_path / "payload")],
        check=True, capture_output=True,
    )  # fmt: skip
    armour = (tmp_path / "payload.sig").read_text().strip().replace("\n", "\n ")
    head, _, message = unsigned.partition("\n\n")
    forged = estate.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        data=f"{head}\ngpgsig {armour}\n\n{message}".encode(),
    )  # fmt: skip
    with pytest.raises(RefusedError):
        estate.repository.signer_of(forged)


def test_a_pgp_signature_never_reaches_the_operators_key_ring(estate: GitEstate) -> None:
    unsigned = estate.git("cat-file", "commit", estate.commit({MANIFEST: b"2\n"}, key=None)) + "\n"
    head, _, message = unsigned.partition("\n\n")
    armour = "-----BEGIN PGP SIGNATURE-----\n \n aGVsbG8=\n -----END PGP SIGNATURE-----"
    forged = estate.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        data=f"{head}\ngpgsig {armour}\n\n{message}".encode(),
    )  # fmt: skip
    ran = estate.path / "ran"
    gpg = estate.path / "gpg"
    gpg.write_text(f"#!/bin/sh\ntouch {ran}\necho '[GNUPG:] GOODSIG 1 trust:ops'\n")
    gpg.chmod(0o755)
    estate.git("config", "gpg.program", str(gpg))
    with pytest.raises(RefusedError):
        estate.repository.signer_of(forged)
    assert not ran.exists()


def test_replace_refs_and_grafts_change_nothing(estate: GitEstate) -> None:
    good = estate.commit({MANIFEST: b"version: 2\n"})
    unsigned = estate.commit({MANIFEST: b"version: 3\n"}, key=None)
    estate.git("replace", unsigned, good)
    (estate.path / "info").mkdir(exist_ok=True)
    (estate.path / "info" / "grafts").write_text(f"{good}\n")
    assert estate.repository.at(unsigned).read(MANIFEST) == b"version: 3\n"
    assert estate.repository.signer_of(good) == "vendor:acme"
    with pytest.raises(RefusedError):
        estate.repository.signer_of(unsigned)


def test_other_refs_with_the_branchs_name_are_not_the_branch(estate: GitEstate) -> None:
    other = estate.commit({MANIFEST: b"version: 2\n"})
    for ref in ("refs/tags/main", "refs/heads/refs/heads/main", "refs/main", "refs/remotes/main"):
        estate.git("update-ref", ref, other)
    estate.git("notes", "add", "-m", "Signed-off-by: trust:ops", estate.first)
    assert estate.repository.head().commit == estate.first


def test_ignores_where_the_environment_says_that_the_repository_is(
    estate: GitEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'gpg.ssh.program'='false'")
    monkeypatch.setenv("GIT_NAMESPACE", "elsewhere")
    assert estate.repository.head().commit == estate.first
    assert estate.repository.signer_of(estate.first) == "trust:ops"


def test_says_which_key_it_was_and_why_it_does_not_count(estate: GitEstate) -> None:
    estate.advance(
        estate.commit(
            {ACME: vendor_file(estate.keys.entry("acme", revoked="2026-06-01"))}, key="ops"
        )
    )
    with pytest.raises(RefusedError, match=r"SHA256:\S+: that key of vendor:acme was revoked"):
        estate.repository.signer_of(estate.commit({MANIFEST: b"2\n"}))
    with pytest.raises(RefusedError, match="a key of nobody known here"):
        estate.repository.signer_of(estate.commit({MANIFEST: b"2\n"}, key="stranger"))


def test_the_first_commit_cannot_be_a_vendors(estate: GitEstate) -> None:
    files = first_files(estate.keys)
    root = estate.commit(dict(files), key="acme", parents=[])
    with pytest.raises(RefusedError):
        estate.repository.signer_of(root)


def test_names_the_missing_program_rather_than_blaming_the_signature(
    estate: GitEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = subprocess.run(["which", "git"], capture_output=True, check=True).stdout.decode()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git.strip())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InfrastructureError, match="ssh-keygen is missing"):
        estate.repository.signer_of(estate.first)


def test_an_estate_without_signers_knows_nobody(estate: GitEstate) -> None:
    estate.advance(estate.commit({"environments/signers.yaml": None, ACME: None}, key="ops"))
    with pytest.raises(RefusedError):
        estate.repository.signer_of(estate.commit({MANIFEST: b"2\n"}))


def test_a_signer_of_the_trust_is_known_by_id(estate: GitEstate) -> None:
    two = signer(estate.keys.entry("ops"), estate.keys.entry("token"), may_push=True)
    estate.advance(estate.commit({"environments/signers.yaml": signers_file(ops=two)}, key="ops"))
    assert estate.repository.signer_of(estate.commit({"a": b""}, key="token")) == "trust:ops"


def test_reads_five_hundred_manifests_well_within_a_second(estate: GitEstate) -> None:
    many = {f"vendor_manifests/acme/p{number}.yaml": b"x\n" * 200 for number in range(500)}
    lines = "".join(
        f"100644 {estate.git('hash-object', '-w', '--stdin', data=many[path])}\t{path}\0"
        for path in list(many)[:1]
    )
    blob = lines.split()[1]
    index = "".join(f"100644 {blob}\t{path}\0" for path in many).encode()
    env = {"GIT_INDEX_FILE": str(estate.path / "many")}
    estate.git("update-index", "-z", "--index-info", data=index, env=env)
    commit = estate.git("commit-tree", estate.git("write-tree", env=env), "-m", "many")
    started = time.perf_counter()
    tree = estate.repository.at(commit)
    assert all(tree.read(path) for path in tree.paths("vendor_manifests"))
    assert time.perf_counter() - started < 1


def test_threads_may_share_a_repository(estate: GitEstate) -> None:
    files = {f"f{number}.txt": f"{number}".encode() * 50 for number in range(20)}
    tree = estate.repository.at(estate.commit(dict(files)))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(tree.read, list(files) * 10))
    assert read == list(files.values()) * 10


def test_a_damaged_object_is_our_fault_and_not_the_vendors(estate: GitEstate) -> None:
    tree = estate.repository.at(estate.commit({"a.txt": b"content"}))
    assert tree.exists("a.txt")
    blob = estate.git("rev-parse", f"{tree.commit}:a.txt")
    (estate.path / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(InfrastructureError, match=blob):
        tree.read("a.txt")


def test_a_git_that_fails_is_our_fault_and_says_what_it_said(estate: GitEstate) -> None:
    with pytest.raises(InfrastructureError, match=r"^git diff-tree failed: fatal: bad object ffff"):
        estate.repository.changes(estate.first, "f" * 40)
