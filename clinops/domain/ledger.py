"""The ledger: append-only, hash-chained entries, and what is folded from them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from clinops.domain.digest import Digest, digest_of
from clinops.domain.outcome import STATE_AFTER, Outcome, State
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value

GENESIS = "sha256:" + "0" * 64


class Kind(StrEnum):
    """What an entry records."""

    SYSTEM_ADOPTED = "system.adopted"
    RELEASE_KNOWN = "release.known"
    QUALIFICATION_STARTED = "qualification.started"
    QUALIFICATION_ERRORED = "qualification.errored"
    VERDICT = "qualification.verdict"
    SIGNED = "gate.signed"
    REJECTED = "gate.rejected"
    PROMOTION_REFUSED = "promotion.refused"
    DEPLOYMENT_STARTED = "deployment.started"
    SITE_LIVE = "deployment.site-live"
    SITE_ROLLED_BACK = "deployment.site-rolled-back"
    DEPLOYED = "deployment.live"
    ROLLED_BACK = "deployment.rolled-back"
    SUPERSEDED = "release.superseded"


class Entry(Value):
    """One line of the ledger.

    `digest` covers every other field, `previous` included, so that an edit, a deletion or a
    reordering breaks the chain.
    """

    sequence: int
    previous: Digest
    time: str
    """UTC, ISO 8601 with microseconds, never before the entry before it."""
    kind: Kind
    subject: str
    """A release id, or `product@site` for what is live."""
    body: dict[str, Any]
    digest: Digest

    @classmethod
    def after(
        cls, last: Entry | None, *, time: str, kind: Kind, subject: str, body: dict[str, Any]
    ) -> Entry:
        """Chain a new entry to the last one."""
        fields = {
            "sequence": last.sequence + 1 if last else 1,
            "previous": last.digest if last else GENESIS,
            "time": time,
            "kind": kind.value,
            "subject": subject,
            "body": body,
        }
        return cls.model_validate({**fields, "digest": digest_of(fields)})

    def recomputed(self) -> str:
        """Digest this entry's fields again."""
        fields = self.json_value()
        del fields["digest"]
        return digest_of(fields)


def broken_links(entries: Iterable[Entry]) -> Iterable[str]:
    """Walk the chain and say, one sentence each, what does not hold."""
    previous, expected, time = GENESIS, 1, ""
    for entry in entries:
        if entry.sequence != expected:
            yield f"entry {expected} is missing: found {entry.sequence} in its place"
        if entry.previous != previous:
            yield f"entry {entry.sequence} does not follow the one before it"
        if entry.recomputed() != entry.digest:
            yield f"entry {entry.sequence} was changed after it was written"
        if entry.time < time:
            yield f"entry {entry.sequence} is older than the one before it"
        previous, expected, time = entry.digest, entry.sequence + 1, entry.time


class ReleaseRecord(Value):
    """Where a release stands, folded from its entries."""

    id: str
    product: str
    version: str
    state: State
    since: str
    attempt: int = 0
    outcome: Outcome | None = None
    evidence: Digest | None = None
    release: dict[str, Any]
    """The pinned release as it became known."""


def fold_release(record: ReleaseRecord | None, entry: Entry) -> ReleaseRecord | None:
    """Apply one entry to a release's record."""
    body = entry.body
    if entry.kind is Kind.RELEASE_KNOWN:
        release = body["release"]
        return ReleaseRecord(
            id=entry.subject,
            product=release["product"],
            version=release["version"],
            state=State.KNOWN,
            since=entry.time,
            release=release,
        )
    if record is None:
        return None
    if entry.kind is Kind.VERDICT:
        outcome = Outcome(body["outcome"])
        changes: dict[str, Any] = {
            "state": STATE_AFTER[outcome],
            "outcome": outcome,
            "evidence": body["evidence"],
        }
    elif entry.kind is Kind.QUALIFICATION_STARTED:
        changes = {"state": State.QUALIFYING, "attempt": body["attempt"]}
    elif entry.kind in _STATE_OF:
        changes = {"state": _STATE_OF[entry.kind]}
    else:
        return record
    return record.model_copy(update={**changes, "since": entry.time})


_STATE_OF = {
    Kind.QUALIFICATION_ERRORED: State.ERRORED,
    Kind.REJECTED: State.REJECTED,
    Kind.DEPLOYMENT_STARTED: State.PROMOTING,
    Kind.DEPLOYED: State.LIVE,
    Kind.ROLLED_BACK: State.ROLLED_BACK,
    Kind.SUPERSEDED: State.SUPERSEDED,
}


def fold_live(entry: Entry) -> LiveSystem | None:
    """Return what is live at a site after an entry, if the entry says so."""
    if entry.kind in {Kind.SYSTEM_ADOPTED, Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK}:
        return LiveSystem.model_validate(entry.body["live"])
    return None
