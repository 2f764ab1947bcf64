"""The estate's repository: the contract that the fake meets too, and what only git can do."""

from __future__ import annotations

import datetime as dt
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from clinops.adapters import git_tree
from clinops.adapters.git_repository import GitRepository
from clinops.errors import BadInputError, InfrastructureError, NotFoundError, RefusedError
from clinops.ports import EstateRepository
from tests.fakes.git_estate import (
    ACME,
    MANIFEST,
    TODAY,
    GitEstate,
    Keys,
    first_files,
    signer,
    signers_file,
    vendor_file,
)
from tests.fakes.repository import FakeRepository


class Estate(Protocol):
    """What the contract tests need beyond the port: a way to add a commit to the branch."""

    repository: EstateRepository
    keys: Keys
    first: str

    def add(self, changes: Mapping[str, bytes | None], key: str | None = "acme") -> str: ...


class RealEstate:
    def __init__(self, folder: Path, keys: Keys) -> None:
        self.git = GitEstate(folder, keys)
        self.repository, self.keys, self.first = self.git.repository, keys, self.git.first

    def add(self, changes: Mapping[str, bytes | None], key: str | None = "acme") -> str:
        return self.git.advance(self.git.commit(dict(changes), key=key))


class FakeEstate:
    def __init__(self, folder: Path, keys: Keys) -> None:
        self.repository, self.keys = FakeRepository(TODAY), keys
        self.first = self.repository.commit(first_files(keys), keys.public("ops"))

    def add(self, changes: Mapping[str, bytes | None], key: str | None = "acme") -> str:
        return self.repository.commit(changes, key and self.keys.public(key))


@pytest.fixture(params=[RealEstate, FakeEstate])
def estate(request: pytest.FixtureRequest, tmp_path: Path, keys: Keys) -> Iterator[Estate]:
    made = request.param(tmp_path, keys)
    yield made
    if isinstance(made, RealEstate):
        made.repository.close()


@pytest.fixture
def real(tmp_path: Path, keys: Keys) -> Iterator[GitEstate]:
    made = GitEstate(tmp_path, keys)
    yield made
    made.repository.close()


# --- the contract -------------------------------------------------------------------------------


def test_head_is_the_tip_of_the_branch(estate: Estate) -> None:
    newer = estate.add({MANIFEST: b"version: 2\n"})
    assert estate.repository.head().commit == newer
    assert estate.repository.head().read(MANIFEST) == b"version: 2\n"


def test_the_branch_arrived_where_it_is_when_it_was_pushed_to(estate: Estate) -> None:
    # A kernel stamps files with the time of its last tick.
    before = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=20)
    estate.add({MANIFEST: b"version: 2\n"})
    arrived = estate.repository.arrived()
    assert arrived is not None
    assert before <= arrived <= dt.datetime.now(dt.UTC)


def test_reads_a_file_as_it_was_at_an_older_commit(estate: Estate) -> None:
    estate.add({MANIFEST: b"version: 2\n"})
    older = estate.repository.at(estate.first)
    assert (older.commit, older.read(MANIFEST)) == (estate.first, b"version: 1\n")


def test_refuses_a_commit_that_does_not_exist(estate: Estate) -> None:
    with pytest.raises(NotFoundError):
        estate.repository.at("f" * 40)
    with pytest.raises(NotFoundError):
        estate.repository.signer_of("f" * 40)


def test_refuses_to_read_a_file_that_does_not_exist(estate: Estate) -> None:
    head = estate.repository.head()
    assert not head.exists("vendor_manifests/acme/none.yaml")
    with pytest.raises(NotFoundError):
        head.read("vendor_manifests/acme/none.yaml")


def test_a_folder_is_no_file(estate: Estate) -> None:
    assert not estate.repository.head().exists("vendor_manifests/acme")


def test_lists_the_files_below_a_folder_and_not_those_of_its_namesakes(estate: Estate) -> None:
    estate.add({"vendor_manifests/acme-two/a.yaml": b"", "vendor_manifests/acme/b/c.txt": b""})
    head = estate.repository.head()
    inside = [MANIFEST, ACME, "vendor_manifests/acme/b/c.txt"]
    assert head.paths("vendor_manifests/acme") == sorted(inside)
    assert head.paths("vendor_manifests/acme/") == sorted(inside)
    assert head.paths() == sorted(head.paths())
    assert len(head.paths()) == 7
    assert head.paths("nowhere") == []


