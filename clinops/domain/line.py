"""Stopping the line: no release of a product goes live until it is let go on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from clinops.domain.gate import Rule
from clinops.domain.identity import Objections, Register, moment, out_of_time, revoked
from clinops.domain.signoff import BrokenSignature, Checked, LineAction, LineOrder
from clinops.domain.value import Value


class Order(NamedTuple):
    """An order on the ledger, by the kind of its entry; what it says is for the signature."""

    action: LineAction
    found: Checked[LineOrder] | BrokenSignature


class Stop(Value):
    """A stop in force."""

    signer: str | None
    """None where the envelope does not verify: it stops the line all the same."""
    name: str
    role: str | None
    reason: str
    time: str
    sequence: int


def stop_in_force(orders: Iterable[Order], product: str, register: Register) -> Stop | None:
    """Return the latest stop that nobody has lifted.

    Whatever is on record as a stop stops the line, even if its signature no longer holds. It is
    lifted only by an order that counts, and that was signed with the stop on record: an earlier
    order, written down again, lifts nothing.
    """
    stops: list[Stop] = []
    for action, found in orders:
        if action is LineAction.STOP:
            stops.append(_stop(found))
        elif isinstance(found, Checked) and not any(against_resuming(found, product, register)):
            stops = [stop for stop in stops if stop.sequence > found.signed.ledger.sequence]
    return stops[-1] if stops else None


def _stop(found: Checked[LineOrder] | BrokenSignature) -> Stop:
    if isinstance(found, BrokenSignature):
        why = f"its signature does not hold: {found.problem}"
        return Stop(signer=None, name="somebody", role=None, reason=why, time=found.recorded,
                    sequence=found.sequence)  # fmt: skip
    order = found.signed
    return Stop(
        **order.model_dump(include={"signer", "name", "role", "reason", "time"}),
        sequence=found.sequence,
    )


def against_resuming(checked: Checked[LineOrder], product: str, register: Register) -> Objections:
    """Object to an order that may not let a line go on."""
    yield from _of_subject(checked, LineAction.RESUME, product)
    yield from register.of_lasting_word(checked, register.policy.hazards.approved_by)


def against_stopping(checked: Checked[LineOrder], product: str, register: Register) -> Objections:
    """Object to an order to stop that is nobody's word; whoever holds a role may give one.

    What would disqualify somebody from approving does not stop them from raising an alarm.
    """
    owner = register.owner(checked.public_key)
    if isinstance(owner, str):
        yield Rule.UNKNOWN_KEY, owner
        return
    yield from _of_subject(checked, LineAction.STOP, product)
    yield from register.of_identity(checked.signed, owner)
    yield from register.of_demonstration(owner.signer)
    yield from revoked(owner.key)
    yield from out_of_time(owner.key, "when it was used", moment(checked.recorded).date())
    yield from register.of_clocks(checked)


def _of_subject(checked: Checked[LineOrder], action: LineAction, product: str) -> Objections:
    order = checked.signed
    if (order.product, order.action) != (product, action):
        yield Rule.OTHER_DOCUMENT, f"it is an order to {order.action} the line of {order.product}"
