"""Housekeeping: remove what a crash left, and verify the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from clinops.errors import InfrastructureError
from clinops.wiring import Wiring


@dataclass(frozen=True)
class Kept:
    """What housekeeping did and found."""

    removed: tuple[str, ...]
    """Containers and networks without a living lease."""
    crashed: tuple[str, ...]
    """Flow runs that were marked crashed."""
    ledger_problems: tuple[str, ...]


def keep_house(wiring: Wiring) -> Kept:
    """Sweep replicas, mark dead flow runs, verify the ledger."""
    return Kept(
        removed=tuple(wiring.replicas.sweep(wiring.lease_alive)),
        crashed=_mark_crashed(wiring),
        ledger_problems=tuple(wiring.ledger.problems()),
    )


def _mark_crashed(wiring: Wiring) -> tuple[str, ...]:
    def alive(release_id: str) -> bool:
        leases = wiring.ledger.leases()
        return f"qualify:{release_id}" in leases or f"promote:{release_id}" in leases

    try:
        return tuple(wiring.orchestrator.mark_crashed(alive))
    except InfrastructureError:  # the server may be down; its runs are marked next time
        return ()
