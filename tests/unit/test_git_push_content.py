"""The rules of a push about what is in it: kinds of files, names, sizes, and faults."""

from __future__ import annotations

import pytest

from clinops.adapters import git_push, git_tree
from clinops.adapters.git_push import Update, check
from clinops.errors import BadInputError, Problem
from clinops.ports import EstateTree
from tests.fakes.git_estate import MANIFEST, GitEstate
from tests.unit.pushing import MAIN, only_problem, pushed


@pytest.mark.parametrize(
    ("mode", "words"), [("120000", "is a symlink"), ("160000", "is a submodule")]
)
@pytest.mark.parametrize("key", ["acme", "ops"])
def test_refuses_what_is_no_regular_file(
    estate: GitEstate, mode: str, words: str, key: str
) -> None:
    commit = estate.commit({MANIFEST: b"../../../etc/passwd"}, mode=mode, key=key)
    assert words in only_problem(pushed(estate, commit))


def test_refuses_an_executable_of_a_vendor_and_lets_the_trust_have_one(estate: GitEstate) -> None:
    vendors = estate.commit({MANIFEST: b"2\n"}, mode="100755")
    assert "executable" in only_problem(pushed(estate, vendors))
    trusts = estate.commit({"environments/pas/seed.py": b""}, mode="100755", key="ops")
    assert pushed(estate, trusts).accepted


@pytest.mark.parametrize("name", [".gitattributes", ".gitmodules", ".GitAttributes"])
@pytest.mark.parametrize("key", ["acme", "ops"])
def test_refuses_files_that_steer_git(estate: GitEstate, name: str, key: str) -> None:
    commit = estate.commit({f"vendor_manifests/acme/{name}": b"* filter=evil\n"}, key=key)
    assert "steer git" in only_problem(pushed(estate, commit))


@pytest.mark.parametrize("name", [b"a\xff", b"a\x1b[2J", b"a\nb", "a\u202eb".encode(), b"a\x7f"])
def test_refuses_names_that_are_not_plain_text_and_shows_them_safely(
    estate: GitEstate, name: bytes
) -> None:
    commit = estate.commit({b"vendor_manifests/acme/" + name: b"x"})
    problem = only_problem(pushed(estate, commit))
    assert "not plain UTF-8" in problem
    assert problem.isprintable()


def test_accepts_names_in_any_language(estate: GitEstate) -> None:
    assert pushed(estate, estate.commit({"vendor_manifests/acme/größe ü.md": b"x"})).accepted


def test_refuses_a_manifest_above_its_limit_and_takes_one_at_it(estate: GitEstate) -> None:
    at = estate.commit({MANIFEST: b"#" * git_push.LARGEST_MANIFEST})
    assert pushed(estate, at).accepted
    above = estate.commit({MANIFEST: b"#" * (git_push.LARGEST_MANIFEST + 1)})
    assert "above 256 KiB" in only_problem(pushed(estate, above))


def test_refuses_what_makes_a_vendors_folder_too_heavy_push_upon_push(
    estate: GitEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_push, "LARGEST_FOLDER", 1024 * 1024)
    first = estate.commit({"vendor_manifests/acme/x/1": b"." * 600_000})
    assert pushed(estate, first).accepted
    estate.advance(first)
    second = estate.commit({"vendor_manifests/acme/x/2": b"." * 600_000})
    assert "vendor_manifests/acme/: is above 1 MiB in all" in only_problem(pushed(estate, second))


def test_refuses_any_file_above_what_can_be_read(
    estate: GitEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_push, "LARGEST_FILE", 1024)
    assert git_tree.LARGEST_FILE == 64 * 1024 * 1024
    commit = estate.commit({"vendor_manifests/acme/pas.tar": b"x" * 1025})
    assert "above 1 KiB" in only_problem(pushed(estate, commit))


def test_refuses_a_tree_that_names_more_files_than_can_be_listed(estate: GitEstate) -> None:
    """Eight small objects that stand for ten million files, put below a vendor's folder."""
    blob = estate.git("hash-object", "-w", "--stdin", data=b"x")
    level = f"100644 blob {blob}"
    for _ in range(7):
        entries = "".join(f"{level}\t{name}\n" for name in range(10))
        level = f"040000 tree {estate.git('mktree', data=entries.encode())}"
    root = estate.git("mktree", data=f"{level}\tvendor_manifests\n".encode())
    commit = estate.git(
        "commit-tree", root, "-p", estate.first, "-m", "bomb",
        f"--gpg-sign={estate.keys.private('acme')}",
    )  # fmt: skip
    assert "too many files" in only_problem(pushed(estate, commit))


def test_passes_on_what_the_validator_finds_in_the_new_tree(estate: GitEstate) -> None:
    def validate(tree: EstateTree) -> list[Problem]:
        bad = tree.read(MANIFEST) == b"bad\n"
        return [Problem(MANIFEST, 1, "is \x1b[2J bad", "mend it")] if bad else []

    update = Update(estate.tip(), estate.commit({MANIFEST: b"bad\n"}), MAIN)
    verdict = check(estate.repository, update, validate)
    assert only_problem(verdict) == f"{MANIFEST}:1: is \\x1b[2J bad; mend it"
    good = Update(estate.tip(), estate.commit({MANIFEST: b"good\n"}), MAIN)
    assert check(estate.repository, good, validate).accepted


def test_a_vendor_is_not_held_up_by_what_was_wrong_before_elsewhere(estate: GitEstate) -> None:
    old = Problem("vendor_manifests/globex/lis.yaml", 1, "was wrong before")
    new = Problem("environments/pas/compose.yaml", 1, "no longer fits the manifest")

    def validate(tree: EstateTree) -> list[Problem]:
        return [old] if tree.read(MANIFEST) != b"breaks\n" else [new, old]

    fine = Update(estate.tip(), estate.commit({MANIFEST: b"2\n"}), MAIN)
    assert check(estate.repository, fine, validate).accepted
    breaks = Update(estate.tip(), estate.commit({MANIFEST: b"breaks\n"}), MAIN)
    assert only_problem(check(estate.repository, breaks, validate)) == str(new)


def test_whoever_touches_a_bad_file_must_mend_it(estate: GitEstate) -> None:
    update = Update(estate.tip(), estate.commit({MANIFEST: b"2\n"}), MAIN)
    wrong = Problem(MANIFEST, 1, "was wrong before and still is")
    elsewhere = Problem("vendor_manifests/globex/lis.yaml", 1, "was wrong before as well")
    verdict = check(estate.repository, update, lambda _: [wrong, elsewhere])
    assert only_problem(verdict) == str(wrong)


def test_bad_input_that_the_validator_raises_is_a_refusal(estate: GitEstate) -> None:
    def validate(tree: EstateTree) -> list[Problem]:
        raise BadInputError("unreadable", problems=[Problem(MANIFEST, 3, "is unreadable")])

    update = Update(estate.tip(), estate.commit({MANIFEST: b"2\n"}), MAIN)
    verdict = check(estate.repository, update, validate)
    assert only_problem(verdict) == f"{MANIFEST}:3: is unreadable"


def test_content_is_not_parsed_before_the_pusher_is_known(estate: GitEstate) -> None:
    seen: list[str] = []

    def validate(tree: EstateTree) -> list[Problem]:
        seen.append(tree.commit)
        return []

    update = Update(estate.tip(), estate.commit({MANIFEST: b"2\n"}, key="stranger"), MAIN)
    assert not check(estate.repository, update, validate).accepted
    assert seen == []
