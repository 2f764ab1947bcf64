"""The rules that a push must meet. They run in the repository's `pre-receive` hook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from clinops.adapters import git_confirmation as confirmation
from clinops.adapters.git_confirmation import SignedCommit
from clinops.adapters.git_keys import Keyring
from clinops.adapters.git_repository import NO_OBJECT, Change, Commit, GitRepository
from clinops.adapters.git_tree import EXECUTABLE, LARGEST_FILE, REGULAR, escaped, name_of_mode
from clinops.domain.agreement import ACCEPTANCE, AGREEMENT
from clinops.errors import BadInputError, Problem, RefusedError
from clinops.ports import EstateTree

MOST_COMMITS = 1000
LARGEST_MANIFEST = 256 * 1024
LARGEST_FOLDER = 128 * 1024 * 1024
"""Bytes that all files of a vendor may have: every reconcile reads them, push upon push."""

_LONGEST_REPORT = 50

_SIGN = "sign with a key that the trust has on file for you"
_MANIFESTS = "vendor_manifests/"
_ACCEPTANCE = re.compile(rf"{_MANIFESTS}[^/]+/{re.escape(ACCEPTANCE)}")
_OF_GIT = frozenset({".gitattributes", ".gitmodules"})
_REVIEW = re.compile(re.escape(confirmation.REVIEW) + "[a-z0-9][a-z0-9-]{0,99}")

_KEPT = "nothing is in force yet: let somebody else who may push merge it with --no-ff"
_ALONE = (
    "nobody confirmed this change, as nobody else may push; give a second person `may_push: true`"
)

Validate = Callable[[EstateTree], Iterable[Problem]]
"""Every problem in the files of an estate."""


class Update(NamedTuple):
    """One line that git gives to the hook."""

    old: str
    new: str
    ref: str


@dataclass(frozen=True)
class PushVerdict:
    """Whether a push may enter the estate, and everything that is wrong with it if not."""

    principal: str | None
    """Who signed the newest commit that was judged; None where nobody known did."""
    changed: tuple[str, ...]
    """The paths that the push adds, changes or removes."""
    problems: tuple[str, ...]
    """One sentence each, with the mend in it; safe to print."""
    note: str = ""
    """What the pusher must know about a push that may enter."""

    @property
    def accepted(self) -> bool:
        """Whether the push may enter."""
        return not self.problems

    def report(self) -> str:
        """Say it to the person who pushed, in their terminal."""
        if self.accepted:
            said = f"ClinOps: accepted, signed by {self.principal}"
            return f"{said}\n  note: {self.note}" if self.note else said
        shown = [f"  {problem}" for problem in self.problems[:_LONGEST_REPORT]]
        if len(self.problems) > _LONGEST_REPORT:
            shown.append(f"  and {len(self.problems) - _LONGEST_REPORT} more")
        return "\n".join(["ClinOps: refused, nothing was changed", *shown])


def read_updates(lines: Iterable[str]) -> list[Update]:
    """Parse what git writes to a receive hook: `<old> <new> <ref>` a line."""
    updates = []
    for line in lines:
        parts = line.rstrip("\n").split(" ", 2)
        if len(parts) != len(Update._fields):
            raise BadInputError(
                "a receive hook reads `<old> <new> <ref>` from its standard input",
                mend="let git call it, on a push",
            )
        updates.append(Update(*parts))
    return updates


def judge(updates: Sequence[Update], repository: GitRepository, validate: Validate) -> PushVerdict:
    """Judge a whole push; one bad ref refuses all of it.

    Args:
        updates: What git gave to the `pre-receive` hook.
        repository: The estate's repository, read with the hook's own environment: git keeps the
            new objects apart until the hook says yes.
        validate: Finds the problems in the files of a tree.

    Raises:
        BadInputError: There is no update.
    """
    verdicts = [check(repository, update, validate) for update in updates]
    if not verdicts:
        raise BadInputError("git named no ref to update", mend="let git call the hook, on a push")
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    if len(verdicts) > 1 and not problems:
        problems = ["a push moves one branch; push them one after the other"]
    return replace(verdicts[0], problems=tuple(problems))


def check(repository: GitRepository, update: Update, validate: Validate) -> PushVerdict:
    """Judge the update of one ref.

    Identity first, then reach, then content: files are only parsed once every commit is known to
    be somebody's and nothing but regular files is in the tree. The first bad commit ends it, as
    the later ones stand on it.
    """
    if problem := _of_update(repository, update):
        return _refusal(None, problem)
    head = repository.head().commit
    update = update._replace(old=head)
    commits = repository.commits(head, update.new, limit=MOST_COMMITS + 1)
    if len(commits) > MOST_COMMITS:
        return _refusal(None, f"a push has at most {MOST_COMMITS} commits; push fewer at once")
    refusal, signed = _attributed(repository, commits, head)
    if refusal:
        return refusal
    principal = signed[-1].principal if signed else None
    changed = [change.path for change in repository.changes(head, update.new)]
    if problems := [
        *_of_weight(repository, update, changed),
        *_of_people(repository, update, signed),
    ]:
        return _refusal(principal, *problems)
    problems = _of_content(repository, update, set(changed), validate)
    note = _note(repository, update, signed)
    return PushVerdict(principal, tuple(changed), tuple(problems), note)


def _attributed(
    repository: GitRepository, commits: Sequence[Commit], head: str
) -> tuple[PushVerdict | None, list[SignedCommit]]:
    """Say who signed each commit, or why the first bad one is refused."""
    keyring = repository.keyring(repository.at(head))
    signed = []
    for commit in commits:
        try:
            principal = _signer(repository, keyring, commit, head)
        except RefusedError as refusal:
            return _refusal(None, f"{refusal}; {refusal.mend or _SIGN}"), []
        # A merge can smuggle past any single one of its parents.
        changes = [c for parent in commit.parents for c in repository.changes(parent, commit.id)]
        if problems := list(_of_commit(repository, keyring, commit, principal, changes)):
            return _refusal(principal, *problems), []
        guarded = frozenset(filter(confirmation.is_guarded, (change.path for change in changes)))
        signed.append(SignedCommit(commit, principal, guarded))
    return None, signed


def _refusal(principal: str | None, *problems: str) -> PushVerdict:
    # A merge shows the same file once a parent.
    return PushVerdict(principal, (), tuple(dict.fromkeys(problems)))


def _of_update(repository: GitRepository, update: Update) -> str:
    why = _why_closed(repository, update) or _why_no_successor(repository, update)
    return f"{escaped(update.ref)}: {why}" if why else ""


def _is_review(repository: GitRepository, ref: str) -> bool:
    return ref != repository.ref and _REVIEW.fullmatch(ref) is not None


def _why_closed(repository: GitRepository, update: Update) -> str:
    if _is_review(repository, update.ref):
        # Git itself holds `old` against the ref: nothing there is replaced or deleted by this.
        is_new = update.old == NO_OBJECT != update.new
        return "" if is_new else "a review branch stays as it was pushed; choose another name"
    if update.ref != repository.ref:
        return f"only {repository.ref} is open; push to it"
    if update.new == NO_OBJECT:
        return "the branch is never deleted; leave it as it is"
    if update.old == NO_OBJECT:
        return "an estate is not started by a push; start it with `clinops init`"
    return ""


def _why_no_successor(repository: GitRepository, update: Update) -> str:
    if not repository.is_commit(update.new):
        return "what is pushed is no commit; push a branch"
    if _is_review(repository, update.ref):
        return ""
    # The pusher names `old`: it must be the branch as it is, where the rules are read.
    if update.old != repository.head().commit:
        return "the branch has moved on; fetch, rebase and push again"
    if not repository.descends(update.new, update.old):
        return "history is never rewritten; fetch, rebase and push without --force"
    return ""


def _signer(repository: GitRepository, keyring: Keyring, commit: Commit, old: str) -> str:
    """Name the signer by the keys of the branch; the commit's own history must agree."""
    short = commit.id[:12]
    if not commit.parents:
        raise RefusedError(f"commit {short} starts a second history", mend="rebase it")
    if repository.is_oversized(commit.id):
        raise RefusedError(f"commit {short} has too many files", mend="keep data in archives")
    principal = repository.signer_among(keyring, commit.id)
    if commit.parents[0] != old and repository.signer_of(commit.id) != principal:
        raise RefusedError(f"commit {short} forked when its key was another's", mend="rebase it")
    return principal


