"""Starting an estate, and acting as a vendor."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.adapters.git_commits import commit_and_push, init
from clinops.adapters.git_repository import GitRepository
from clinops.errors import BadInputError
from tests.fakes.git_estate import MANIFEST, GitEstate, Keys, first_files

AUTHOR = "Ops <ops@trust.example>"


def test_starts_an_estate_with_exactly_the_files_given(tmp_path: Path, keys: Keys) -> None:
    files = {**first_files(keys), ".gitignore": b"*\n", "environments/ignored.log": b"x\r\n"}
    place = tmp_path / "deep" / "estate.git"
    commit = init(place, files, key=keys.private("ops"), author=AUTHOR)
    repository = GitRepository(place)
    head = repository.head()
    assert head.commit == commit
    assert {path: head.read(path) for path in head.paths()} == files
    assert repository.signer_of(commit) == "trust:ops"
    assert [path.name for path in place.parent.iterdir()] == ["estate.git"]
    repository.close()


def test_refuses_to_start_where_something_is(tmp_path: Path, keys: Keys) -> None:
    with pytest.raises(BadInputError, match="exists already"):
        init(tmp_path, first_files(keys), key=keys.private("ops"), author=AUTHOR)


@pytest.mark.parametrize("name", ["acme", "stranger"])
def test_refuses_to_start_with_a_key_that_is_not_the_trusts(
    tmp_path: Path, keys: Keys, name: str
) -> None:
    with pytest.raises(BadInputError, match="no known signer"):
        init(tmp_path / "e.git", first_files(keys), key=keys.private(name), author=AUTHOR)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_key_that_does_not_exist(tmp_path: Path, keys: Keys) -> None:
    with pytest.raises(BadInputError, match="cannot make a commit signed with") as refusal:
        init(tmp_path / "e.git", first_files(keys), key=str(tmp_path / "none"), author=AUTHOR)
    assert "SSH private key" in refusal.value.mend
    assert list(tmp_path.iterdir()) == []


def test_acts_as_a_vendor(tmp_path: Path, keys: Keys) -> None:
    estate = GitEstate(tmp_path, keys)
    result = commit_and_push(
        estate.path,
        {MANIFEST: None, "vendor_manifests/acme/ris.yaml": b"version: 7\n"},
        key=keys.private("acme"),
        author="Acme <releases@acme.example>",
        message="Replace PAS by RIS",
    )
    assert result.returncode == 0, result.stderr
    head = estate.repository.head()
    assert estate.repository.signer_of(head.commit) == "vendor:acme"
    assert not head.exists(MANIFEST)
    assert head.read("vendor_manifests/acme/ris.yaml") == b"version: 7\n"
    assert estate.git("log", "-1", "--format=%an %ae %s") == (
        "Acme releases@acme.example Replace PAS by RIS"
    )
    estate.repository.close()
