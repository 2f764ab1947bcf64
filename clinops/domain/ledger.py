"""The ledger: append-only, hash-chained entries, and what is folded from them.

What may follow what is the table `MAY_FOLLOW`; the fold functions refuse everything else, so that
no adapter can record a contradiction.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from clinops.domain.digest import Digest, canonical, digest_bytes, digest_of
from clinops.domain.outcome import STATE_AFTER, Outcome, State
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value
from clinops.errors import LedgerError

GENESIS = "sha256:" + "0" * 64

CLOCK_TOLERANCE = dt.timedelta(seconds=1)
"""How far a clock may be behind the last entry: those of two machines never agree exactly."""


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
    REOPENED = "release.reopened"
    SIGNATURE_REFUSED = "gate.signature-refused"
    QUESTION_ASKED = "gate.question-asked"
    QUESTION_ANSWERED = "gate.question-answered"
    REMINDED = "gate.reminded"
    DOCUMENT_APPROVED = "document.approved"
    LINE_STOPPED = "line.stopped"
    LINE_RESUMED = "line.resumed"
    SIGNER_INVITED = "signer.invited"
    SIGNER_ENROLLED = "signer.enrolled"
    PUSH_REFUSED = "push.refused"

    # NOTE: an enum hashes its members in Python code; as texts they are found several times faster.
    __hash__ = str.__hash__


OF_NO_RELEASE = frozenset(
    {
        Kind.SYSTEM_ADOPTED,
        Kind.DOCUMENT_APPROVED,
        Kind.LINE_STOPPED,
        Kind.LINE_RESUMED,
        Kind.SIGNER_INVITED,
        Kind.SIGNER_ENROLLED,
        Kind.PUSH_REFUSED,
    }
)
"""Entries that speak of a system, a person or the estate, and of no release."""

MAY_FOLLOW: Mapping[Kind, frozenset[State]] = {
    Kind.QUALIFICATION_STARTED: frozenset({State.KNOWN, State.QUALIFYING, State.ERRORED}),
    Kind.QUALIFICATION_ERRORED: frozenset({State.QUALIFYING}),
    Kind.VERDICT: frozenset({State.QUALIFYING}),
    Kind.SIGNED: frozenset({State.AWAITING_SIGN_OFF, State.PROMOTING, State.LIVE}),
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
    Kind.REOPENED: frozenset({State.INCONCLUSIVE, State.SUPERSEDED}),
}
"""The states of a release in which an entry about it may be written.

QUALIFYING may be followed by another start because a worker may die and lose its lease. What is
live may still be signed: after an emergency the missing sign-offs are owed. What was inconclusive
is opened again when a person asks for it, what was superseded when its content comes back; it
starts over, with evidence to which no earlier sign-off belongs. Refused, rejected and rolled back
are final: only new content, hence a new release, goes on.
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

_SITE_KINDS = frozenset({Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK})
_SAYS_WHAT_IS_LIVE = _SITE_KINDS | {Kind.SYSTEM_ADOPTED}

encode = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode
"""Python's fastest way to write JSON; canonical for texts and whole numbers under ASCII keys."""


