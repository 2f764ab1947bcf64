"""The command with which somebody signs the same from a terminal, with an SSH key."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from clinops.domain.signoff import Approval, ChangeType, LineOrder, Meaning, SignOff

KEY = "--key ~/.ssh/id_ed25519"


def command_for(signed: SignOff | Approval | LineOrder) -> str:
    """Write the command that makes this very statement, at its own time."""
    said = ["--role", signed.role, "--reason", signed.reason]
    return f"clinops {shlex.join([*_what(signed), *said])} {KEY}"


def _what(signed: SignOff | Approval | LineOrder) -> Iterator[str]:
    if isinstance(signed, SignOff):
        yield from _release(signed)
    elif isinstance(signed, Approval):
        yield from ("approve", signed.product)
        yield from ("waiver", signed.item) if signed.item else ("hazard-log",)
    else:
        yield from (signed.action.value, signed.product)


def _release(sign_off: SignOff) -> Iterator[str]:
    yield "sign" if sign_off.meaning is Meaning.APPROVED else "reject"
    yield sign_off.release
    if sign_off.change is ChangeType.EMERGENCY:
        yield "--emergency"
    for hazard, reason in sign_off.accepts.items():
        yield from ("--accept", f"{hazard}={reason}")
    if sign_off.site:
        yield from ("--site", sign_off.site)
