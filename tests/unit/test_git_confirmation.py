"""Two people for the files that say whose word counts, held against real commits and keys."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clinops.adapters.git_push import PushVerdict, Update, check, judge
from clinops.adapters.git_repository import NO_OBJECT
from clinops.errors import Problem
from clinops.ports import EstateTree
from tests.fakes.git_estate import (
    MANIFEST,
    GitEstate,
    Keys,
    signer,
    signers_file,
    two_who_push,
    vendor_file,
)

MAIN = "refs/heads/main"
REVIEW = "refs/heads/review/eve"
SIGNERS = "environments/signers.yaml"
GATE = "environments/pas/gate.yaml"
BOARD = "environments/board.yaml"
GMC = {"body": "GMC", "number": "123 4567"}


def nothing_wrong(tree: EstateTree) -> list[Problem]:
    return []


@pytest.fixture
def alone(tmp_path: Path, keys: Keys) -> Iterator[GitEstate]:
    """An estate where `ops` alone may push."""
    made = GitEstate(tmp_path, keys)
    yield made
    made.repository.close()


@pytest.fixture
def estate(alone: GitEstate) -> GitEstate:
    """An estate where `ops` and `ben` may push, with a gate."""
    files = {SIGNERS: two_who_push(alone.keys), GATE: b"two roles\n", BOARD: b"weights\n"}
    alone.advance(alone.commit(dict(files), key="ops"))
    return alone


def on_file(estate: GitEstate, **people: Any) -> None:
    """Put other people on file, past every rule."""
    estate.advance(estate.commit({SIGNERS: signers_file(**people)}, key="ops"))


def with_eve(estate: GitEstate) -> bytes:
    return two_who_push(estate.keys, eve=signer(estate.keys.entry("eve")))


def proposal(
    estate: GitEstate, key: str = "ops", path: str = SIGNERS, parent: str | None = None
) -> str:
    """The first signature: a commit that changes one guarded file."""
    data = with_eve(estate) if path == SIGNERS else b"one role\n"
    return estate.commit({path: data}, key=key, parents=[parent or estate.tip()])


def merged(
    estate: GitEstate, change: str, key: str = "ben", also: dict[str, bytes] | None = None
) -> str:
    """The second signature: what `git merge --no-ff` makes of it."""
    paths = [SIGNERS, GATE, BOARD]
    names = estate.git("diff-tree", "-r", "--name-only", f"{change}^", change, "--", *paths)
    brought: dict[str | bytes, bytes | None] = {
        path: (estate.git("show", f"{change}:{path}") + "\n").encode() for path in names.split()
    }
    return estate.commit({**brought, **(also or {})}, key=key, parents=[estate.tip(), change])


def pushed(estate: GitEstate, new: str, ref: str = MAIN) -> PushVerdict:
    old = estate.tip() if ref == MAIN else NO_OBJECT
    return check(estate.repository, Update(old, new, ref), nothing_wrong)


def only_problem(verdict: PushVerdict) -> str:
    assert len(verdict.problems) == 1, verdict.problems
    return verdict.problems[0]


@pytest.mark.parametrize("path", [SIGNERS, GATE, BOARD])
def test_one_person_does_not_decide_who_decides(estate: GitEstate, path: str) -> None:
    problem = only_problem(pushed(estate, proposal(estate, path=path)))
    assert problem.startswith(f"{path}: needs a second person")
    assert "--no-ff" in problem


@pytest.mark.parametrize("path", [SIGNERS, GATE, BOARD])
def test_two_people_decide_who_decides(estate: GitEstate, path: str) -> None:
    verdict = pushed(estate, merged(estate, proposal(estate, path=path)))
    assert verdict == PushVerdict("trust:ben", (path,), ())


def test_either_of_the_two_may_be_the_first(estate: GitEstate) -> None:
    assert pushed(estate, merged(estate, proposal(estate, "ben"), "ops")).accepted


def test_what_git_itself_merges_is_in_order(estate: GitEstate, tmp_path: Path) -> None:
    """The very commands that the documentation gives."""
    estate.git("update-ref", REVIEW, proposal(estate))
    estate.advance(estate.commit({MANIFEST: b"2\n"}))
    work = tmp_path / "clone"
    estate.git("clone", "-q", str(estate.path), str(work))

    def git(*words: str) -> str:
        place = ("--git-dir", str(work / ".git"), "--work-tree", str(work))
        return estate.git(*place, "-c", f"user.signingKey={estate.keys.private('ben')}", *words)

    git("merge", "-q", "--no-ff", "-S", "-m", "confirm", "origin/review/eve")
    estate.git("fetch", "-q", str(work), "main:refs/heads/incoming")
    assert pushed(estate, estate.git("rev-parse", "incoming")).accepted


def test_nobody_confirms_their_own_change(estate: GitEstate) -> None:
    problem = only_problem(pushed(estate, merged(estate, proposal(estate), "ops")))
    assert "nobody is their own second person" in problem


def test_a_second_key_makes_no_second_person(estate: GitEstate) -> None:
    keys = estate.keys
    ops = signer(keys.entry("ops"), keys.entry("ops-two"), may_push=True)
    on_file(estate, ops=ops, ben=signer(keys.entry("ben"), may_push=True))
    problem = only_problem(pushed(estate, merged(estate, proposal(estate), "ops-two")))
    assert "nobody is their own second person" in problem


def test_a_second_id_with_one_registration_makes_no_second_person(estate: GitEstate) -> None:
    keys = estate.keys
    on_file(
        estate,
        ops=signer(keys.entry("ops"), may_push=True, registration=GMC),
        other=signer(
            keys.entry("other"), may_push=True, registration={"body": "gmc", "number": "1234567"}
        ),
        ben=signer(keys.entry("ben"), may_push=True),
    )
    problem = only_problem(pushed(estate, merged(estate, proposal(estate), "other")))
    assert "nobody is their own second person" in problem
    assert pushed(estate, merged(estate, proposal(estate), "ben")).accepted


@pytest.mark.parametrize("second", ["cso", "eve", "stranger", "acme", None])
def test_the_second_person_may_push_already(estate: GitEstate, second: str | None) -> None:
    keys = estate.keys
    on_file(
        estate,
        ops=signer(keys.entry("ops"), may_push=True),
        ben=signer(keys.entry("ben"), may_push=True),
        cso=signer(keys.entry("cso")),
    )
    eve = signer(keys.entry("eve"), may_push=True)
    change = estate.commit({SIGNERS: two_who_push(keys, eve=eve)}, key="ops")
    assert not pushed(estate, merged(estate, change, second)).accepted


@pytest.mark.parametrize("limits", [{"revoked": "2026-06-01"}, {"valid_until": "2026-06-14"}])
def test_a_key_that_does_not_count_confirms_nothing(
    estate: GitEstate, limits: dict[str, str]
) -> None:
    keys = estate.keys
    on_file(
        estate,
        ops=signer(keys.entry("ops"), may_push=True),
        ben=signer(keys.entry("ben", **limits), may_push=True),
    )
    assert "that key of trust:ben" in only_problem(pushed(estate, merged(estate, proposal(estate))))


def test_whoever_waits_for_the_others_key_to_run_out_is_still_not_alone(estate: GitEstate) -> None:
    keys = estate.keys
    late = signer(keys.entry("ben", valid_until="2026-06-14"), may_push=True)
    on_file(estate, ops=signer(keys.entry("ops"), may_push=True), ben=late)
    assert "second person" in only_problem(pushed(estate, proposal(estate)))
    left = signer(keys.entry("ben", revoked="2026-06-01"), may_push=True)
    on_file(estate, ops=signer(keys.entry("ops"), may_push=True), ben=left)
    assert pushed(estate, proposal(estate)).accepted


def test_whoever_has_a_passkey_alone_could_confirm_nothing_and_does_not_count(
    estate: GitEstate,
) -> None:
    point = bytes(range(32))
    cose = bytes.fromhex("a5010203262001215820") + point + bytes.fromhex("225820") + point
    passkey = {
        "public": f"webauthn@trust.example {base64.b64encode(cose).decode()}",
        "credential": "AAAA",
        "valid_from": "2020-01-01",
        "valid_until": "2099-12-31",
    }
    ops = signer(estate.keys.entry("ops"), may_push=True)
    on_file(estate, ops=ops, pat=signer(passkey, may_push=True))
    assert pushed(estate, proposal(estate)).accepted


def test_the_only_one_who_may_push_suffices_and_is_told_so(alone: GitEstate) -> None:
    verdict = pushed(alone, alone.commit({SIGNERS: two_who_push(alone.keys)}, key="ops"))
    assert verdict.accepted
    assert "accepted, signed by trust:ops\n  note: nobody confirmed this" in verdict.report()
    assert "may_push: true" in verdict.report()
    assert pushed(alone, alone.commit({MANIFEST: b"2\n"}, key="ops")).note == ""


def test_the_only_one_may_use_the_longer_way_too(alone: GitEstate) -> None:
    change = alone.commit({SIGNERS: two_who_push(alone.keys)}, key="ops")
    assert pushed(alone, merged(alone, change, "ops")).accepted


def test_a_demonstrations_identity_is_nobodys_second_person(estate: GitEstate) -> None:
    keys = estate.keys
    people = {
        "ops": signer(keys.entry("ops"), may_push=True),
        "ben": signer(keys.entry("ben"), may_push=True),
        "demo": signer(keys.entry("demo"), may_push=True, demonstration=True),
    }
    on_file(estate, **people)
    for first, second in (("ops", "demo"), ("demo", "ops")):
        pair = merged(estate, proposal(estate, first), second)
        assert "not a demonstration's" in only_problem(pushed(estate, pair))
    del people["ben"]
    on_file(estate, **people)
    assert "not a demonstration's" in only_problem(pushed(estate, proposal(estate, "demo")))
    assert pushed(estate, proposal(estate, "ops")).accepted


def test_among_themselves_demonstrations_play_two_people(estate: GitEstate) -> None:
    keys = estate.keys
    played: dict[str, Any] = {"may_push": True, "demonstration": True}
    ops, ben = (
        signer(keys.entry(name), **played, registration=dict(GMC)) for name in ("ops", "ben")
    )
    on_file(estate, ops=ops, ben=ben)
    assert "second person" in only_problem(pushed(estate, proposal(estate)))
    assert pushed(estate, merged(estate, proposal(estate))).accepted


@pytest.mark.parametrize("other", [MANIFEST, "environments/pas/seed.py", GATE])
def test_a_signer_never_comes_in_with_anything_else(estate: GitEstate, other: str) -> None:
    change = estate.commit({SIGNERS: with_eve(estate), other: b"x\n"}, key="ops")
    assert "split the push" in only_problem(pushed(estate, merged(estate, change)))
    one = proposal(estate)
    two = estate.commit({other: b"x\n"}, key="ops", parents=[one])
    assert pushed(estate, merged(estate, two)).problems
    merge = merged(estate, one)
    on_top = estate.commit({other: b"x\n"}, key="ben", parents=[merge])
    assert pushed(estate, on_top).problems
    below = estate.commit({other: b"x\n"}, key="ops")
    assert pushed(estate, merged(estate, proposal(estate, parent=below))).problems


def test_the_only_one_brings_a_signer_in_with_nothing_else_either(alone: GitEstate) -> None:
    both = {SIGNERS: two_who_push(alone.keys), MANIFEST: b"2\n"}
    problem = only_problem(pushed(alone, alone.commit(dict(both), key="ops")))
    assert "split the push" in problem
    first = alone.commit({SIGNERS: two_who_push(alone.keys)}, key="ops")
    second = alone.commit({MANIFEST: b"2\n"}, key="ops", parents=[first])
    assert pushed(alone, second).problems


def test_an_evil_merge_that_signs_something_else_is_refused(estate: GitEstate) -> None:
    change = proposal(estate)
    mallory = two_who_push(estate.keys, mallory=signer(estate.keys.entry("mallory")))
    for evil in ({SIGNERS: mallory}, {MANIFEST: b"evil\n"}, {GATE: b"one role\n"}):
        assert not pushed(estate, merged(estate, change, also=evil)).accepted


def test_an_empty_confirmation_is_none(estate: GitEstate) -> None:
    """A merge with the strategy `ours` keeps the change in history and out of the files."""
    change = proposal(estate)
    ours = estate.commit({}, key="ben", parents=[estate.tip(), change])
    assert "brought in" in only_problem(pushed(estate, ours))


def test_a_commit_on_top_is_no_merge(estate: GitEstate) -> None:
    change = proposal(estate)
    on_top = estate.commit({}, key="ben", parents=[change])
    assert "--no-ff" in only_problem(pushed(estate, on_top))
    swapped = estate.commit({}, key="ben", parents=[change, estate.tip()])
    assert "--no-ff" in only_problem(pushed(estate, swapped))
    octopus = estate.commit(
        {SIGNERS: with_eve(estate)}, key="ben", parents=[estate.tip(), change, estate.first]
    )
    assert "--no-ff" in only_problem(pushed(estate, octopus))


def test_a_signer_who_comes_and_goes_within_a_push_is_seen(estate: GitEstate) -> None:
    before = two_who_push(estate.keys)
    comes = proposal(estate)
    goes = estate.commit({SIGNERS: before}, key="ops", parents=[comes])
    assert not pushed(estate, goes).accepted


@pytest.mark.parametrize("path", [SIGNERS, GATE, BOARD])
def test_removing_or_replacing_a_guarded_file_needs_two_as_well(
    estate: GitEstate, path: str
) -> None:
    removed = estate.commit({path: None}, key="ops")
    assert "second person" in only_problem(pushed(estate, removed))
    folder = estate.commit({path: None, f"{path}/x": b""}, key="ops")
    assert not pushed(estate, folder).accepted
    first = estate.commit({path: None}, key="ops")
    back = estate.commit({path: b"mine\n"}, key="ops", parents=[first])
    assert not pushed(estate, back).accepted


def test_a_change_may_wait_while_the_branch_moves_on(estate: GitEstate) -> None:
    change = proposal(estate)
    estate.advance(estate.commit({MANIFEST: b"2\n"}))
    assert pushed(estate, merged(estate, change)).accepted


def test_a_change_of_signers_that_were_others_by_now_is_made_anew(estate: GitEstate) -> None:
    """It would bring back whoever was taken out meanwhile."""
    change = proposal(estate)
    on_file(
        estate,
        ops=signer(estate.keys.entry("ops"), may_push=True),
        ben=signer(estate.keys.entry("ben"), may_push=True),
        new=signer(estate.keys.entry("new")),
    )
    assert "brought in" in only_problem(pushed(estate, merged(estate, change)))


def test_a_merge_that_brings_back_older_signers_needs_two_people(estate: GitEstate) -> None:
    topic = estate.commit({MANIFEST: b"2\n"}, key="ops")
    older = two_who_push(estate.keys)
    newer = with_eve(estate)
    estate.advance(estate.commit({SIGNERS: newer}, key="ops"))
    keeps = {SIGNERS: newer, MANIFEST: b"2\n"}
    back = estate.commit({SIGNERS: older}, key="ops", parents=[topic, estate.tip()])
    assert not pushed(estate, back).accepted
    fine = estate.commit(dict(keeps), key="ops", parents=[topic, estate.tip()])
    assert pushed(estate, fine).accepted


# --- the branch where a change waits --------------------------------------------------------------


@pytest.mark.parametrize("path", [SIGNERS, GATE, BOARD])
def test_a_first_signature_waits_on_a_review_branch(estate: GitEstate, path: str) -> None:
    verdict = pushed(estate, proposal(estate, path=path), REVIEW)
    assert verdict.accepted
    assert "nothing is in force yet" in verdict.report()
    assert pushed(estate, proposal(estate, "ben", path), REVIEW).accepted


@pytest.mark.parametrize("key", ["acme", "cso", "stranger", None])
def test_only_those_who_may_push_use_a_review_branch(estate: GitEstate, key: str | None) -> None:
    on_file(
        estate,
        ops=signer(estate.keys.entry("ops"), may_push=True),
        ben=signer(estate.keys.entry("ben"), may_push=True),
        cso=signer(estate.keys.entry("cso")),
    )
    commit = estate.commit({SIGNERS: with_eve(estate)}, key=key)
    assert not pushed(estate, commit, REVIEW).accepted


def test_a_review_branch_holds_one_such_change_and_nothing_else(estate: GitEstate) -> None:
    change = proposal(estate)
    others = [
        estate.commit({MANIFEST: b"2\n"}),
        estate.commit({SIGNERS: with_eve(estate), MANIFEST: b"2\n"}, key="ops"),
        estate.commit({MANIFEST: b"2\n"}, key="ops", parents=[change]),
        merged(estate, change),
        estate.tip(),
    ]
    for commit in others:
        assert not pushed(estate, commit, REVIEW).accepted
    estate.advance(estate.commit({MANIFEST: b"3\n"}))
    assert "moved on" in only_problem(pushed(estate, change, REVIEW))


def test_a_review_branch_is_validated(estate: GitEstate) -> None:
    update = Update(NO_OBJECT, proposal(estate), REVIEW)
    wrong = Problem(SIGNERS, 1, "is wrong")
    assert only_problem(check(estate.repository, update, lambda _: [wrong])) == str(wrong)


def test_a_review_branch_is_neither_moved_nor_deleted(estate: GitEstate) -> None:
    one, two = proposal(estate), proposal(estate, "ben")
    for update in (Update(one, two, REVIEW), Update(one, NO_OBJECT, REVIEW)):
        verdict = check(estate.repository, update, nothing_wrong)
        assert "stays as it was pushed" in only_problem(verdict)


def test_a_push_moves_one_branch(estate: GitEstate) -> None:
    updates = [
        Update(NO_OBJECT, proposal(estate), REVIEW),
        Update(estate.tip(), estate.commit({MANIFEST: b"2\n"}), MAIN),
    ]
    verdict = judge(updates, estate.repository, nothing_wrong)
    assert "one branch" in only_problem(verdict)


def test_what_waits_for_review_is_in_force_for_nothing(estate: GitEstate) -> None:
    tip = estate.tip()
    change = proposal(estate)
    estate.git("update-ref", REVIEW, change)
    estate.git("update-ref", "refs/heads/enrol/eve", estate.commit({SIGNERS: b"?"}, key=None))
    assert estate.repository.head().commit == tip
    eves = estate.commit({MANIFEST: b"2\n"}, key="eve")
    assert "nobody known here" in only_problem(pushed(estate, eves))
    assert pushed(estate, estate.commit({MANIFEST: b"2\n"})).accepted


def test_a_gatehouses_unsigned_proposal_is_never_merged(estate: GitEstate) -> None:
    unsigned = estate.commit({SIGNERS: with_eve(estate)}, key=None)
    problem = only_problem(pushed(estate, merged(estate, unsigned)))
    assert "no SSH signature" in problem


def test_a_vendors_keys_need_one_person(estate: GitEstate) -> None:
    keys = vendor_file(estate.keys.entry("second"))
    commit = estate.commit({"vendor_manifests/acme/vendor.yaml": keys}, key="ops")
    assert pushed(estate, commit).accepted
