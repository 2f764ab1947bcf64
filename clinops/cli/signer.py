"""`signer`: inviting people to make passkeys, and who is on file."""

from __future__ import annotations

import os
import pwd
from typing import Annotated

import typer

from clinops.cli import signer_change
from clinops.cli.context import AsJson, next_step, of, print_json, say, show
from clinops.cli.signer_change import Id, on_file
from clinops.domain.enrolment import changes_in_words
from clinops.domain.signer import Key, Registration, fingerprint, is_passkey
from clinops.errors import BadInputError
from flows import enrolment

app = typer.Typer(help="Who may sign: enrolment of passkeys, revocation.", no_args_is_help=True)


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
    people = on_file(wiring).signers
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
    before = on_file(shared.wiring)
    for sentence in changes_in_words(before, proposal.within(before)):
        show(f"  {sentence}")
    show(f"code: {proposal.key.code}")
    say("Ask the person, by telephone or face to face, for the digits on their screen. "
        "Other digits are somebody else's key.")  # fmt: skip
    next_step(shared.command(f"signer accept {signer_id} --key YOUR_KEY"))


def _kind(key: Key) -> str:
    return "passkey" if is_passkey(key.public) else "SSH key"


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


# Behind the others, so that the help tells the commands in the order of their use.
signer_change.register(app)
