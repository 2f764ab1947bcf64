"""Making signed commits: an estate's first, and a vendor's as the demonstration plays it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from clinops.adapters.git_command import GitCommand
from clinops.adapters.git_repository import GitRepository
from clinops.errors import BadInputError, RefusedError


class PushResult(NamedTuple):
    """How `git push` ended: its exit status, and what the pusher read."""

    returncode: int
    stderr: str


def init(
    repository: Path, files: Mapping[str, bytes], *, key: str, author: str, branch: str = "main"
) -> str:
    """Make an estate's bare repository with a first, signed commit.

    Args:
        repository: Where to make it; it must not exist yet.
        files: The first commit's files by path, `environments/signers.yaml` among them.
        key: The SSH key to sign with, as git's `user.signingKey` takes it.
        author: `Name <mail address>`, or a name alone.
        branch: The protected branch.

    Returns:
        The commit.

    Raises:
        BadInputError: The folder exists, or the key is not one of those in the files.
    """
    if repository.exists():
        raise BadInputError(f"{repository} exists already", mend="name a new folder")
    repository.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=repository.parent, prefix=".clinops-init-") as scratch:
        work, bare = Path(scratch, "work"), Path(scratch, "estate.git")
        clone = _new_clone(work, branch)
        commit = _commit(clone, work, files, key=key, author=author, message="Start the estate")
        GitCommand(bare).run("init", "-q", "--bare", "--template=", f"--initial-branch={branch}")
        clone.run("push", "-q", str(bare), f"HEAD:refs/heads/{branch}")
        _ensure_own_signer(bare, branch, commit)
        bare.rename(repository)
    return commit


def commit_and_push(
    repository: Path,
    changes: Mapping[str, bytes | None],
    *,
    key: str,
    author: str,
    message: str,
    branch: str = "main",
    to: str = "",
) -> PushResult:
    """Do what a vendor does: clone, change files, commit with a signature, push.

    Args:
        repository: The estate's bare repository.
        changes: New contents by path; None removes a file.
        key: The SSH key to sign with, as git's `user.signingKey` takes it.
        author: `Name <mail address>`, or a name alone.
        message: The commit message.
        branch: The branch to start from.
        to: The branch to push to, where it is another one.
    """
    with tempfile.TemporaryDirectory(prefix="clinops-push-") as scratch:
        work, address = Path(scratch, "work"), repository.absolute().as_uri()
        clone = _clone_of(repository, work, branch)
        _commit(clone, work, changes, key=key, author=author, message=message)
        status, _, said = clone.answer("push", address, f"HEAD:refs/heads/{to or branch}")
        return PushResult(status, said)


def merge_and_push(
    repository: Path, commit: str, *, key: str, author: str, message: str, branch: str = "main"
) -> PushResult:
    """Do what a second person does: bring a commit of a review branch in by a signed merge.

    Raises:
        RefusedError: The branch has moved on in the same file.
        BadInputError: The key does not sign.
    """
    with tempfile.TemporaryDirectory(prefix="clinops-push-") as scratch:
        work, address = Path(scratch, "work"), repository.absolute().as_uri()
        # A merge needs the history in which both sides began.
        clone = _clone_of(repository, work, branch, whole=True)
        clone.run("fetch", "-q", address, "+refs/heads/review/*:refs/review/*")
        person = _identity(key, author)
        if clone.answer(*person, "merge", "-q", "--no-ff", "--no-commit", commit)[0] != 0:
            raise RefusedError(
                "the protected branch has changed the same file since",
                mend="let the first person accept it again",
            )
        _seal(clone, key=key, author=author, message=message)
        status, _, said = clone.answer("push", address, f"HEAD:refs/heads/{branch}")
        return PushResult(status, said)


def propose(
    repository: Path, changes: Mapping[str, bytes | None], *, message: str, base: str, branch: str
) -> None:
    """Put an unsigned commit on a branch beside the protected one, for people to read.

    It is not pushed: the hook takes no unsigned commit, and nothing is in force by this.
    """
    with tempfile.TemporaryDirectory(prefix="clinops-propose-") as scratch:
        work = Path(scratch, "work")
        clone = _clone_of(repository, work, base)
        author = "ClinOps gatehouse <gatehouse@localhost>"
        _commit(clone, work, changes, key=None, author=author, message=message)
        GitCommand(repository).run(
            "fetch", "-q", "--no-write-fetch-head", str(work), f"+HEAD:refs/heads/{branch}"
        )


def _clone_of(repository: Path, work: Path, branch: str, *, whole: bool = False) -> GitCommand:
    clone = _new_clone(work, branch)
    depth = [] if whole else ["--depth=1"]
    clone.run("fetch", "-q", *depth, repository.absolute().as_uri(), f"refs/heads/{branch}")
    clone.run("reset", "-q", "--hard", "FETCH_HEAD")
    return clone


def _new_clone(work: Path, branch: str) -> GitCommand:
    work.mkdir()
    clone = GitCommand(work / ".git", folder=work)
    clone.run("init", "-q", "--template=", f"--initial-branch={branch}")
    return clone


def _commit(
    clone: GitCommand,
    work: Path,
    changes: Mapping[str, bytes | None],
    *,
    key: str | None,
    author: str,
    message: str,
) -> str:
    for path, data in changes.items():
        _write(work / path, data)
    clone.run("add", "--all", "--force", ".")
    return _seal(clone, key=key, author=author, message=message)


def _seal(clone: GitCommand, *, key: str | None, author: str, message: str) -> str:
    sign = ["--gpg-sign"] if key else ["--no-gpg-sign"]
    status, _, said = clone.answer(
        *_identity(key or "", author), "commit", "-q", *sign, "-m", message
    )
    if status != 0:
        raise BadInputError(
            f"git cannot make a commit signed with {key}: {said.strip()}",
            mend="give an SSH private key, or a public one whose private half an agent holds",
        )
    return clone.run("rev-parse", "HEAD").decode("ascii").strip()


def _identity(key: str, author: str) -> list[str]:
    name, _, mail = author.removesuffix(">").partition("<")
    who = {"name": name.strip(), "email": mail, "signingKey": key}
    return [word for field, text in who.items() for word in ("-c", f"user.{field}={text}")]


def _write(file: Path, data: bytes | None) -> None:
    if data is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _ensure_own_signer(bare: Path, branch: str, commit: str) -> None:
    repository = GitRepository(bare, branch)
    try:
        repository.signer_of(commit)
    except RefusedError as refusal:
        raise BadInputError(
            f"the estate's first commit would have no known signer: {refusal}",
            mend="put the key's public half into environments/signers.yaml",
        ) from refusal
    finally:
        repository.close()
