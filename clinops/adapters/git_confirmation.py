"""Two people for the files that say whose word counts: part of the rules of a push.

One person who may push could otherwise put a made-up signer on file, or take the safety officer
out of a gate, and then have any release approved. So one person commits such a change, and
another one confirms it by a signed merge commit. A release's other inputs need no second person
here: whoever signs the release is the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clinops.adapters.estate import SIGNERS, Estate
from clinops.adapters.git_repository import Change, Commit, GitRepository
from clinops.domain import board_policy
from clinops.domain.signer import Key, Signer, is_passkey
from clinops.ports import EstateTree

REVIEW = "refs/heads/review/"
"""Where a first signature waits for the second; nothing but a person ever reads it."""

_NEEDS_ANOTHER = (
    f"needs a second person: push it to {REVIEW}<name>, and let somebody else who may push "
    "confirm it with `git merge --no-ff`"
)
_MERGE = "merge it with --no-ff into the branch as it is, and add nothing"
_GATE = re.compile(r"environments/[^/]+/gate\.yaml")


@dataclass(frozen=True)
class SignedCommit:
    """A commit of a push, who signed it, and what it changes of the files guarded here."""

    commit: Commit
    principal: str
    guarded: frozenset[str]


def is_guarded(path: str) -> bool:
    """Whether a file says whose word counts, how many must agree, or what comes first."""
    return path in {SIGNERS, board_policy.PATH} or _GATE.fullmatch(path) is not None


def touched(repository: GitRepository, head: str, commits: Sequence[SignedCommit]) -> list[str]:
    """Name the guarded files that a push changes at any moment of its history, sorted.

    A merge that only takes over what the branch has already changes nothing; neither does the
    gate that a new product comes with.
    """
    found: set[str] = set()
    for one in (one for one in commits if one.guarded):
        found |= one.guarded & {
            change.path for change in repository.changes(head, one.commit.id, *one.guarded)
        }
    return sorted(filter(repository.at(head).exists, found))


def why_no_proposal(
    repository: GitRepository, head: str, commits: Sequence[SignedCommit]
) -> Iterator[str]:
    """Say why commits can't wait for a second person on a review branch."""
    paths = touched(repository, head, commits)
    if not paths or len(commits) != 1:
        yield "a review branch holds one commit that changes who decides; push others to the branch"
    elif commits[0].commit.parents != (head,):
        yield "the branch has moved on; fetch, rebase and push again"
    elif not _change_of(repository, commits[0].commit, paths):
        yield _together(paths)


def why_unconfirmed(
    repository: GitRepository, head: str, commits: Sequence[SignedCommit]
) -> Iterator[str]:
    """Say why commits may not change guarded files on the protected branch.

    Args:
        repository: The estate's repository.
        head: The branch before the push; who may push is read there.
        commits: Everything that the push adds, oldest first.
    """
    paths = touched(repository, head, commits)
    if not paths:
        return
    first, last = commits[0], commits[-1]
    change = _change_of(repository, first.commit, paths)
    people = _people(repository.at(head))
    # Whoever could not be told from another person, or is none, counts for nobody.
    signed = {people.get(one.principal, "") for one in (first, last)}
    if not change:
        yield _together(paths)
    elif "" in signed:
        yield f"{paths[0]}: only people decide who decides, not a demonstration's identity"
    elif first is last:
        if len(set(people.values())) > 1:
            yield f"{paths[0]}: {_NEEDS_ANOTHER}"
    elif not _brings_in(repository, head, [one.commit for one in commits], change):
        yield f"{paths[0]}: is not what {first.principal} signed, brought in; {_MERGE}"
    elif len(signed) == 1 and len(set(people.values())) > 1:
        yield f"{paths[0]}: nobody is their own second person; {_NEEDS_ANOTHER}"


def is_alone(repository: GitRepository, head: str) -> bool:
    """Whether nobody is there who could confirm what somebody else changes."""
    return len(set(_people(repository.at(head)).values())) < 2  # noqa: PLR2004


def _together(paths: Sequence[str]) -> str:
    return f"{paths[0]}: is changed in a push and a commit of its own; split the push"


def _change_of(repository: GitRepository, commit: Commit, paths: Sequence[str]) -> list[Change]:
    """Return the commit's only change, where one path is wanted and nothing else changes."""
    if len(paths) != 1 or len(commit.parents) != 1:
        return []
    changes = repository.changes(commit.parents[0], commit.id)
    return changes if [change.path for change in changes] == list(paths) else []


def _brings_in(
    repository: GitRepository, head: str, commits: Sequence[Commit], change: Sequence[Change]
) -> bool:
    """Whether the last commit is a merge that changes on the branch what the first one changed.

    From the same bytes to the same bytes, and nothing else. There is no third commit: it would
    be an ancestor of the first one, which is the oldest.
    """
    first, last = commits[0], commits[-1]
    return last.parents == (head, first.id) and repository.changes(head, last.id) == change


def _people(tree: EstateTree) -> dict[str, str]:
    """Name the person behind each principal who may push.

    One registration is one person under whatever id. A key that has run out still counts, or one
    could wait for the other's to do so; those revoked, the two revoked together.
    """
    able = {
        f"trust:{name}": signer
        for name, signer in Estate(tree).signers().signers.items()
        if signer.may_push and any(map(_signs_commits, signer.keys))
    }
    real = {who: signer for who, signer in able.items() if not signer.demonstration}
    return {who: _person(who, signer) for who, signer in (real or able).items()}


def _signs_commits(key: Key) -> bool:
    return key.revoked is None and not is_passkey(key.public)


def _person(principal: str, signer: Signer) -> str:
    if signer.registration is None or signer.demonstration:
        return principal
    return f"{signer.registration.body}:{signer.registration.number}".casefold().replace(" ", "")
