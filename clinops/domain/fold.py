"""What is folded from the ledger: where each release stands, and what is live where.

What may follow what is the table `MAY_FOLLOW`; the fold functions refuse everything else, so that
no adapter can record a contradiction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from clinops.domain.digest import Digest, canonical
from clinops.domain.ledger import OF_A_SITE, OF_NO_RELEASE, Fact, Kind, release_of
from clinops.domain.outcome import STATE_AFTER, Outcome, State
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value
from clinops.errors import LedgerError

MAY_FOLLOW: Mapping[Kind, frozenset[State]] = {
    Kind.QUALIFICATION_STARTED: frozenset({State.KNOWN, State.QUALIFYING, State.ERRORED}),
    Kind.QUALIFICATION_ERRORED: frozenset({State.QUALIFYING}),
    Kind.VERDICT: frozenset({State.QUALIFYING}),
    Kind.SIGNED: frozenset(
        {State.AWAITING_SIGN_OFF, State.PROMOTING, State.LIVE, State.ROLLED_BACK}
    ),
    Kind.REJECTED: frozenset({State.AWAITING_SIGN_OFF}),
    Kind.PROMOTION_REFUSED: frozenset(State),
    Kind.SIGNATURE_REFUSED: frozenset(State),
    Kind.QUESTION_ASKED: frozenset(State),
    Kind.QUESTION_ANSWERED: frozenset(State),
    Kind.REMINDED: frozenset(State),
    Kind.DEPLOYMENT_STARTED: frozenset({State.AWAITING_SIGN_OFF, State.PROMOTING}),
    Kind.SITE_LIVE: frozenset({State.PROMOTING}),
    Kind.SITE_ROLLED_BACK: frozenset({State.PROMOTING}),
    Kind.DEPLOYED: frozenset({State.PROMOTING}),
    Kind.ROLLED_BACK: frozenset({State.PROMOTING}),
    Kind.SUPERSEDED: frozenset(
        {
            State.KNOWN,
            State.QUALIFYING,
            State.ERRORED,
            State.INCONCLUSIVE,
            State.AWAITING_SIGN_OFF,
            State.LIVE,
        }
    ),
    Kind.REQUEST_MET: frozenset({State.LIVE, State.SUPERSEDED}),
    Kind.REOPENED: frozenset({State.INCONCLUSIVE, State.SUPERSEDED, State.AWAITING_SIGN_OFF}),
}
"""The states of a release in which an entry about it may be written.

QUALIFYING may be followed by another start because a worker may die and lose its lease. What is
live may still be signed, and so may what was rolled back but stayed at a site: after an emergency
the missing sign-offs are owed. What was inconclusive is opened again when a person asks for it,
what was superseded when its content comes back, and what waits for sign-off to be measured without
carrying anything over; it starts over, with evidence to which no earlier sign-off belongs. Refused,
rejected and rolled back are final: only new content, hence a new release, goes on.
"""

_STATE_AFTER = {
    Kind.QUALIFICATION_STARTED: State.QUALIFYING,
    Kind.QUALIFICATION_ERRORED: State.ERRORED,
    Kind.REJECTED: State.REJECTED,
    Kind.DEPLOYMENT_STARTED: State.PROMOTING,
    Kind.DEPLOYED: State.LIVE,
    Kind.ROLLED_BACK: State.ROLLED_BACK,
    Kind.SUPERSEDED: State.SUPERSEDED,
    Kind.REOPENED: State.KNOWN,
}

_SAYS_WHAT_IS_LIVE = OF_A_SITE | {Kind.SYSTEM_ADOPTED}


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


class ReleaseRow(NamedTuple):
    """A release's record as it is stored, with what it is found and ordered by."""

    name: str
    record: str
    product: str
    state: str
    known: int
    """The entry with which it became known."""

    @classmethod
    def of(cls, record: ReleaseRecord, known: int) -> ReleaseRow:
        """Return a record as it is stored."""
        return cls(record.id, stored(record), record.product, record.state.value, known)


def stored(value: Value) -> str:
    """Write a folded value as it is stored: canonical JSON text."""
    return canonical(value.json_value()).decode()


