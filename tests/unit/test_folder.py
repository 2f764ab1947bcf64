"""A plain folder as an estate's tree, and the tree in memory beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clinops.adapters.folder import Folder
from clinops.errors import BadInputError, NotFoundError
from clinops.ports import EstateTree
from tests.fakes.trees import FakeTree

FILES = {
    "environments/orthanc/compose.yaml": b"name: orthanc\n",
    "environments/orthanc/images/.dockerignore": b"*\n",
    "environments/orthanc/images/var/data": b"\x00",
    "environments/sites.yaml": b"",
    "environments-old/x": b"",
}


def put(root: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def folder(root: Path) -> EstateTree:
    put(root, FILES)
    return Folder(root)


def fake(root: Path) -> EstateTree:
    return FakeTree(FILES)


@pytest.fixture(params=[folder, fake])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> EstateTree:
    make: Callable[[Path], EstateTree] = request.param
    return make(tmp_path)


def test_reads_a_file(tree: EstateTree):
    assert tree.read("environments/orthanc/compose.yaml") == b"name: orthanc\n"


def test_says_what_is_not_there(tree: EstateTree):
    with pytest.raises(NotFoundError, match=r"environments/gone\.yaml"):
        tree.read("environments/gone.yaml")
    with pytest.raises(NotFoundError):
        tree.read("environments/orthanc")


def test_knows_which_files_there_are(tree: EstateTree):
    assert tree.exists("environments/sites.yaml")
    assert not tree.exists("environments/orthanc")
    assert not tree.exists("gone")


def test_lists_the_files_below_a_folder_in_order(tree: EstateTree):
    assert tree.paths() == sorted(FILES)
    assert tree.paths("environments/") == sorted(p for p in FILES if p.startswith("environments/"))
    assert tree.paths("gone") == []


def test_leaves_out_what_is_no_part_of_an_estate(tmp_path: Path):
    put(tmp_path, {**FILES, ".git/config": b"", "var/ledger.db": b"", "a/__pycache__/a.pyc": b""})
    (tmp_path / ".venv").symlink_to("/")
    assert Folder(tmp_path).paths() == sorted(FILES)
    assert Folder(tmp_path).commit == "worktree"


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "a\0b"])
def test_refuses_a_path_that_leaves_the_estate(tmp_path: Path, path: str):
    with pytest.raises(BadInputError, match="leaves the estate"):
        Folder(tmp_path).read(path)


def test_refuses_symbolic_links_wherever_they_are(tmp_path: Path):
    put(tmp_path, FILES)
    (tmp_path / "environments" / "link.yaml").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to(tmp_path / "environments")
    for ask in (
        lambda: Folder(tmp_path).read("environments/link.yaml"),
        lambda: Folder(tmp_path).exists("linked/sites.yaml"),
        lambda: Folder(tmp_path).paths("environments"),
        lambda: Folder(tmp_path).paths("linked"),
    ):
        with pytest.raises(BadInputError, match="symbolic links are refused"):
            ask()


def test_leaves_out_what_is_no_regular_file(tmp_path: Path):
    import os

    os.mkfifo(tmp_path / "pipe")
    assert Folder(tmp_path).paths() == []


def test_says_that_there_is_no_such_folder(tmp_path: Path):
    with pytest.raises(NotFoundError, match="no such folder"):
        Folder(tmp_path / "gone")
