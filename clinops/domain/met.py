"""Met requests: what closed a request, with the evidence, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from clinops.domain.digest import Digest
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Entry, Kind
from clinops.domain.manifest import is_above
from clinops.domain.outcome import State
from clinops.domain.request import Request
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value
from clinops.errors import LedgerError

SUBJECT: Final = "estate:requests"
"""Of every entry that closes a request, so that all are found at once; no product is called so."""

_WENT_LIVE = frozenset({State.LIVE, State.SUPERSEDED})
"""What a release is that is live at a site and did not end in a setback."""


class Release(Value):
    """A release that is live at every site of its product, and what it rests on."""

    id: str
    product: str
    version: str
    evidence: Digest


class Met(Value):
    """A request that was met."""

    request: str
    title: str
    awaits: dict[str, str]
    """The version from which on each system met it."""
    document: Digest
    """What the request said then."""
    release: str
    """The release that was live last of those that met it."""
    evidence: Digest
    """What that one rests on."""
    releases: tuple[Release, ...]
    """All of them, by product."""


def met(
    request: Request,
    sites: Mapping[str, Iterable[str]],
    live: Mapping[tuple[str, str], LiveSystem],
    record: Callable[[str], ReleaseRecord | None],
) -> Met | None:
    """Return what met a request; None while anything is missing, evidence above all.

    Args:
        request: A request that is open.
        sites: The sites of each product.
        live: What is live, by product and site.
        record: Finds where a release stands.
    """
    awaits, found = request.awaits, list[ReleaseRecord]()
    for product, version in awaits.items():
        systems = [live.get((product, site)) for site in sites.get(product, ())]
        records = [_went_live(system, version, record) for system in systems]
        went = [one for one in records if one]
        if not records or len(went) < len(records):
            return None
        found += {one.id: one for one in went}.values()
    if not found:
        return None
    last = max(found, key=lambda one: one.since)
    releases = [
        Release(id=one.id, product=one.product, version=one.version, evidence=one.evidence)
        for one in found
        if one.evidence
    ]
    return Met(
        request=request.id,
        title=request.title,
        awaits=awaits,
        document=request.digest,
        release=last.id,
        evidence=last.evidence or "",
        releases=tuple(releases),
    )


def _went_live(
    system: LiveSystem | None, version: str, record: Callable[[str], ReleaseRecord | None]
) -> ReleaseRecord | None:
    """Return the release behind a live system, where it has met a gate and is new enough."""
    if system is None or system.release is None or is_above(version, system.version):
        return None
    found = record(system.release)
    stands = found is not None and found.state in _WENT_LIVE and found.evidence is not None
    return found if stands else None


def still_met(request: Request, closings: Mapping[str, Met]) -> Met | None:
    """Return what met a request, unless it asks for something else by now."""
    closing = closings.get(request.id)
    return closing if closing and closing.awaits == request.awaits else None


def closings(entries: Iterable[Entry]) -> dict[str, Met]:
    """Read what met each request, from the entries under `SUBJECT`; the last word counts.

    Raises:
        LedgerError: One of them is not as ClinOps writes it.
    """
    found = (_read(entry) for entry in entries if entry.kind is Kind.REQUEST_MET)
    return {one.request: one for one in found}


def _read(entry: Entry) -> Met:
    try:
        return Met.model_validate(entry.body)
    except ValueError as error:
        raise LedgerError(f"entry {entry.sequence} can't be read: {error}") from error
