"""Reminders: derived from what is on record, sent once each, and put on record themselves.

One is recorded once it is sent. A crash in between sends it twice, which is better than never.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clinops.domain import reminder
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import GatePolicy
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.reminder import Reminder
from clinops.domain.waiver import Waiver
from clinops.errors import ClinOpsError, EvidenceError
from clinops.wiring import Wiring
from flows.gate import gate_report, load_evidence, owed_for

_SENT = frozenset({Kind.REMINDED, Kind.SIGNER_REMINDED})


@dataclass
class Reminded:
    """What reminding came to."""

    sent: list[str] = field(default_factory=list)
    """What people were told."""
    problems: list[str] = field(default_factory=list)
    """What could not be found out or sent; it is tried again."""


def remind(wiring: Wiring) -> Reminded:
    """Send every reminder that is due and was not sent yet."""
    done = Reminded()
    for one in _due(_concerned(wiring), wiring, done):
        if not _was_sent(one, wiring):
            with _noted(one.whom, done):
                _send(one, wiring)
                done.sent.append(one.what)
    return done


def _concerned(wiring: Wiring) -> list[ReleaseRecord]:
    """Return the releases that wait for people, newest first, and those that are live."""
    waiting = wiring.ledger.releases(states={State.AWAITING_SIGN_OFF})
    live = {system.release for system in wiring.ledger.live() if system.release}
    return [*waiting, *(wiring.release(release) for release in sorted(live))]


def _was_sent(one: Reminder, wiring: Wiring) -> bool:
    return any(
        entry.kind in _SENT and entry.body.get("key") == one.key
        for entry in wiring.ledger.entries(one.release or one.whom)
    )


def _send(one: Reminder, wiring: Wiring) -> None:
    page = f"/releases/{one.release}" if one.release else "/"
    link = wiring.settings.gatehouse_address + page
    wiring.notifier.notify(one.whom, f"ClinOps: {one.release or 'your key'}", f"{one.what}.", link)
    body = {"what": one.what, "whom": [one.whom], "key": one.key}
    kind = Kind.REMINDED if one.release else Kind.SIGNER_REMINDED
    wiring.ledger.append(kind, one.release or one.whom, body)


@contextmanager
def _noted(what: str, done: Reminded) -> Iterator[None]:
    """Note an error instead of raising it: one product's or address's must not stop the others."""
    try:
        yield
    except ClinOpsError as error:
        done.problems.append(f"{what}: {error.diagnostics()}")


def _due(concerned: list[ReleaseRecord], wiring: Wiring, done: Reminded) -> Iterator[Reminder]:
    for record in concerned:
        with _noted(record.id, done):
            yield from _about(record, wiring)
    with _noted("signers", done):
        signers = wiring.estate(wiring.repository.head()).signers()
        yield from reminder.of_keys(signers, wiring.clock())


def _about(record: ReleaseRecord, wiring: Wiring) -> Iterator[Reminder]:
    if record.state is State.AWAITING_SIGN_OFF:
        yield from _of_gate(record, wiring)
    else:
        yield from _of_live(record, wiring)


def _of_gate(record: ReleaseRecord, wiring: Wiring) -> Iterator[Reminder]:
    now, policy = wiring.clock(), _policy(record, wiring)
    report = gate_report(record, load_evidence(record, wiring), wiring)
    if report.open:
        return
    # Where no sign-off would help, what is missing (the log, a waiver) is that role's to approve.
    roles = report.awaited or (policy.hazards.approved_by,)
    lifetime = dt.timedelta(days=policy.sign_offs_expire_after_days)
    yield from reminder.of_sign_offs(record, report.counted, lifetime, roles, now)
    if policy.reminders:
        yield from reminder.of_waiting(record, roles, policy.reminders, now)


def _of_live(record: ReleaseRecord, wiring: Wiring) -> Iterator[Reminder]:
    now = wiring.clock()
    if waivers := _waivers_used(record, wiring):
        approved_by = _policy(record, wiring).waivers.approved_by
        yield from reminder.of_waivers(record, waivers, approved_by, now)
    if owed := owed_for(record, wiring):
        patience = _policy(record, wiring).reminders
        above = patience.escalate_to if patience else None
        deadline = dt.datetime.fromisoformat(owed.deadline)
        yield from reminder.of_owed(record, owed.awaited, deadline, above, now)


def _policy(record: ReleaseRecord, wiring: Wiring) -> GatePolicy:
    return wiring.estate(wiring.repository.head()).gate(record.product)


def _waivers_used(record: ReleaseRecord, wiring: Wiring) -> list[Waiver]:
    # Not the gate's own check of all files: this is asked of everything live, every few minutes.
    try:
        evidence = Evidence.model_validate_json(wiring.evidence.get(record.evidence or ""))
    except ValueError:
        raise EvidenceError(f"{record.evidence} is no evidence") from None
    used = {finding.waiver for finding in evidence.findings}
    return [waiver for waiver in evidence.waivers if waiver.id in used]