def _of_commit(
    repository: GitRepository,
    keyring: Keyring,
    commit: Commit,
    principal: str,
    changes: Iterable[Change],
) -> Iterator[str]:
    for change in changes:
        for what in chain(_of_reach(keyring, principal, change), _of_file(repository, change)):
            yield f"{escaped(change.path)}: {what} (commit {commit.id[:12]})"


def _of_reach(keyring: Keyring, principal: str, change: Change) -> Iterator[str]:
    kind, _, name = principal.partition(":")
    own = f"{_MANIFESTS}{name}/"
    if principal in keyring.pushers:
        if _ACCEPTANCE.fullmatch(change.path.casefold()) and not change.removed:
            yield "only the vendor accepts its agreement, by a commit with its own key"
    elif kind != "vendor":
        yield f"{principal} may not push; ask a signer of the trust with `may_push: true`"
    elif not change.path.startswith(own):
        yield f"{principal} may only touch {own}; leave the rest as it is, and rebase, don't merge"
    elif change.path.casefold() == f"{own}vendor.yaml":
        yield "only the trust changes a vendor's keys; send it the new ones"
    elif change.path.casefold() == f"{own}{AGREEMENT}":
        yield f"only the trust writes an agreement; accept it in {own}{ACCEPTANCE}"


def _of_file(repository: GitRepository, change: Change) -> Iterator[str]:
    if change.removed:
        return
    of_vendor = change.path.startswith(_MANIFESTS)
    if not change.path.isprintable():
        yield "the name is not plain UTF-8 text; rename the file"
    if change.path.rpartition("/")[2].casefold() in _OF_GIT:
        yield "files that steer git are refused; leave it out"
    if change.mode == EXECUTABLE and of_vendor:
        yield "is executable; `git update-index --chmod=-x` it"
    elif change.mode not in {REGULAR, EXECUTABLE}:
        yield f"is {name_of_mode(change.mode)}; put a regular file in its place"
        return
    is_yaml = change.path.endswith((".yaml", ".yml"))
    largest = LARGEST_MANIFEST if of_vendor and is_yaml else LARGEST_FILE
    if repository.size_of(change) > largest:
        yield f"is above {largest // 1024} KiB; make it smaller"