def timestamp(moment: dt.datetime) -> str:
    """Write a moment as the ledger does: UTC, ISO 8601, microseconds; so that texts order."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


class Anchor(Value):
    """A place in the chain: the entry that was its last at some moment."""

    sequence: int
    """0 where the ledger was empty; its digest is `GENESIS` then."""
    digest: Digest


class Fact(Protocol):
    """What an entry says: all that is needed to fold it."""

    @property
    def time(self) -> str:
        """When it was recorded."""

    @property
    def kind(self) -> Kind:
        """What kind of thing it records."""

    @property
    def subject(self) -> str:
        """What it speaks of."""

    @property
    def body(self) -> dict[str, Any]:
        """What it says of it."""


class Entry(Value):
    """One line of the ledger.

    `digest` covers every other field, `previous` included, so that an edit, a deletion or a
    reordering breaks the chain.
    """

    sequence: int
    previous: Digest
    time: str
    """As `timestamp` writes it, never before the entry before it."""
    kind: Kind
    subject: str
    """A release id; `product@site` where the entry says what is live; a product where a document of
    it is approved or its line stopped; a signer's id; or `estate`."""
    body: dict[str, Any]
    digest: Digest

    @classmethod
    def after(
        cls, last: Entry | None, *, time: str, kind: Kind, subject: str, body: Mapping[str, Any]
    ) -> Entry:
        """Chain a new entry to the last one.

        Raises:
            LedgerError: The clock was set back, or the body is no plain JSON.
        """
        fields = {
            "sequence": last.sequence + 1 if last else 1,
            "previous": last.digest if last else GENESIS,
            "time": _not_before(last.time, time) if last else time,
            "kind": kind.value,
            "subject": subject,
        }
        try:
            # NOTE: the body makes the round trip here, so that what is returned (tuples become
            # lists) is what will be read back.
            fields["body"] = json.loads(canonical(dict(body)))
            return cls.model_validate({**fields, "digest": digest_of(fields)})
        except (ValueError, RecursionError) as error:
            raise LedgerError(f"{kind} of {subject!r} can't be recorded: {error}") from error

    def recomputed(self) -> str:
        """Digest this entry's fields again."""
        fields = self.json_value()
        del fields["digest"]
        return digest_of(fields)

    def row(self) -> Row:
        """Return the entry as it is stored; raises LedgerError where it lacks its release."""
        return Row(
            self.sequence,
            self.previous,
            self.time,
            self.kind.value,
            self.subject,
            canonical(self.body).decode(),
            self.digest,
            release_of(self),
        )


def _not_before(last: str, now: str) -> str:
    if now >= last:
        return now
    if dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(now) < CLOCK_TOLERANCE:
        return last
    raise LedgerError(
        f"the clock was set back: it is {now}, but the last entry was written at {last}",
        mend="set this machine's clock right (NTP)",
    )


class Row(NamedTuple):
    """An entry as it is stored: everything plain, the body as canonical JSON text."""

    sequence: int
    previous: str
    time: str
    kind: str
    subject: str
    body: str
    digest: str
    about: str | None
    """The release that it speaks of, to find it by; the digest covers what this is taken from."""

    def entry(self) -> Entry:
        """Parse the row, but trust it: the chain is for `audit` to check.

        Raises:
            LedgerError: The row is not one that ClinOps writes.
        """
        try:
            # NOTE: SQLite keeps what it is given, so that a column of text may hold bytes.
            fields = self._asdict()
            del fields["sequence"], fields["about"]
            if not all(isinstance(part, str) for part in fields.values()):
                raise TypeError
            fields |= {"sequence": self.sequence, "body": json.loads(self.body)}
            return Entry.model_validate(fields)
        except (TypeError, ValueError, RecursionError):
            raise LedgerError(f"entry {self.sequence} can't be read") from None

    def recomputed(self) -> str:
        """Digest the row as `Entry.recomputed` does, without writing its body out again."""
        # NOTE: the keys stand in their canonical order; to write out four texts takes a third of
        # the time that an object takes.
        text = (
            f'{{"body":{self.body},"kind":{encode(self.kind)},"previous":{encode(self.previous)},'
            f'"sequence":{self.sequence:d},"subject":{encode(self.subject)},'
            f'"time":{encode(self.time)}}}'
        )
        return digest_bytes(text.encode())


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


def release_of(entry: Fact) -> str | None:
    """Name the release that an entry speaks of; none for those `OF_NO_RELEASE`.

    Raises:
        LedgerError: The entry should name a release, and does not.
    """
    if entry.kind in OF_NO_RELEASE:
        return None
    if entry.kind not in _SITE_KINDS:
        return entry.subject
    release = entry.body.get("release")
    if not isinstance(release, str):
        raise LedgerError(f"{entry.kind} of {entry.subject!r} names no release")
    return release


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
    if kind in _SITE_KINDS and body["live"]["product"] != record.product:
        raise LedgerError(f"{kind} of {record.id} describes another product")


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