def test_names_the_last_commit_that_changed_a_path(estate: Estate) -> None:
    changed = estate.add({MANIFEST: b"version: 2\n"})
    estate.add({"vendor_manifests/acme/other.yaml": b"x\n"})
    assert estate.repository.introduced(MANIFEST, estate.repository.head().commit) == changed
    assert estate.repository.introduced(ACME, estate.repository.head().commit) == estate.first


def test_refuses_to_name_a_commit_for_a_path_that_never_was(estate: Estate) -> None:
    with pytest.raises(NotFoundError):
        estate.repository.introduced("*", estate.repository.head().commit)


def test_the_first_commit_is_signed_by_a_key_of_the_trust_that_it_introduces(
    estate: Estate,
) -> None:
    assert estate.repository.signer_of(estate.first) == "trust:ops"


def test_a_vendors_commit_is_known_by_its_key(estate: Estate) -> None:
    commit = estate.add({MANIFEST: b"version: 2\n"}, key="acme")
    assert estate.repository.signer_of(commit) == "vendor:acme"


@pytest.mark.parametrize("key", [None, "stranger"])
def test_refuses_a_commit_without_a_known_signature(estate: Estate, key: str | None) -> None:
    commit = estate.add({MANIFEST: b"version: 2\n"}, key=key)
    with pytest.raises(RefusedError):
        estate.repository.signer_of(commit)


def test_a_commit_cannot_introduce_its_own_signer(estate: Estate) -> None:
    commit = estate.add({ACME: vendor_file(estate.keys.entry("fresh"))}, key="fresh")
    with pytest.raises(RefusedError):
        estate.repository.signer_of(commit)
    later = estate.add({MANIFEST: b"version: 2\n"}, key="fresh")
    assert estate.repository.signer_of(later) == "vendor:acme"


@pytest.mark.parametrize(
    "limits",
    [
        {"revoked": "2026-01-01"},
        {"revoked": "2027-01-01"},
        {"valid_until": str(TODAY - dt.timedelta(days=1))},
        {"valid_from": str(TODAY + dt.timedelta(days=1))},
    ],
)
def test_refuses_a_key_that_is_not_in_force_today(estate: Estate, limits: dict[str, str]) -> None:
    estate.add({ACME: vendor_file(estate.keys.entry("acme", **limits))}, key="ops")
    commit = estate.add({MANIFEST: b"version: 2\n"})
    with pytest.raises(RefusedError):
        estate.repository.signer_of(commit)


def test_a_key_counts_on_the_first_and_the_last_day_of_its_validity(estate: Estate) -> None:
    limits = {"valid_from": str(TODAY), "valid_until": str(TODAY)}
    estate.add({ACME: vendor_file(estate.keys.entry("acme", **limits))}, key="ops")
    commit = estate.add({MANIFEST: b"version: 2\n"})
    assert estate.repository.signer_of(commit) == "vendor:acme"


def test_a_revocation_also_counts_for_commits_made_before_it(estate: Estate) -> None:
    commit = estate.add({MANIFEST: b"version: 2\n"})
    revoked = estate.keys.entry("acme", revoked="2026-06-01")
    estate.add({ACME: vendor_file(revoked, estate.keys.entry("fresh"))}, key="ops")
    with pytest.raises(RefusedError):
        estate.repository.signer_of(commit)


def test_a_key_that_two_hold_identifies_neither(estate: Estate) -> None:
    globex = "vendor_manifests/globex/vendor.yaml"
    estate.add({globex: vendor_file(estate.keys.entry("acme"))}, key="ops")
    commit = estate.add({MANIFEST: b"version: 2\n"}, key="acme")
    with pytest.raises(RefusedError):
        estate.repository.signer_of(commit)


def test_whoever_changed_a_file_or_a_folder_contributed_to_it(estate: Estate) -> None:
    suite = "test_suites/pas/smoke/test_smoke.py"
    estate.add({suite: b"assert 1"}, key="ops")
    since = estate.add({MANIFEST: b"version: 2\n"})
    tip = estate.add({"environments/other/compose.yaml": b""}, key="cso")
    contributors = estate.repository.contributors
    assert contributors([MANIFEST, "test_suites/pas"], tip) == {"trust:ops", "vendor:acme"}
    assert contributors([suite], tip, estate.first) == {"trust:ops"}
    assert contributors([suite], tip, since) == frozenset()


