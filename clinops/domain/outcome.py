"""How a qualification ends. Only `qualified` can ever open a gate."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The four answers; a value, never an exception."""

    QUALIFIED = "qualified"
    REFUSED = "refused"
    """The product is at fault."""
    INCONCLUSIVE = "inconclusive"
    """Noise, or evidence missing: nobody can tell."""
    ERRORED = "errored"
    """We are at fault (engine, disk, network): it will be tried again."""


class State(StrEnum):
    """Where a release stands, folded from its ledger entries."""

    KNOWN = "known"
    QUALIFYING = "qualifying"
    AWAITING_SIGN_OFF = "awaiting-sign-off"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"
    ERRORED = "errored"
    REJECTED = "rejected"
    PROMOTING = "promoting"
    LIVE = "live"
    ROLLED_BACK = "rolled-back"
    SUPERSEDED = "superseded"


STATE_AFTER = {
    Outcome.QUALIFIED: State.AWAITING_SIGN_OFF,
    Outcome.REFUSED: State.REFUSED,
    Outcome.INCONCLUSIVE: State.INCONCLUSIVE,
    Outcome.ERRORED: State.ERRORED,
}
