"""The rules of a push about history: merges, refs, and keys that come with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.adapters import git_push
from clinops.adapters.git_repository import NO_OBJECT
from tests.fakes.git_estate import (
    ACME,
    MANIFEST,
    GitEstate,
    Keys,
    signer,
    signers_file,
    vendor_file,
)
from tests.unit.pushing import SIGNERS, only_problem, pushed


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


def test_refuses_more_commits_than_the_limit(
    estate: GitEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_push, "MOST_COMMITS", 2)
    tips = [estate.first]
    for number in range(3):
        tips.append(estate.commit({MANIFEST: b"%d\n" % number}, parents=tips[-1:]))
    assert pushed(estate, tips[2]).accepted
    assert "at most 2 commits" in only_problem(pushed(estate, tips[3]))


def test_guards_a_branch_of_another_name(tmp_path: Path, keys: Keys) -> None:
    estate = GitEstate(tmp_path, keys, branch="live")
    commit = estate.commit({MANIFEST: b"2\n"})
    assert pushed(estate, commit, ref="refs/heads/live").accepted
    assert not pushed(estate, commit).accepted
    estate.repository.close()