def test_a_contributor_is_known_by_old_and_new_name_and_after_a_revocation(estate: Estate) -> None:
    estate.add({MANIFEST: b"version: 2\n"}, key="cso")
    revoked = signer(estate.keys.entry("cso", revoked="2026-06-01"))
    people = signers_file(ops=signer(estate.keys.entry("ops"), may_push=True), renamed=revoked)
    tip = estate.add({"environments/signers.yaml": people}, key="ops")
    found = estate.repository.contributors([MANIFEST], tip, estate.first)
    assert found == {"trust:cso", "trust:renamed"}


def test_names_the_files_whose_bytes_changed_between_two_commits(estate: Estate) -> None:
    suite, inner = "test_suites/pas/smoke/test_a.py", "test_suites/pas/smoke/deep/test_b.py"
    since = estate.add({suite: b"1", inner: b"1", "test_suites/pas-two/test_c.py": b"1"})
    estate.add({suite: b"2", MANIFEST: b"version: 2\n", "test_suites/pas-two/test_c.py": b"2"})
    until = estate.add({inner: None, "test_suites/pas/new.py": b"1", MANIFEST: b"version: 1\n"})
    changed = estate.repository.changed
    inside = sorted([suite, inner, "test_suites/pas/new.py"])
    assert changed(["test_suites/pas", MANIFEST], since, until) == inside
    assert changed(["test_suites/pas/"], until, since) == inside
    assert changed([suite, "test_suites/pas/smoke"], since, until) == sorted([suite, inner])
    assert changed([suite], until, until) == []
    assert changed([], since, until) == []
    assert changed(["*"], since, until) == []


def test_refuses_to_compare_with_a_commit_that_does_not_exist(estate: Estate) -> None:
    for pair in (("f" * 40, estate.first), (estate.first, "f" * 40)):
        with pytest.raises(NotFoundError):
            estate.repository.changed([MANIFEST], *pair)


# --- only git -----------------------------------------------------------------------------------


def test_refuses_a_folder_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not a bare git repository"):
        GitRepository(tmp_path)


def test_refuses_the_head_of_a_branch_that_does_not_exist(real: GitEstate) -> None:
    with pytest.raises(NotFoundError, match="refs/heads/other"):
        GitRepository(real.path, "other").head()


def test_nobody_knows_when_a_packed_branch_arrived(real: GitEstate) -> None:
    real.git("pack-refs", "--all")
    assert real.repository.arrived() is None
    assert real.repository.head().commit == real.first


@pytest.mark.parametrize("name", ["HEAD", "main", "--help", "", "F" * 40, "abc1234"])
def test_takes_only_whole_commit_ids(real: GitEstate, name: str) -> None:
    with pytest.raises(NotFoundError):
        real.repository.at(name)


def test_a_blob_is_no_commit(real: GitEstate) -> None:
    blob = real.git("rev-parse", f"{real.first}:{MANIFEST}")
    with pytest.raises(NotFoundError):
        real.repository.at(blob)


@pytest.mark.parametrize(("mode", "words"), [("120000", "a symlink"), ("160000", "a submodule")])
def test_refuses_what_is_no_regular_file(real: GitEstate, mode: str, words: str) -> None:
    tree = real.repository.at(real.commit({"suites/link": b"/etc/passwd"}, mode=mode))
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
    real: GitEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_tree, "LARGEST_FILE", 100)
    tree = real.repository.at(real.commit({"at.bin": b"x" * 100, "above.bin": b"x" * 101}))
    assert len(tree.read("at.bin")) == 100
    with pytest.raises(BadInputError, match="101 bytes"):
        tree.read("above.bin")


@pytest.mark.parametrize("name", [b"a\xff.yaml", b"a\x1b[2J.yaml", b"a\nb.yaml"])
def test_refuses_a_tree_with_a_file_name_that_is_not_plain_text(
    real: GitEstate, name: bytes
) -> None:
    tree = real.repository.at(real.commit({name: b"x"}))
    with pytest.raises(BadInputError, match="not plain text") as refusal:
        tree.paths()
    assert str(refusal.value).isprintable()


