"""What an estate has measured before, and may carry over into a release's evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress

from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import Reuse
from clinops.domain.ledger import Entry, Kind, timestamp
from clinops.domain.measured import Measured
from clinops.domain.outcome import Outcome
from clinops.domain.reuse import is_recent, last_mismatch, stands
from clinops.errors import BadInputError, EvidenceError
from clinops.wiring import Wiring
from flows.carrying import Prior
from flows.judgement import evidence_at


def prior_to(record: ReleaseRecord, attempt: int, wiring: Wiring) -> Prior | None:
    """Return what may be carried over into a release's evidence; None where its gate forbids it.

    Args:
        record: The release.
        attempt: The number of this attempt, which has begun.
        wiring: The estate.
    """
    try:
        rules = wiring.estate(wiring.repository.head()).gate(record.product).reuse
    except BadInputError:
        return None
    if rules == "never":
        return None

    def note(found: Measured) -> None:
        body = {**found.json_value(), "release": record.id, "attempt": attempt}
        body["origin"] = body.pop("sampled")
        wiring.ledger.append(Kind.REUSE_MISMATCH, record.product, body)

    return Prior(
        conditions=wiring.conditions(),
        origins=()
        if is_fresh(record.id, attempt, wiring)
        else _origins(record.product, rules, wiring),
        sampled=lambda: wiring.draw() * 100 < rules.sampled_percent,
        note=note,
    )


def is_fresh(release: str, attempt: int, wiring: Wiring) -> bool:
    """Whether an attempt measures everything: as asked for, or as the one before it broke off.

    Were the sample drawn again after each error, whoever can cause errors could wait for a draw
    that suits them.
    """
    entries = [e for e in wiring.ledger.entries(release) if e.body.get("attempt") != attempt]
    ends = [e.kind for e in entries if e.kind in {Kind.QUALIFICATION_STARTED, Kind.VERDICT}]
    reopened = [e for e in entries if e.kind is Kind.REOPENED]
    broke_off = ends[-1:] == [Kind.QUALIFICATION_STARTED]
    return broke_off or (bool(reopened) and reopened[-1].body.get("fresh") is True)


def _origins(product: str, rules: Reuse, wiring: Wiring) -> Iterator[Evidence]:
    """Yield evidence of a product that is recent enough and not dropped, newest first."""
    now = wiring.clock()
    since = last_mismatch(wiring.ledger.entries(product), product)
    for verdict in _verdicts(product, timestamp(now - dt.timedelta(days=rules.days)), wiring):
        if verdict.sequence > since:
            with suppress(EvidenceError):
                evidence = evidence_at(str(verdict.body["evidence"]), wiring)
                mine = (evidence.release.id, evidence.release.product) == (verdict.subject, product)
                if mine and is_recent(evidence.ended, now, rules.days):
                    yield evidence


def _verdicts(product: str, after: str, wiring: Wiring) -> list[Entry]:
    """Return the verdicts that qualified a release of a product since some time, newest first."""
    found: list[Entry] = []
    for record in wiring.ledger.releases(product):
        # A release has stood where it stands since its last verdict at the earliest.
        entries = list(wiring.ledger.entries(record.id)) if record.since >= after else []
        if stands(entries):
            found += (
                entry
                for entry in entries
                if entry.kind is Kind.VERDICT and entry.body.get("outcome") == Outcome.QUALIFIED
            )
    return sorted(found, key=lambda entry: entry.sequence, reverse=True)
