"""Commissioning: which request asked for which release."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator

from clinops.domain.journey import Journey
from clinops.domain.lead_time import Commission
from clinops.domain.ledger import timestamp
from clinops.domain.manifest import is_above
from clinops.domain.request import Request
from clinops.errors import BadInputError


def commissions(requests: Iterable[Request], found: Iterable[Journey]) -> dict[str, Commission]:
    """Return the earliest request that asked for each release, by release.

    A request asks for a version of a product or a newer one, up to the first that went live.

    Args:
        requests: All requests of the estate.
        found: Every release, in the order in which they became known.
    """
    of_product: dict[str, list[Journey]] = defaultdict(list)
    for journey in found:
        of_product[journey.product].append(journey)
    made: dict[str, Commission] = {}
    for request in sorted(requests, key=lambda one: (one.commissioned, one.id), reverse=True):
        midnight = dt.datetime.combine(request.commissioned, dt.time(), dt.UTC)
        deadline = request.deadline.by.astimezone(dt.UTC).date() if request.deadline else ""
        asked = Commission(request.id, timestamp(midnight), request.commissioned_by, str(deadline))
        for product in request.systems:
            if version := request.awaited_of(product):
                made |= dict.fromkeys(_meeting(of_product.get(product, ()), version), asked)
    return made


def asks_for(request: Request, journey: Journey) -> bool:
    """Whether a request waits for a release: for its product, in this version or an older one."""
    version = request.awaited_of(journey.product)
    return version is not None and _is_or_is_above(journey.version, version)


def _meeting(found: Iterable[Journey], version: str) -> Iterator[str]:
    for journey in found:
        if _is_or_is_above(journey.version, version):
            yield journey.release
            if journey.live:
                return


def _is_or_is_above(version: str, wanted: str) -> bool:
    try:
        return version == wanted or is_above(version, wanted)
    except BadInputError:
        return False  # a version of an older ledger that has no order