def test_reads_names_and_contents_byte_by_byte(real: GitEstate) -> None:
    files = {"docs/größe ü.txt": b"\x00\xff\r\n\n", "docs/with space.txt": b"", "-n": b"dash"}
    tree = real.repository.at(real.commit(dict(files)))
    assert {path: tree.read(path) for path in files} == files


def test_names_the_commit_of_a_side_branch_that_made_a_change(real: GitEstate) -> None:
    side = real.commit({MANIFEST: b"version: 2\n"})
    other = real.commit({"environments/x.yaml": b"x\n"}, key="ops")
    merge = real.commit({"environments/x.yaml": b"x\n"}, key="ops", parents=[side, other])
    real.advance(merge)
    assert real.repository.introduced(MANIFEST, real.repository.head().commit) == side
    assert real.repository.signer_of(side) == "vendor:acme"


def test_a_changed_mode_is_no_changed_file(real: GitEstate) -> None:
    executable = real.commit({MANIFEST: b"version: 1\n"}, mode="100755", key="ops")
    assert [change.path for change in real.repository.changes(real.first, executable)] == [MANIFEST]
    assert real.repository.changed([MANIFEST], real.first, executable) == []


def test_refuses_a_signature_over_another_commit(real: GitEstate) -> None:
    signed = real.git("cat-file", "commit", real.commit({MANIFEST: b"version: 2\n"}))
    forged = real.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        data=(signed.replace("a change", "b change") + "\n").encode(),
    )  # fmt: skip
    with pytest.raises(RefusedError, match="no SSH signature that holds"):
        real.repository.signer_of(forged)


def test_refuses_a_signature_made_for_another_purpose(real: GitEstate, tmp_path: Path) -> None:
    unsigned = real.git("cat-file", "commit", real.commit({MANIFEST: b"2\n"}, key=None)) + "\n"
    (tmp_path / "payload").write_text(unsigned)
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", real.keys.private("acme"),
         str(tmp_path / "payload")],
        check=True, capture_output=True,
    )  # fmt: skip
    armour = (tmp_path / "payload.sig").read_text().strip().replace("\n", "\n ")
    head, _, message = unsigned.partition("\n\n")
    forged = real.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        data=f"{head}\ngpgsig {armour}\n\n{message}".encode(),
    )  # fmt: skip
    with pytest.raises(RefusedError):
        real.repository.signer_of(forged)


def test_a_pgp_signature_never_reaches_the_operators_key_ring(real: GitEstate) -> None:
    unsigned = real.git("cat-file", "commit", real.commit({MANIFEST: b"2\n"}, key=None)) + "\n"
    head, _, message = unsigned.partition("\n\n")
    armour = "-----BEGIN PGP SIGNATURE-----\n \n aGVsbG8=\n -----END PGP SIGNATURE-----"
    forged = real.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        data=f"{head}\ngpgsig {armour}\n\n{message}".encode(),
    )  # fmt: skip
    ran = real.path / "ran"
    gpg = real.path / "gpg"
    gpg.write_text(f"#!/bin/sh\ntouch {ran}\necho '[GNUPG:] GOODSIG 1 trust:ops'\n")
    gpg.chmod(0o755)
    real.git("config", "gpg.program", str(gpg))
    with pytest.raises(RefusedError):
        real.repository.signer_of(forged)
    assert not ran.exists()


def test_replace_refs_and_grafts_change_nothing(real: GitEstate) -> None:
    good = real.commit({MANIFEST: b"version: 2\n"})
    unsigned = real.commit({MANIFEST: b"version: 3\n"}, key=None)
    real.git("replace", unsigned, good)
    (real.path / "info").mkdir(exist_ok=True)
    (real.path / "info" / "grafts").write_text(f"{good}\n")
    assert real.repository.at(unsigned).read(MANIFEST) == b"version: 3\n"
    assert real.repository.signer_of(good) == "vendor:acme"
    with pytest.raises(RefusedError):
        real.repository.signer_of(unsigned)