def _of_weight(repository: GitRepository, update: Update, changed: Sequence[str]) -> Iterator[str]:
    tree = repository.at(update.new)
    inside = (path.split("/") for path in changed if path.startswith(_MANIFESTS))
    for vendor in sorted({parts[1] for parts in inside}):
        folder = f"{_MANIFESTS}{vendor}/"
        if tree.weight(folder) > LARGEST_FOLDER:
            limit = LARGEST_FOLDER // 1024**2
            yield f"{escaped(folder)}: is above {limit} MiB in all; use the drop folder instead"


def _of_people(
    repository: GitRepository, update: Update, signed: Sequence[SignedCommit]
) -> Iterator[str]:
    if _is_review(repository, update.ref):
        return confirmation.why_no_proposal(repository, update.old, signed)
    return confirmation.why_unconfirmed(repository, update.old, signed)


def _note(repository: GitRepository, update: Update, signed: Sequence[SignedCommit]) -> str:
    if _is_review(repository, update.ref):
        return _KEPT
    decides = confirmation.touched(repository, update.old, signed)
    return _ALONE if decides and confirmation.is_alone(repository, update.old) else ""


def _of_content(
    repository: GitRepository, update: Update, changed: set[str], validate: Validate
) -> list[str]:
    """Validate the tree; what was wrong before in files that nobody touched is not held up."""
    try:
        found = list(validate(repository.at(update.new)))
    except BadInputError as error:
        return [escaped(line) for line in error.diagnostics().splitlines()]
    if any(problem.file not in changed for problem in found):
        before = set(validate(repository.at(update.old)))
        found = [problem for problem in found if problem.file in changed or problem not in before]
    return [escaped(str(problem)) for problem in sorted(found)]
