"""Reuse: which results may be carried over into later evidence, and whether they rightly were.

Only what came out well in a release that qualified as a whole is carried over: were it enough that
the part did, a fault that shows now and then would be passed by trying often. Nothing is carried
over twice: a result keeps naming the qualification that it was measured in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from clinops.domain.evidence import Evidence
from clinops.domain.gate import GatePolicy
from clinops.domain.identity import moment
from clinops.domain.ledger import Entry, Kind
from clinops.domain.measured import Measured, Origin
from clinops.domain.outcome import Outcome
from clinops.domain.plain_words import count
from clinops.domain.result import came_out_well, files_of, result_of

DECIDES_ON_REUSE = frozenset({Kind.VERDICT, Kind.REJECTED, Kind.ROLLED_BACK, Kind.REUSE_MISMATCH})
"""Entries by which results may be carried over, or no more."""


def may_be_carried(evidence: Evidence, what: str) -> Measured | None:
    """Return how a result was measured, where it may be carried over from that evidence."""
    found = next((one for one in evidence.measured if one.what == what), None)
    if found is None or found.carried is not None or evidence.outcome is not Outcome.QUALIFIED:
        return None
    return found if came_out_well(result_of(evidence, what), what) else None


def not_proven(
    evidence: Evidence, origins: Mapping[str, Evidence], entries: Iterable[Entry]
) -> Iterator[str]:
    """Say which carried result is not proven to be what it is said to be, one sentence each.

    Args:
        evidence: The evidence, whose digest is right.
        origins: The evidence that it names as origins and that could be had, by digest.
        entries: The ledger's, among them the verdicts on the origins.
    """
    verdicts = {
        (entry.subject, entry.body.get("evidence"))
        for entry in entries
        if entry.kind is Kind.VERDICT and entry.body.get("outcome") == Outcome.QUALIFIED
    }
    whole = {
        digest: held
        for digest, held in origins.items()
        if held.digest == digest and not held.contradictions()
    }
    for one, origin in evidence.carried:
        if (origin.release, origin.evidence) not in verdicts:
            why = "the ledger has no verdict that qualified it"
        elif origin.evidence not in whole:
            why = f"the evidence {origin.evidence} is not to be had, or does not hold"
        else:
            why = next(_objections(one, origin, evidence, whole[origin.evidence]), "")
        if why:
            yield f"the {one.what} is not proven to be that of {origin.release}: {why}"


def _objections(one: Measured, origin: Origin, evidence: Evidence, held: Evidence) -> Iterator[str]:
    """Yield why evidence is not where a result of other evidence was measured."""
    release, product = held.release, evidence.release.product
    if (release.id, release.product, held.ended) != (origin.release, product, origin.measured):
        yield "that evidence is about something else"
    theirs = may_be_carried(held, one.what)
    if theirs is None:
        yield "it was not measured there, or did not come out well"
    elif theirs.inputs != one.inputs:
        changed = {name for name, _ in theirs.inputs.items() ^ one.inputs.items()}
        yield f"it depends on something else: {', '.join(sorted(changed))}"
    if result_of(held, one.what) != result_of(evidence, one.what):
        yield "it came out otherwise there"
    if files_of(held, one.what) != files_of(evidence, one.what):
        yield "its files are others than those"


def forbidden(evidence: Evidence, policy: GatePolicy) -> Iterator[str]:
    """Say which carried results a gate does not let pass: they are too old, or any is too much."""
    for one, origin in evidence.carried:
        what = f"a measurement of its own of the {one.what}: the one of {origin.release}"
        if policy.reuse == "never":
            yield f"{what} was carried over, which the gate forbids"
        elif not is_recent(origin.measured, moment(evidence.ended), policy.reuse.days):
            days = count(policy.reuse.days, "day")
            yield f"{what} was more than {days} old when it was carried over"


def is_recent(measured: str, now: dt.datetime, days: int) -> bool:
    """Whether something that was measured then was no more than so many days old."""
    try:
        age = now - moment(measured)
    except (TypeError, ValueError):
        return False
    return dt.timedelta(0) <= age <= dt.timedelta(days=days)


def dropped(evidence: Evidence, entries: Sequence[Entry]) -> Iterator[str]:
    """Say which carried results count no more, for what has happened since they were measured.

    Args:
        evidence: The evidence.
        entries: The ledger's that are about the origins, and mismatches of the product.
    """
    last = last_mismatch(entries, evidence.release.product)
    for one, origin in evidence.carried:
        mine = [entry for entry in entries if entry.subject == origin.release]
        verdicts = [entry for entry in mine if entry.kind is Kind.VERDICT]
        named = [e.sequence for e in verdicts if e.body.get("evidence") == origin.evidence]
        what = f"a measurement of its own of the {one.what}: it was carried over from "
        if max(named, default=0) < last:
            why = f"a sample came out otherwise (entry {last} of the ledger)"
            yield f"{what}{origin.release}, and since then {why}"
        if not stands(mine):
            yield f"{what}{origin.release}, which does not stand any more"


def stands(entries: Iterable[Entry]) -> bool:
    """Whether what was measured for a release may still be relied upon, by its entries in order.

    It may not be where the release was tested again with another answer, or a person rejected it,
    or it was rolled back: then there is something that the measurements did not show.
    """
    good = False
    for entry in entries:
        if entry.kind is Kind.VERDICT:
            good = entry.body.get("outcome") == Outcome.QUALIFIED
        elif entry.kind in DECIDES_ON_REUSE:
            good = False
    return good


def last_mismatch(entries: Iterable[Entry], product: str) -> int:
    """Return the number of the last entry that says so of a product; 0 where there is none."""
    found = (
        entry.sequence
        for entry in entries
        if entry.kind is Kind.REUSE_MISMATCH and entry.subject == product
    )
    return max(found, default=0)
