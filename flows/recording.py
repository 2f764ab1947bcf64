"""Recording: what people signed is judged once more and appended, or its refusal is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from clinops.domain.approval import against_approval
from clinops.domain.digest import digest_bytes
from clinops.domain.envelope import Envelope
from clinops.domain.identity import Objections
from clinops.domain.ledger import GENESIS, Anchor, Entry, Kind, timestamp
from clinops.domain.line import against_resuming, against_stopping
from clinops.domain.outcome import State
from clinops.domain.signed import S
from clinops.domain.signoff import Approval, Checked, LineAction, LineOrder, SignOff, signed_from
from clinops.errors import BadInputError, ClinOpsError, RefusedError
from clinops.wiring import Wiring
from flows.judgement import authors_of, gate_report, line_stop, load_evidence, register
from flows.signing import KIND_OF, ensure_it_may_be_signed, wanted_of

MAX_REFUSED = 100
"""How many refusals go on record per release, and per product and day: they are no way to fill the
ledger."""

_LONGEST = 1000


def record(envelope: Envelope, wiring: Wiring) -> Entry:
    """Judge a signed statement, whichever it is, and append it to the ledger.

    Raises:
        RefusedError: It does not count. Nothing of it is recorded but the refusal, and that where
            it names a release or a product that is known.
        BadInputError: The same, because what it is about is not there or can't be read.
    """
    try:
        verified = wiring.signatures.verify(envelope)
        signed = signed_from(verified.statement)
        new = _New(envelope, verified.public_key)
        if isinstance(signed, SignOff):
            return _record_sign_off(signed, new, wiring)
        if isinstance(signed, Approval):
            return _record_approval(signed, new, wiring)
        return _record_line_order(signed, new, wiring)
    except (BadInputError, RefusedError) as error:
        _note_refusal(envelope, error, wiring)
        raise


class _New(NamedTuple):
    """An envelope that is not on record yet, and the key that signed it."""

    envelope: Envelope
    public_key: str

    def checked(self, signed: S, subject: str, wiring: Wiring) -> Checked[S]:
        """Return it as the gate will find it; raises RefusedError where it may not be added."""
        _ensure_the_ledger_is_the_one(signed.ledger, wiring)
        # By the statement: of some kinds of key, one statement has many signatures that hold.
        for entry in wiring.ledger.entries(subject):
            recorded = entry.body.get("envelope")
            if isinstance(recorded, dict) and recorded.get("payload") == self.envelope.payload:
                raise RefusedError(f"this very statement is on record as entry {entry.sequence}")
        return Checked(
            signed=signed,
            public_key=self.public_key,
            recorded=timestamp(wiring.clock()),
            sequence=wiring.ledger.head().sequence + 1,
        )

    def append(self, kind: Kind, subject: str, wiring: Wiring, **more: object) -> Entry:
        """Write it down."""
        return wiring.ledger.append(kind, subject, {"envelope": self.envelope.json_value(), **more})


def _record_sign_off(sign_off: SignOff, new: _New, wiring: Wiring) -> Entry:
    release = wiring.ledger.release(sign_off.release)
    if release is None:
        raise RefusedError(f"no release is called {sign_off.release}")
    kind = KIND_OF[sign_off.meaning]
    ensure_it_may_be_signed(release, kind, wiring)
    checked = new.checked(sign_off, release.id, wiring)
    report = gate_report(release, load_evidence(release, wiring), wiring, [checked])
    if objections := [one.sentence for one in report.refused if one.sequence == checked.sequence]:
        raise RefusedError(
            f"this signature would not count, so it was not recorded: {'; '.join(objections)}",
            mend=f"clinops release show {release.id}",
        )
    if release.state is State.AWAITING_SIGN_OFF:
        return new.append(kind, release.id, wiring)
    # Once given, it is given: who leaves the trust later does not make it owed again.
    owed = report.owed.json_value() if report.owed else None
    return new.append(kind, release.id, wiring, owed=owed)


def _record_approval(approval: Approval, new: _New, wiring: Wiring) -> Entry:
    wanted = wanted_of(approval.product, approval.document, approval.item, wiring)
    checked = new.checked(approval, approval.product, wiring)
    authors = authors_of(wanted.document, wiring.repository.head().commit, wiring)
    people = register(approval.product, wiring)
    _ensure_it_counts(against_approval(checked, wanted, authors, people))
    return new.append(Kind.DOCUMENT_APPROVED, approval.product, wiring)


def _record_line_order(order: LineOrder, new: _New, wiring: Wiring) -> Entry:
    people = register(order.product, wiring)
    checked = new.checked(order, order.product, wiring)
    if order.action is LineAction.STOP:
        _ensure_it_counts(against_stopping(checked, order.product, people))
        return new.append(Kind.LINE_STOPPED, order.product, wiring)
    _ensure_it_counts(against_resuming(checked, order.product, people))
    stop = line_stop(order.product, wiring)
    if stop is None or stop.sequence > order.ledger.sequence:
        raise RefusedError(
            "the line is not stopped" if stop is None else "the line was stopped again meanwhile",
            mend=f"clinops stop {order.product} --help",
        )
    return new.append(Kind.LINE_RESUMED, order.product, wiring)


def _ensure_it_counts(objections: Objections) -> None:
    if first := next(objections, None):
        raise RefusedError(f"this signature would not count, so it was not recorded: {first[1]}")


def _ensure_the_ledger_is_the_one(anchor: Anchor, wiring: Wiring) -> None:
    """Refuse what was signed upon another ledger: once recorded, it would break this one."""
    found = wiring.ledger.recent(before=anchor.sequence + 1, limit=1)
    last = (found[0].sequence, found[0].digest) if found else (0, GENESIS)
    if last != (anchor.sequence, anchor.digest):
        raise RefusedError("the ledger is not the one that was signed upon")


def _note_refusal(envelope: Envelope, error: ClinOpsError, wiring: Wiring) -> None:
    try:
        claimed = signed_from(envelope.statement)
    except RefusedError:
        return
    body = {
        "reasons": [_short(str(error))],
        "signer": claimed.signer,
        "role": claimed.role,
        "envelope": digest_bytes(envelope.to_bytes()),
    }
    if isinstance(claimed, SignOff):
        if wiring.ledger.release(claimed.release) is not None:
            _note(Kind.SIGNATURE_REFUSED, claimed.release, body, "", wiring)
    elif claimed.product in wiring.estate(wiring.repository.head()).products:
        # A release comes to its end; a product outlives any number that could be set for good.
        since = timestamp(wiring.clock() - dt.timedelta(days=1))
        _note(Kind.STATEMENT_REFUSED, claimed.product, {**body, "what": _what(claimed)}, since,
              wiring)  # fmt: skip


def note_forged_form(release: str, signer_id: str, why: str, wiring: Wiring) -> None:
    """Put on record that a signed-in person's browser sent a form that no page of ours gave it."""
    if wiring.ledger.release(release) is not None:
        body = {
            "reasons": [f"a forged form: {why}"],
            "signer": signer_id,
            "role": "",
            "envelope": "",
        }
        _note(Kind.SIGNATURE_REFUSED, release, body, "", wiring)


def _note(kind: Kind, subject: str, body: Mapping[str, object], since: str, wiring: Wiring) -> None:
    entries = (entry for entry in wiring.ledger.entries(subject) if entry.time >= since)
    noted = [entry.body for entry in entries if entry.kind is kind]
    if body not in noted and len(noted) < MAX_REFUSED:
        wiring.ledger.append(kind, subject, body)


def _what(claimed: Approval | LineOrder) -> str:
    if isinstance(claimed, LineOrder):
        return f"order to {claimed.action} the line"
    return _short(f"approval of {claimed.document} {claimed.item}".rstrip())


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
