"""The rules of a push, held against real commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.adapters import git_push, git_tree
from clinops.adapters.git_push import PushVerdict, Update, check, judge, read_updates
from clinops.adapters.git_repository import NO_OBJECT
from clinops.errors import BadInputError, Problem
from clinops.ports import EstateTree
from tests.fakes.git_estate import (
    MANIFEST,
    GitEstate,
    Keys,
    signer,
    signers_file,
    vendor_file,
)

MAIN = "refs/heads/main"
ACME = "vendor_manifests/acme/vendor.yaml"
SIGNERS = "environments/signers.yaml"


def nothing_wrong(tree: EstateTree) -> list[Problem]:
    return []


def pushed(estate: GitEstate, new: str, *, old: str | None = None, ref: str = MAIN) -> PushVerdict:
    return check(estate.repository, Update(old or estate.tip(), new, ref), nothing_wrong)


def only_problem(verdict: PushVerdict) -> str:
    assert len(verdict.problems) == 1, verdict.problems
    assert not verdict.accepted
    return verdict.problems[0]


def test_accepts_a_vendors_own_manifest_and_names_it(estate: GitEstate) -> None:
    commit = estate.commit({MANIFEST: b"version: 2\n"})
    verdict = pushed(estate, commit)
    assert verdict == PushVerdict("vendor:acme", (MANIFEST,), ())
    assert verdict.accepted
    assert verdict.report() == "ClinOps: accepted, signed by vendor:acme"


def test_accepts_several_commits_and_names_each_file_that_changed(estate: GitEstate) -> None:
    first = estate.commit({MANIFEST: None, "vendor_manifests/acme/docs/safety.txt": b"x"})
    second = estate.commit({"vendor_manifests/acme/ris.yaml": b"x\n"}, parents=[first])
    verdict = pushed(estate, second)
    assert verdict.accepted
    assert set(verdict.changed) == {
        MANIFEST,
        "vendor_manifests/acme/docs/safety.txt",
        "vendor_manifests/acme/ris.yaml",
    }


def test_refuses_an_unsigned_commit(estate: GitEstate) -> None:
    problem = only_problem(pushed(estate, estate.commit({MANIFEST: b"2\n"}, key=None)))
    assert "no SSH signature" in problem
    assert "sign with a key" in problem


def test_refuses_a_key_that_nobody_knows(estate: GitEstate) -> None:
    commit = estate.commit({MANIFEST: b"2\n"}, key="stranger")
    assert "nobody known here" in only_problem(pushed(estate, commit))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"revoked": "2026-06-01"}, "was revoked"),
        ({"valid_until": "2026-06-14"}, "is not valid on 2026-06-15"),
    ],
)
def test_refuses_a_key_that_is_not_in_force(
    estate: GitEstate, limits: dict[str, str], words: str
) -> None:
    entry = estate.keys.entry("acme", **limits)
    estate.advance(estate.commit({ACME: vendor_file(entry)}, key="ops"))
    assert words in only_problem(pushed(estate, estate.commit({MANIFEST: b"2\n"})))


def test_judges_by_key_whatever_the_mail_address_claims(estate: GitEstate) -> None:
    change = {"vendor_manifests/globex/lis.yaml": b"2\n"}
    as_ops = estate.commit(change, key="acme", mail="ops@trust.example")
    assert "vendor:acme may only touch" in only_problem(pushed(estate, as_ops))
    as_acme = estate.commit(change, key="globex", mail="someone@acme.example")
    assert pushed(estate, as_acme).principal == "vendor:globex"


@pytest.mark.parametrize(
    "path",
    [
        "vendor_manifests/globex/lis.yaml",
        "vendor_manifests/acme-two/pas.yaml",
        "vendor_manifests/pas.yaml",
        "environments/pas/compose.yaml",
        "environments/pas/gate.yaml",
        "environments/pas/hazards.yaml",
        "environments/pas/waivers.yaml",
        "environments/sites.yaml",
        "environments/board.yaml",
        "requests/archive.yaml",
        SIGNERS,
        "test_suites/pas/smoke/test_a.py",
        "README.md",
    ],
)
def test_refuses_a_vendor_outside_its_own_folder_and_names_the_path(
    estate: GitEstate, path: str
) -> None:
    problem = only_problem(pushed(estate, estate.commit({path: b"mine now\n"})))
    assert problem.startswith(f"{path}: vendor:acme may only touch vendor_manifests/acme/")


@pytest.mark.parametrize("path", [ACME, "vendor_manifests/acme/Vendor.YAML"])
def test_refuses_a_vendor_its_own_keys(estate: GitEstate, path: str) -> None:
    change = vendor_file(estate.keys.entry("acme"), estate.keys.entry("second"))
    assert "only the trust changes" in only_problem(pushed(estate, estate.commit({path: change})))


@pytest.mark.parametrize("name", ["agreement.yaml", "Agreement.YAML"])
def test_refuses_a_vendor_to_write_its_own_agreement(estate: GitEstate, name: str) -> None:
    problem = only_problem(
        pushed(estate, estate.commit({f"vendor_manifests/acme/{name}": b"schema: 1\n"}))
    )
    assert "only the trust writes an agreement" in problem


@pytest.mark.parametrize("name", ["acceptance.yaml", "Acceptance.YAML"])
def test_refuses_the_trust_to_accept_for_a_vendor(estate: GitEstate, name: str) -> None:
    path = f"vendor_manifests/acme/{name}"
    mine = estate.commit({path: b"schema: 1\n"}, key="ops")
    assert "only the vendor accepts" in only_problem(pushed(estate, mine))
    theirs = estate.commit({"vendor_manifests/acme/acceptance.yaml": b"schema: 1\n"})
    assert pushed(estate, theirs).accepted


def test_refuses_a_vendor_to_remove_what_is_not_its_own(estate: GitEstate) -> None:
    commit = estate.commit({"vendor_manifests/globex/lis.yaml": None})
    assert "may only touch" in only_problem(pushed(estate, commit))


def test_a_signer_with_may_push_changes_anything(estate: GitEstate) -> None:
    changes = {
        ACME: vendor_file(estate.keys.entry("second")),
        "environments/pas/gate.yaml": b"a new product's gate",
        "environments/pas/seed.py": b"",
        MANIFEST: None,
    }
    verdict = pushed(estate, estate.commit(dict(changes), key="ops"))
    assert (verdict.accepted, verdict.principal) == (True, "trust:ops")


@pytest.mark.parametrize("path", ["environments/pas/gate.yaml", MANIFEST])
def test_refuses_a_signer_without_may_push(estate: GitEstate, path: str) -> None:
    problem = only_problem(pushed(estate, estate.commit({path: b"x\n"}, key="cso")))
    assert "trust:cso may not push" in problem


def test_refuses_an_evil_file_that_the_next_commit_removes(estate: GitEstate) -> None:
    path = "environments/pas/compose.yaml"
    evil = estate.commit({path: b"evil\n"})
    clean = estate.commit({path: None, MANIFEST: b"2\n"}, parents=[evil])
    assert only_problem(pushed(estate, clean)).startswith(f"{path}: vendor:acme may only touch")


def test_refuses_an_unsigned_commit_below_a_signed_one(estate: GitEstate) -> None:
    hidden = estate.commit({MANIFEST: b"2\n"}, key=None)
    top = estate.commit({MANIFEST: b"3\n"}, parents=[hidden])
    assert hidden[:12] in only_problem(pushed(estate, top))


def test_refuses_a_merge_that_smuggles_past_its_first_parent(estate: GitEstate) -> None:
    harmless = estate.commit({MANIFEST: b"2\n"})
    evil = {"environments/pas/compose.yaml": b"evil\n"}
    merge = estate.commit(evil, parents=[harmless, estate.first])
    assert pushed(estate, merge).problems[0].startswith("environments/pas/compose.yaml")


def test_refuses_a_merge_that_undoes_what_others_changed(estate: GitEstate) -> None:
    own = estate.commit({MANIFEST: b"2\n"})
    others = estate.advance(estate.commit({"environments/a.yaml": b"safe\n"}, key="ops"))
    merge = estate.commit({}, parents=[own, others])
    verdict = pushed(estate, merge)
    assert "environments/a.yaml" in only_problem(verdict)
    assert "rebase" in only_problem(verdict)


def test_accepts_a_vendors_merge_of_its_own_work(estate: GitEstate) -> None:
    one = estate.commit({MANIFEST: b"2\n"})
    two = estate.commit({"vendor_manifests/acme/ris.yaml": b"x\n"})
    merge = estate.commit({"vendor_manifests/acme/ris.yaml": b"x\n"}, parents=[one, two])
    assert pushed(estate, merge).accepted


def test_refuses_a_second_history(estate: GitEstate) -> None:
    root = estate.commit({MANIFEST: b"version: 1\n"}, parents=[])
    merge = estate.commit({}, parents=[estate.first, root])
    assert any("second history" in problem for problem in pushed(estate, merge).problems)


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


def test_refuses_a_rewritten_history(estate: GitEstate) -> None:
    estate.advance(estate.commit({MANIFEST: b"2\n"}))
    other = estate.commit({MANIFEST: b"3\n"}, parents=[estate.first])
    assert "never rewritten" in only_problem(pushed(estate, other))


def test_refuses_to_delete_the_branch(estate: GitEstate) -> None:
    assert "never deleted" in only_problem(pushed(estate, NO_OBJECT))


def test_refuses_to_rewind_the_branch(estate: GitEstate) -> None:
    estate.advance(estate.commit({MANIFEST: b"2\n"}))
    assert "never rewritten" in only_problem(pushed(estate, estate.first))


def test_refuses_an_octopus_that_smuggles_under_one_of_its_arms(estate: GitEstate) -> None:
    arms = [estate.commit({f"vendor_manifests/acme/{name}.yaml": b"x\n"}) for name in "ab"]
    smuggled = estate.commit({"environments/pas/gate.yaml": b"evil\n"})
    octopus = estate.commit({}, parents=[estate.first, *arms, smuggled])
    assert any("gate.yaml: vendor:acme may only" in p for p in pushed(estate, octopus).problems)
    harmless = {f"vendor_manifests/acme/{name}.yaml": b"x\n" for name in "ab"}
    good = estate.commit(dict(harmless), parents=[estate.first, *arms])
    assert pushed(estate, good).accepted


def test_refuses_to_start_an_estate(estate: GitEstate) -> None:
    verdict = pushed(estate, estate.first, old=NO_OBJECT)
    assert "clinops init" in only_problem(verdict)


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/other",
        "refs/heads/main/x",
        "refs/heads/enrol/j-okafor",
        "refs/heads/review/Upper",
        "refs/heads/review/a/b",
        "refs/tags/v1",
        "refs/tags/main",
        "refs/notes/commits",
        "refs/replace/x",
        "HEAD",
        "main",
        "a\x1b[2J",
    ],
)
def test_refuses_any_other_ref(estate: GitEstate, ref: str) -> None:
    commit = estate.commit({MANIFEST: b"2\n"})
    problem = only_problem(pushed(estate, commit, ref=ref))
    assert "only refs/heads/main is open" in problem
    assert problem.isprintable()


def test_refuses_what_is_no_commit(estate: GitEstate) -> None:
    blob = estate.git("rev-parse", f"{estate.first}:{MANIFEST}")
    assert "no commit" in only_problem(pushed(estate, blob))


def test_refuses_a_pusher_that_lies_about_where_the_branch_is(estate: GitEstate) -> None:
    estate.advance(estate.commit({ACME: vendor_file(estate.keys.entry("second"))}, key="ops"))
    commit = estate.commit({MANIFEST: b"2\n"}, parents=[estate.first])
    assert "moved on" in only_problem(pushed(estate, commit, old=estate.first))


def test_a_signer_added_by_a_push_does_not_count_in_that_push(estate: GitEstate) -> None:
    added = signers_file(
        ops=signer(estate.keys.entry("ops"), may_push=True),
        eve=signer(estate.keys.entry("eve"), may_push=True),
    )
    first = estate.commit({SIGNERS: added}, key="ops")
    second = estate.commit({"environments/a.yaml": b"x\n"}, key="eve", parents=[first])
    assert "nobody known here" in only_problem(pushed(estate, second))
    estate.advance(first)
    assert pushed(estate, second).accepted


def test_a_key_that_a_push_adds_for_a_vendor_does_not_count_in_that_push(
    estate: GitEstate,
) -> None:
    keys = vendor_file(estate.keys.entry("acme"), estate.keys.entry("fresh"))
    first = estate.commit({ACME: keys}, key="ops")
    second = estate.commit({MANIFEST: b"2\n"}, key="fresh", parents=[first])
    assert "nobody known here" in only_problem(pushed(estate, second))


def test_a_commit_that_adds_its_own_key_is_refused(estate: GitEstate) -> None:
    keys = vendor_file(estate.keys.entry("acme"), estate.keys.entry("fresh"))
    commit = estate.commit({ACME: keys, MANIFEST: b"2\n"}, key="fresh")
    assert "nobody known here" in only_problem(pushed(estate, commit))


def test_a_commit_that_its_own_history_cannot_attribute_is_refused(estate: GitEstate) -> None:
    """The ledger asks later who signed a commit, by the keys where it forked."""
    forked = estate.commit({MANIFEST: b"2\n"}, key="second")
    keys = vendor_file(estate.keys.entry("acme"), estate.keys.entry("second"))
    estate.advance(estate.commit({ACME: keys}, key="ops"))
    merge = estate.commit({MANIFEST: b"2\n"}, key="ops", parents=[estate.tip(), forked])
    assert forked[:12] in only_problem(pushed(estate, merge))


def test_a_commit_that_forked_when_its_key_was_another_vendors_is_refused(
    estate: GitEstate,
) -> None:
    forked = estate.commit({MANIFEST: b"2\n"}, key="globex")
    globex = "vendor_manifests/globex/vendor.yaml"
    swapped = {ACME: estate.keys.entry("globex"), globex: estate.keys.entry("acme")}
    estate.advance(estate.commit({p: vendor_file(k) for p, k in swapped.items()}, key="ops"))
    merge = estate.commit({MANIFEST: b"2\n"}, key="ops", parents=[estate.tip(), forked])
    assert "forked when its key was another's" in only_problem(pushed(estate, merge))


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


def test_a_folder_whose_name_is_a_pattern_is_nobodys(estate: GitEstate) -> None:
    keys = vendor_file(estate.keys.entry("eve"))
    estate.advance(estate.commit({"vendor_manifests/*/vendor.yaml": keys}, key="ops"))
    commit = estate.commit({MANIFEST: b"2\n"}, key="eve")
    assert "nobody known here" in only_problem(pushed(estate, commit))


def test_refuses_more_commits_than_the_limit(
    estate: GitEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_push, "MOST_COMMITS", 2)
    tips = [estate.first]
    for number in range(3):
        tips.append(estate.commit({MANIFEST: b"%d\n" % number}, parents=tips[-1:]))
    assert pushed(estate, tips[2]).accepted
    assert "at most 2 commits" in only_problem(pushed(estate, tips[3]))


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


def test_reads_the_lines_that_git_writes() -> None:
    lines = [f"{NO_OBJECT} {'a' * 40} {MAIN}\n", f"{'a' * 40} {'b' * 40} refs/tags/odd name"]
    assert read_updates(lines) == [
        Update(NO_OBJECT, "a" * 40, MAIN),
        Update("a" * 40, "b" * 40, "refs/tags/odd name"),
    ]


def test_refuses_to_be_run_by_hand() -> None:
    with pytest.raises(BadInputError, match="standard input"):
        read_updates(["hello\n"])


def test_one_bad_ref_refuses_the_whole_push(estate: GitEstate) -> None:
    good = estate.commit({MANIFEST: b"2\n"})
    updates = [Update(estate.tip(), good, MAIN), Update(NO_OBJECT, good, "refs/tags/v2")]
    verdict = judge(updates, estate.repository, nothing_wrong)
    assert only_problem(verdict).startswith("refs/tags/v2:")
    assert verdict.report().startswith("ClinOps: refused, nothing was changed\n  refs/tags/v2:")
    assert judge(updates[:1], estate.repository, nothing_wrong).accepted
    with pytest.raises(BadInputError, match="no ref"):
        judge([], estate.repository, nothing_wrong)


def test_a_long_report_is_cut(estate: GitEstate) -> None:
    verdict = PushVerdict(None, (), tuple(f"file{number}: bad" for number in range(60)))
    lines = verdict.report().splitlines()
    assert lines[0] == "ClinOps: refused, nothing was changed"
    assert lines[-1] == "  and 10 more"
    assert len(lines) == 52


def test_guards_a_branch_of_another_name(tmp_path: Path, keys: Keys) -> None:
    estate = GitEstate(tmp_path, keys, branch="live")
    commit = estate.commit({MANIFEST: b"2\n"})
    assert pushed(estate, commit, ref="refs/heads/live").accepted
    assert not pushed(estate, commit).accepted
    estate.repository.close()
