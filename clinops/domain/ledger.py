"""The ledger: append-only, hash-chained entries, and the rows that they are stored as.

What is folded from them is in `clinops.domain.fold`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import Field

from clinops.domain.digest import Digest, canonical, digest_bytes, digest_of
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
    STATEMENT_REFUSED = "statement.refused"
    DOCUMENT_APPROVED = "document.approved"
    LINE_STOPPED = "line.stopped"
    LINE_RESUMED = "line.resumed"
    SIGNER_INVITED = "signer.invited"
    SIGNER_ENROLLED = "signer.enrolled"
    SIGNER_REMINDED = "signer.reminded"
    PUSH_REFUSED = "push.refused"
    REUSE_MISMATCH = "reuse.mismatch"
    REQUEST_MET = "request.met"

    # NOTE: an enum hashes its members in Python code; as texts they are found several times faster.
    __hash__ = str.__hash__


OF_NO_RELEASE = frozenset(
    {
        Kind.SYSTEM_ADOPTED,
        Kind.STATEMENT_REFUSED,
        Kind.DOCUMENT_APPROVED,
        Kind.LINE_STOPPED,
        Kind.LINE_RESUMED,
        Kind.SIGNER_INVITED,
        Kind.SIGNER_ENROLLED,
        Kind.SIGNER_REMINDED,
        Kind.PUSH_REFUSED,
        Kind.REUSE_MISMATCH,
    }
)
"""Entries that speak of a system, a person or the estate, and of no release."""

OF_A_SITE = frozenset({Kind.SITE_LIVE, Kind.SITE_ROLLED_BACK})
"""Entries whose subject is a live system: their body names the release."""

_NAMES_ITS_RELEASE = OF_A_SITE | {Kind.REQUEST_MET}

encode = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode
"""Python's fastest way to write JSON; canonical for texts and whole numbers under ASCII keys."""


def timestamp(moment: dt.datetime) -> str:
    """Write a moment as the ledger does: UTC, ISO 8601, microseconds; so that texts order."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


class Anchor(Value):
    """A place in the chain: the entry that was its last at some moment."""

    sequence: Annotated[int, Field(ge=0, lt=2**53)]
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
    it is approved, its line stopped, or a result came out otherwise; a signer's id; `estate`, or
    `estate:requests` where one was met."""
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


def release_of(entry: Fact) -> str | None:
    """Name the release that an entry speaks of; none for those `OF_NO_RELEASE`.

    Raises:
        LedgerError: The entry should name a release, and does not.
    """
    if entry.kind in OF_NO_RELEASE:
        return None
    if entry.kind not in _NAMES_ITS_RELEASE:
        return entry.subject
    release = entry.body.get("release")
    if not isinstance(release, str):
        raise LedgerError(f"{entry.kind} of {entry.subject!r} names no release")
    return release
