"""The estate's repository: the contract that the fake meets too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from clinops.errors import NotFoundError, RefusedError
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
