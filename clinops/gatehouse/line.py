"""The line of a product: whether its releases may go on, or somebody has stopped them."""

from __future__ import annotations

from dataclasses import dataclass

from clinops.domain.history import Told, tell
from clinops.domain.ledger import Kind
from clinops.wiring import Wiring

_ORDERS = frozenset({Kind.LINE_STOPPED, Kind.LINE_RESUMED})


@dataclass(frozen=True)
class Line:
    """The state of one product's line."""

    product: str
    stopped: Told | None
    """The order that stopped it, with who gave it and why."""


def line_of(product: str, wiring: Wiring) -> Line:
    """Read the last order about a product's line."""
    orders = [entry for entry in wiring.ledger.entries(product) if entry.kind in _ORDERS]
    stopped = bool(orders) and orders[-1].kind is Kind.LINE_STOPPED
    return Line(product, tell(orders[-1]) if stopped else None)
