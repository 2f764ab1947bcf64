"""`signer`: inviting people to make passkeys, letting them in, revoking keys."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clinops.adapters.estate import SIGNERS
from clinops.cli.context import AsJson, Context, next_step, of, print_json, say, show
from clinops.domain.enrolment import changes_in_words
from clinops.domain.parsing import parse
from clinops.domain.signer import Key, Registration, Signer, Signers, fingerprint, is_passkey
from clinops.errors import BadInputError, NotFoundError, RefusedError
from clinops.wiring import Wiring
from flows import enrolment

app = typer.Typer(help="Who may sign: enrolment of passkeys, revocation.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The person's id in signers.yaml.")]
AdminKey = Annotated[
    str, typer.Option("--key", help="SSH key of a signer who may push: it signs the commit.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def enrol(
    context: typer.Context,
    signer_id: Id,
    name: Annotated[str | None, typer.Option(help="The person's name, of a new person.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role of a new person.")] = None,
    registration: Annotated[
        str | None, typer.Option(metavar="BODY:NUMBER", help="Professional registration.")
    ] = None,
    *,
    valid_days: Annotated[
        int, typer.Option(min=1, max=1826, help="How long the key is good.")
    ] = 365,
    hours: Annotated[int, typer.Option(min=1, max=720, help="How long the link is good.")] = 48,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="A labelled identity, never a clinician.")
    ] = False,
) -> None:
    """Invite somebody to make a passkey: prints a link that works once.

    Of somebody who is on file already only a key is added; name and roles stay.

    Example: [bold]clinops signer enrol j-okafor --name "Dr Joy Okafor"
    --role clinical-safety-officer --registration GMC:0000000[/bold]
    """
    from clinops.adapters.passkeys import rp_of

    shared = of(context)
    wiring = shared.wiring
    rp_of(wiring.settings.gatehouse_address)
    token = enrolment.invite(
        signer_id,
        wiring,
        name=name,
        roles=role or [],
        registration=_registration(registration),
        demonstration=demonstration,
        valid_days=valid_days,
        hours=hours,
        invited_by=_user(),
    )
    show(f"{wiring.settings.gatehouse_address}/enrol/{token}")
    say(f"Give this link to the person themselves. It works once, for {hours} h; a later one "
        "takes its place.")  # fmt: skip
    say("They open it, make the passkey, and are shown 25 digits, which they read out to you.")
    next_step(shared.command(f"signer review {signer_id}"))


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show who is on file, who is invited and who waits to be let in.

    Example: [bold]clinops signer list[/bold]
    """
    wiring = of(context).wiring
    people = _signers(wiring).signers
    invited, waiting = enrolment.invitations(wiring), enrolment.proposals(wiring)
    if as_json:
        print_json({
            "signers": {who: one.model_dump(mode="json") for who, one in people.items()},
            "invited": {one.signer: one.expires.isoformat() for one in invited},
            "waiting": {one.signer: one.key.code for one in waiting},
        })  # fmt: skip
        return
    for who, one in people.items():
        show(f"{who}  {one.name}  {', '.join(one.roles)}{'  may push' if one.may_push else ''}")
        for key in one.keys:
            show(f"  {_kind(key)}  {fingerprint(key.public)}  {key.validity}")
    for invitation in invited:
        show(f"{invitation.signer}  invited by {invitation.invited_by}, until {invitation.expires}")
    for proposal in waiting:
        show(f"{proposal.signer}  waits to be let in: clinops signer review {proposal.signer}")


@app.command()
def review(context: typer.Context, signer_id: Id) -> None:
    """Show what would change if somebody who waits were let in.

    Example: [bold]clinops signer review j-okafor[/bold]
    """
    shared = of(context)
    proposal = enrolment.proposal_of(signer_id, shared.wiring)
    enrolment.publish(proposal, shared.wiring)
    invited = proposal.invitation
    show(f"{signer_id}, {invited.name}: invited by {invited.invited_by}, "
         f"answered on {proposal.enrolled}")  # fmt: skip
    before = _signers(shared.wiring)
    for sentence in changes_in_words(before, proposal.within(before)):
        show(f"  {sentence}")
    show(f"code: {proposal.key.code}")
    say("Ask the person, by telephone or face to face, for the digits on their screen. "
        "Other digits are somebody else's key.")  # fmt: skip
    next_step(shared.command(f"signer accept {signer_id} --key YOUR_KEY"))


@app.command()
def accept(context: typer.Context, signer_id: Id, key: AdminKey, *, yes: Yes = False) -> None:
    """Let somebody in who waits: your signed commit, which a second person confirms.

    Example: [bold]clinops signer accept j-okafor --key ~/.ssh/id_ed25519[/bold]
    """
    shared = of(context)
    proposal = enrolment.proposal_of(signer_id, shared.wiring)
    base = _on_file(shared.wiring)
    data = enrolment.proposed(proposal, shared.wiring)
    question = f"Did {proposal.invitation.name} read out {proposal.key.code}?"
    change = _Change(signer_id, base, data, f"Let {signer_id} sign", question)
    _commit(shared, change, key, yes=yes)


@app.command()
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
    base = _on_file(shared.wiring)
    data = enrolment.revoked(signer_id, fingerprint_, shared.wiring)
    change = _Change(signer_id, base, data, f"Revoke keys of {signer_id}", "Revoke?")
    _commit(shared, change, key, yes=yes)


@app.command()
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
    _ask(_signers(wiring), after, "Have you made sure of it yourself?", yes=yes)
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
    _ask(_signers(wiring), parse(SIGNERS, change.data, Signers), change.question, yes=yes)
    if _on_file(wiring) != change.base:
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


def _on_file(wiring: Wiring) -> bytes:
    return wiring.repository.head().read(SIGNERS)


def _signers(wiring: Wiring) -> Signers:
    return wiring.estate(wiring.repository.head()).signers()


def _kind(key: Key) -> str:
    return "passkey" if is_passkey(key.public) else "SSH key"


def _author(signer_id: str, signer: Signer) -> str:
    return f"{signer.name} <{signer_id}@localhost>"


def _path(key: str) -> str:
    # The commit is made in another folder than this command runs in.
    return str(Path(key).expanduser().resolve())


def _registration(text: str | None) -> Registration | None:
    if text is None:
        return None
    body, _, number = text.partition(":")
    if not (body and number):
        raise BadInputError("the registration is not BODY:NUMBER", mend="write it like GMC:0000000")
    return Registration(body=body, number=number)


def _user() -> str:
    # Not by the environment, which whoever runs this may set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
