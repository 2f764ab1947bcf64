"""What all commands that sign share: say in words what will be signed, sign, record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from clinops.cli.context import Context, say
from clinops.domain.signer import without_comment
from clinops.domain.signoff import Approval, LineOrder, SignOff, in_words, statement_bytes
from clinops.errors import RefusedError
from clinops.wiring import Wiring
from flows.gate import record

Role = Annotated[str, typer.Option(help="The role that you sign in.")]
Key = Annotated[
    str, typer.Option(help="Your SSH key: private, or public with the rest in an agent or token.")
]
Reason = Annotated[str, typer.Option(help="Why; it is on record for good.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before signing.")]


def put(
    shared: Context,
    prepare: Callable[[str], SignOff | Approval | LineOrder],
    *,
    key: str,
    yes: bool,
    also: Callable[[], Sequence[str]] = tuple,
) -> None:
    """Show what is signed, sign it, and record it.

    Args:
        shared: The options of the root command.
        prepare: Writes down what somebody, by their id, will sign.
        key: Their key.
        yes: Whether they have made up their mind already.
        also: Says what they should know besides; it is no part of what they sign.
    """
    wiring = shared.wiring
    signed = prepare(signer_of(wiring, key))
    say("You are about to sign this:")
    for sentence in in_words(signed):
        say(f"  {sentence}")
    for sentence in also():
        say(f"to know: {sentence}")
    if not yes and not typer.confirm("Sign?", err=True):
        raise RefusedError("not signed, and nothing was recorded")
    record(wiring.signatures.sign(statement_bytes(signed), key), wiring)


def signer_of(wiring: Wiring, key: str) -> str:
    """Return whose key this is, by the protected branch; raises RefusedError."""
    public = without_comment(wiring.signatures.public_key(key))
    signers = wiring.estate(wiring.repository.head()).signers().signers
    for signer_id, signer in signers.items():
        if any(without_comment(one.public) == public for one in signer.keys):
            return signer_id
    raise RefusedError(
        "nobody in environments/signers.yaml on the protected branch has this key",
        mend="have the trust add it in a reviewed commit",
    )