def fold_release(record: ReleaseRecord | None, entry: Fact) -> ReleaseRecord | None:
    """Apply one entry to the record of the release that `release_of` names.

    Raises:
        LedgerError: The entry contradicts the record.
    """
    if entry.kind in OF_NO_RELEASE:
        return record
    try:
        if entry.kind is Kind.RELEASE_KNOWN:
            return _known(record, entry)
        if record is None:
            raise LedgerError(f"{entry.kind}: no release {release_of(entry)!r} is known")
        _refuse_contradiction(record, entry)
        changes = _changes(entry)
        return ReleaseRecord.model_validate({**vars(record), **changes}) if changes else record
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(entry, error) from error


def fold_live(entry: Fact) -> LiveSystem | None:
    """Return what is live at a site after an entry, if the entry says so.

    Raises:
        LedgerError: The entry's body says nothing of the kind, or speaks of something else.
    """
    if entry.kind not in _SAYS_WHAT_IS_LIVE:
        return None
    try:
        live = LiveSystem.model_validate(entry.body["live"])
    except (KeyError, ValueError) as error:
        raise _malformed(entry, error) from error
    if entry.subject != live_name(live):
        raise LedgerError(f"{entry.kind} of {entry.subject!r} describes {live_name(live)!r}")
    if (live.release == release_of(entry)) is (entry.kind is Kind.SITE_ROLLED_BACK):
        raise LedgerError(f"{entry.kind} of {entry.subject!r} can't leave {live.release!r} live")
    return live


def live_name(live: LiveSystem) -> str:
    """Name a live system, as the subject of its adoption does."""
    return f"{live.product}@{live.site}"


def _malformed(entry: Fact, error: Exception) -> LedgerError:
    return LedgerError(f"{entry.kind} of {entry.subject!r} has a body that can't be: {error!r}")


def _known(record: ReleaseRecord | None, entry: Fact) -> ReleaseRecord:
    if record is not None:
        raise LedgerError(f"{entry.subject} is known already")
    release = entry.body["release"]
    if release["id"] != entry.subject:
        raise LedgerError(f"{entry.kind} of {entry.subject!r} describes {release['id']!r}")
    return ReleaseRecord(
        id=entry.subject,
        product=release["product"],
        version=release["version"],
        state=State.KNOWN,
        since=entry.time,
        release=release,
    )


def _refuse_contradiction(record: ReleaseRecord, entry: Fact) -> None:
    kind, body = entry.kind, entry.body
    if record.state not in MAY_FOLLOW[kind]:
        raise LedgerError(f"{record.id} is {record.state}: {kind} would contradict that")
    if kind is Kind.QUALIFICATION_STARTED and body["attempt"] != record.attempt + 1:
        raise LedgerError(f"{record.id}: the next attempt is number {record.attempt + 1}")
    if kind in {Kind.VERDICT, Kind.QUALIFICATION_ERRORED}:
        # A worker that lost its lease must not speak for the attempt that came after its own.
        if body.get("attempt", record.attempt) != record.attempt:
            raise LedgerError(f"{record.id}: attempt {record.attempt} has taken over")
        if body.get("outcome") == Outcome.ERRORED:
            raise LedgerError(f"{record.id}: an error of ours is no verdict")
    if (
        kind is Kind.DEPLOYMENT_STARTED
        and record.state is State.PROMOTING
        and body.get("resume") is not True
    ):
        raise LedgerError(f"{record.id}: a deployment is under way already")
    waits = kind is Kind.REOPENED and record.state is State.AWAITING_SIGN_OFF
    if waits and body.get("fresh") is not True:
        raise LedgerError(f"{record.id}: what has qualified is only tested again from scratch")
    if kind in OF_A_SITE and body["live"]["product"] != record.product:
        raise LedgerError(f"{kind} of {record.id} describes another product")
    if kind is Kind.REQUEST_MET and body["evidence"] != record.evidence:
        raise LedgerError(f"{kind} of {record.id} rests on other evidence than the release")


def _changes(entry: Fact) -> dict[str, Any]:
    if entry.kind is Kind.VERDICT:
        outcome = Outcome(entry.body["outcome"])
        return {
            "state": STATE_AFTER[outcome],
            "outcome": outcome,
            "evidence": entry.body["evidence"],
            "since": entry.time,
        }
    if entry.kind not in _STATE_AFTER:
        return {}
    changes: dict[str, Any] = {"state": _STATE_AFTER[entry.kind], "since": entry.time}
    if entry.kind is Kind.QUALIFICATION_STARTED:
        changes["attempt"] = entry.body["attempt"]
    if entry.kind is Kind.REOPENED:
        changes |= {"outcome": None, "evidence": None}
    return changes
