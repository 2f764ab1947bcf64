"""Housekeeping: remove what a crash left, verify the ledger, remind people, close what is met."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from clinops.errors import ClinOpsError, InfrastructureError
from clinops.wiring import Wiring
from flows.board import close_met
from flows.reminders import Reminded, remind

SNAPSHOTS_KEPT = dt.timedelta(days=14)
"""How long a seeded system is kept that no qualification has forked."""


@dataclass(frozen=True)
class Kept:
    """What housekeeping did and found."""

    removed: tuple[str, ...]
    """Containers, networks and snapshots without a living lease, and snapshots nobody uses."""
    crashed: tuple[str, ...]
    """Flow runs that were marked crashed."""
    ledger_problems: tuple[str, ...]
    reminded: Reminded
    met: tuple[str, ...] = ()
    """Requests that releases had met, and that a crash or a late push had left open."""


def keep_house(wiring: Wiring) -> Kept:
    """Sweep replicas and snapshots, mark dead flow runs, verify the ledger, remind people."""
    swept = wiring.replicas.sweep(wiring.lease_alive)
    return Kept(
        removed=(*swept, *wiring.replicas.collect(SNAPSHOTS_KEPT)),
        crashed=_mark_crashed(wiring),
        ledger_problems=tuple(wiring.ledger.problems()),
        reminded=_remind(wiring),
        met=_close(wiring),
    )


def _remind(wiring: Wiring) -> Reminded:
    try:
        return remind(wiring)
    except ClinOpsError as error:  # a ledger that is broken takes no entry; that is told above
        return Reminded(problems=[error.diagnostics()])


def _close(wiring: Wiring) -> tuple[str, ...]:
    try:
        return tuple(one.request for one in close_met(wiring))
    except ClinOpsError:  # another process is at it, or the ledger is broken; that is told above
        return ()


def _mark_crashed(wiring: Wiring) -> tuple[str, ...]:
    def alive(release_id: str) -> bool:
        leases = wiring.ledger.leases()
        return f"qualify:{release_id}" in leases or f"promote:{release_id}" in leases

    try:
        return tuple(wiring.orchestrator.mark_crashed(alive))
    except InfrastructureError:  # the server may be down; its runs are marked next time
        return ()