def test_other_refs_with_the_branchs_name_are_not_the_branch(real: GitEstate) -> None:
    other = real.commit({MANIFEST: b"version: 2\n"})
    for ref in ("refs/tags/main", "refs/heads/refs/heads/main", "refs/main", "refs/remotes/main"):
        real.git("update-ref", ref, other)
    real.git("notes", "add", "-m", "Signed-off-by: trust:ops", real.first)
    assert real.repository.head().commit == real.first


def test_ignores_where_the_environment_says_that_the_repository_is(
    real: GitEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'gpg.ssh.program'='false'")
    monkeypatch.setenv("GIT_NAMESPACE", "elsewhere")
    assert real.repository.head().commit == real.first
    assert real.repository.signer_of(real.first) == "trust:ops"


def test_says_which_key_it_was_and_why_it_does_not_count(real: GitEstate) -> None:
    real.advance(
        real.commit({ACME: vendor_file(real.keys.entry("acme", revoked="2026-06-01"))}, key="ops")
    )
    with pytest.raises(RefusedError, match=r"SHA256:\S+: that key of vendor:acme was revoked"):
        real.repository.signer_of(real.commit({MANIFEST: b"2\n"}))
    with pytest.raises(RefusedError, match="a key of nobody known here"):
        real.repository.signer_of(real.commit({MANIFEST: b"2\n"}, key="stranger"))


def test_the_first_commit_cannot_be_a_vendors(real: GitEstate) -> None:
    files = first_files(real.keys)
    root = real.commit(dict(files), key="acme", parents=[])
    with pytest.raises(RefusedError):
        real.repository.signer_of(root)


def test_names_the_missing_program_rather_than_blaming_the_signature(
    real: GitEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = subprocess.run(["which", "git"], capture_output=True, check=True).stdout.decode()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git.strip())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InfrastructureError, match="ssh-keygen is missing"):
        real.repository.signer_of(real.first)


def test_an_estate_without_signers_knows_nobody(real: GitEstate) -> None:
    real.advance(real.commit({"environments/signers.yaml": None, ACME: None}, key="ops"))
    with pytest.raises(RefusedError):
        real.repository.signer_of(real.commit({MANIFEST: b"2\n"}))


def test_a_signer_of_the_trust_is_known_by_id(real: GitEstate) -> None:
    two = signer(real.keys.entry("ops"), real.keys.entry("token"), may_push=True)
    real.advance(real.commit({"environments/signers.yaml": signers_file(ops=two)}, key="ops"))
    assert real.repository.signer_of(real.commit({"a": b""}, key="token")) == "trust:ops"


def test_reads_five_hundred_manifests_well_within_a_second(real: GitEstate) -> None:
    many = {f"vendor_manifests/acme/p{number}.yaml": b"x\n" * 200 for number in range(500)}
    lines = "".join(
        f"100644 {real.git('hash-object', '-w', '--stdin', data=many[path])}\t{path}\0"
        for path in list(many)[:1]
    )
    blob = lines.split()[1]
    index = "".join(f"100644 {blob}\t{path}\0" for path in many).encode()
    env = {"GIT_INDEX_FILE": str(real.path / "many")}
    real.git("update-index", "-z", "--index-info", data=index, env=env)
    commit = real.git("commit-tree", real.git("write-tree", env=env), "-m", "many")
    started = time.perf_counter()
    tree = real.repository.at(commit)
    assert all(tree.read(path) for path in tree.paths("vendor_manifests"))
    assert time.perf_counter() - started < 1


def test_threads_may_share_a_repository(real: GitEstate) -> None:
    files = {f"f{number}.txt": f"{number}".encode() * 50 for number in range(20)}
    tree = real.repository.at(real.commit(dict(files)))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(tree.read, list(files) * 10))
    assert read == list(files.values()) * 10


def test_a_damaged_object_is_our_fault_and_not_the_vendors(real: GitEstate) -> None:
    tree = real.repository.at(real.commit({"a.txt": b"content"}))
    assert tree.exists("a.txt")
    blob = real.git("rev-parse", f"{tree.commit}:a.txt")
    (real.path / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(InfrastructureError, match=blob):
        tree.read("a.txt")


def test_a_git_that_fails_is_our_fault_and_says_what_it_said(real: GitEstate) -> None:
    with pytest.raises(InfrastructureError, match=r"^git diff-tree failed: fatal: bad object ffff"):
        real.repository.changes(real.first, "f" * 40)
