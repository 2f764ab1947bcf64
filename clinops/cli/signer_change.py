"""`signer accept`, `confirm`, `revoke`: signed changes of who may sign, by two people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clinops.adapters.estate import SIGNERS
from clinops.cli.context import Context, next_step, of, say, show
from clinops.domain.enrolment import changes_in_words
from clinops.domain.parsing import parse
from clinops.domain.signer import Signer, Signers
from clinops.errors import NotFoundError, RefusedError
from clinops.wiring import Wiring
from flows import enrolment

Id = Annotated[str, typer.Argument(metavar="ID", help="The person's id in signers.yaml.")]
AdminKey = Annotated[
    str, typer.Option("--key", help="SSH key of a signer who may push: it signs the commit.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Put the commands beside those of `signer`."""
    app.command()(accept)
    app.command()(revoke)
    app.command()(confirm)


def accept(context: typer.Context, signer_id: Id, key: AdminKey, *, yes: Yes = False) -> None:
    """Let somebody in who waits: your signed commit, which a second person confirms.

    Example: [bold]clinops signer accept j-okafor --key ~/.ssh/id_ed25519[/bold]
    """
    shared = of(context)
    proposal = enrolment.proposal_of(signer_id, shared.wiring)
    base = _bytes_on_file(shared.wiring)
    data = enrolment.proposed(proposal, shared.wiring)
    question = f"Did {proposal.invitation.name} read out {proposal.key.code}?"
    change = _Change(signer_id, base, data, f"Let {signer_id} sign", question)
    _commit(shared, change, key, yes=yes)


def revoke(
    context: typer.Context,
    signer_id: Id,
    key: AdminKey,
    fingerprint_: Annotated[
        str | None, typer.Option("--fingerprint", help="Only this key; by default all.")
    ] = None,
    *,
    yes: Yes = False,
) -> None:
    """Revoke somebody's keys from today: no approval that they made counts any more.

    Example: [bold]clinops signer revoke j-okafor --key ~/.ssh/id_ed25519[/bold]
    """
    shared = of(context)
    base = _bytes_on_file(shared.wiring)
    data = enrolment.revoked(signer_id, fingerprint_, shared.wiring)
    change = _Change(signer_id, base, data, f"Revoke keys of {signer_id}", "Revoke?")
    _commit(shared, change, key, yes=yes)


def confirm(context: typer.Context, signer_id: Id, key: AdminKey, *, yes: Yes = False) -> None:
    """Confirm as the second person what another has accepted or revoked: your signed merge.

    Example: [bold]clinops signer confirm j-okafor --key ~/.ssh/id_ed25519[/bold]
    """
    from clinops.adapters.git_commits import merge_and_push

    shared = of(context)
    wiring = shared.wiring
    admin_id, admin = enrolment.pusher(wiring.signatures.public_key(key), wiring)
    tip = _under_review(signer_id, wiring)
    first = wiring.repository.signer_of(tip)
    if first == f"trust:{admin_id}":
        raise RefusedError("you are the first person here; nobody is their own second person")
    say(f"{first} has signed this; you would be the second, {admin_id}:")
    after = wiring.estate(wiring.repository.at(tip)).signers()
    _ask(on_file(wiring), after, "Have you made sure of it yourself?", yes=yes)
    done = merge_and_push(
        wiring.root / wiring.settings.repository,
        tip,
        key=_path(key),
        author=_author(admin_id, admin),
        message=f"Confirm the change of {signer_id}",
        branch=wiring.settings.branch,
    )
    _ensure_taken(done)
    _in_force(shared, signer_id)


class _Change(NamedTuple):
    signer_id: str
    base: bytes
    """`signers.yaml` as it was read."""
    data: bytes
    """The new `signers.yaml`."""
    message: str
    question: str


def _commit(shared: Context, change: _Change, key: str, *, yes: bool) -> None:
    """Make the first person's signed commit; where nobody else may push, it is in force."""
    from clinops.adapters.git_commits import commit_and_push
    from clinops.adapters.git_confirmation import is_alone

    wiring = shared.wiring
    admin_id, admin = enrolment.pusher(wiring.signatures.public_key(key), wiring)
    _ask(on_file(wiring), parse(SIGNERS, change.data, Signers), change.question, yes=yes)
    if _bytes_on_file(wiring) != change.base:
        # The person may have taken their time, and what was shown is not what would change.
        raise RefusedError(f"{SIGNERS} has changed meanwhile", mend="start again")
    alone = is_alone(wiring.git, wiring.repository.head().commit)
    branch = _review_branch(change.signer_id)
    if not alone:
        # An earlier first signature is worth nothing any more: this one takes its place.
        wiring.proposals.withdraw(branch)
    done = commit_and_push(
        wiring.root / wiring.settings.repository,
        {SIGNERS: change.data},
        key=_path(key),
        author=_author(admin_id, admin),
        message=change.message,
        branch=wiring.settings.branch,
        to="" if alone else branch,
    )
    _ensure_taken(done)
    if alone:
        _in_force(shared, change.signer_id)
        return
    show(f"{change.signer_id}: signed by {admin_id}, and in force once a second person confirms it")
    next_step(shared.command(f"signer confirm {change.signer_id} --key THEIR_KEY"))


def _ask(before: Signers, after: Signers, question: str, *, yes: bool) -> None:
    for sentence in changes_in_words(before, after):
        say(f"  {sentence}")
    if not yes and not typer.confirm(question, err=True):
        raise RefusedError("nothing was changed")


def _under_review(signer_id: str, wiring: Wiring) -> str:
    tip = wiring.proposals.tip(_review_branch(signer_id))
    if tip is None:
        raise NotFoundError(
            f"no change of {signer_id} waits for a second person",
            mend=f"clinops signer accept {signer_id}, by the first",
        )
    paths = [change.path for change in wiring.git.changes(f"{tip}^", tip)]
    if paths != [SIGNERS]:
        raise RefusedError(f"the commit changes more than {SIGNERS}", mend="read it with git show")
    return tip


def _ensure_taken(push: tuple[int, str]) -> None:
    status, said = push
    if status != 0:
        raise RefusedError(f"the push was refused:\n{said.strip()}")
    say(said.strip())


def _in_force(shared: Context, signer_id: str) -> None:
    for branch in (f"enrol/{signer_id}", _review_branch(signer_id)):
        shared.wiring.proposals.withdraw(branch)
    show(f"{signer_id}: the change is in force")
    next_step(shared.command("signer list"))


def _review_branch(signer_id: str) -> str:
    return f"review/{signer_id}"


def _bytes_on_file(wiring: Wiring) -> bytes:
    return wiring.repository.head().read(SIGNERS)


def on_file(wiring: Wiring) -> Signers:
    """Return everybody on the protected branch."""
    return wiring.estate(wiring.repository.head()).signers()


def _author(signer_id: str, signer: Signer) -> str:
    return f"{signer.name} <{signer_id}@localhost>"


def _path(key: str) -> str:
    # The commit is made in another folder than this command runs in.
    return str(Path(key).expanduser().resolve())
