"""Reminders: what people must be told because a gate waits, or something is about to run out.

They are derived from what is on record at a moment, as often as one likes. A reminder keeps its
key, so that it can be sent once; nothing is scheduled, so that nothing can get lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import Counted, Reminders
from clinops.domain.signer import Signers, fingerprint
from clinops.domain.value import Value
from clinops.domain.waiver import Waiver

SIGN_OFF_NOTICE = dt.timedelta(days=2)
OWED_NOTICE = dt.timedelta(days=1)
WAIVER_NOTICE = dt.timedelta(days=7)
KEY_NOTICE = dt.timedelta(days=30)


class Reminder(Value):
    """One thing that one role or person is told, once."""

    key: str
    """The same for the same thing, whenever it is derived."""
    release: str | None
    """None where it is about a person's key, which belongs to no release."""
    whom: str
    """A role, or a signer's id."""
    what: str
    """One plain sentence."""


def of_waiting(
    record: ReleaseRecord, roles: Sequence[str], patience: Reminders, now: dt.datetime
) -> Iterator[Reminder]:
    """Remind whom a gate waits for, and later whom the policy escalates to.

    Args:
        record: A release that awaits sign-off.
        roles: The roles of which a sign-off is missing.
        patience: How long the gate's policy waits.
        now: The time, with its zone.
    """
    since = dt.datetime.fromisoformat(record.since)
    hours = (now - since) / dt.timedelta(hours=1)
    waits = f"{_title(record)} has waited at its gate since {_moment(since)}"
    if hours >= patience.after_hours:
        for role in roles:
            yield _reminder(record, f"waiting:{role}", role, f"{waits}: it needs {role}")
    above = patience.escalate_to
    if above and roles and hours >= patience.escalate_after_hours:
        what = f"{waits}, and still needs {_listed(roles)}"
        yield _reminder(record, "escalated", above, what)


def of_sign_offs(
    record: ReleaseRecord,
    counted: Sequence[Counted],
    lifetime: dt.timedelta,
    roles: Sequence[str],
    now: dt.datetime,
) -> Iterator[Reminder]:
    """Remind a signer, and whom the gate still waits for, of a sign-off that is about to expire.

    Args:
        record: A release that awaits sign-off.
        counted: The sign-offs that count now.
        lifetime: How long a sign-off holds.
        roles: The roles of which a sign-off is missing.
        now: The time, with its zone.
    """
    for sign_off in counted:
        ends = dt.datetime.fromisoformat(sign_off.time) + lifetime
        if roles and ends - now <= SIGN_OFF_NOTICE:
            what = (
                f"the sign-off of {_title(record)} by {sign_off.name} expires on {_moment(ends)}, "
                f"and the gate still waits for {_listed(roles)}"
            )
            for whom in (sign_off.signer, *roles):
                key = f"sign-off:{sign_off.signer}:{sign_off.role}:{sign_off.time}:{whom}"
                yield _reminder(record, key, whom, what)


def of_owed(
    record: ReleaseRecord,
    roles: Sequence[str],
    deadline: dt.datetime,
    escalate_to: str | None,
    now: dt.datetime,
) -> Iterator[Reminder]:
    """Remind of the sign-offs that an emergency left owing: before their deadline, and past it.

    Args:
        record: A release that went live as an emergency.
        roles: The roles of which a sign-off is still owed.
        deadline: When they were to be there.
        escalate_to: Who else is told once the deadline is past.
        now: The time, with its zone.
    """
    if deadline - now > OWED_NOTICE:
        return
    state, by = ("overdue", "was owed by") if now > deadline else ("owed", "is owed by")
    emergency = f"{_title(record)} went live as an emergency: a sign-off by"
    for role in roles:
        what = f"{emergency} {role} {by} {_moment(deadline)}"
        yield _reminder(record, f"{state}:{role}", role, what)
    if now > deadline and roles and escalate_to:
        what = f"{emergency} {_listed(roles)} {by} {_moment(deadline)}, and nobody has given it"
        yield _reminder(record, "overdue", escalate_to, what)


def of_waivers(
    record: ReleaseRecord, used: Sequence[Waiver], approved_by: str, now: dt.datetime
) -> Iterator[Reminder]:
    """Remind whoever approves waivers of those that what is live rests on.

    Args:
        record: A release that is live.
        used: The waivers that its evidence used.
        approved_by: The role that approves waivers.
        now: The time, with its zone.
    """
    for waiver in used:
        left = waiver.expires - now.date()
        if left <= WAIVER_NOTICE:
            verb = "expired" if left < dt.timedelta() else "expires"
            what = (
                f"the waiver {waiver.id} {verb} on {_day(waiver.expires)}: {_title(record)}, which "
                f"is live, rests on it; it is owned by {waiver.owner}"
            )
            key = f"waiver:{waiver.id}:{waiver.expires}"
            yield _reminder(record, key, approved_by, what)


def of_keys(signers: Signers, now: dt.datetime) -> Iterator[Reminder]:
    """Remind signers of their keys that run out.

    Args:
        signers: Everyone of the trust who may sign.
        now: The time, with its zone.
    """
    today = now.date()
    for signer_id, signer in signers.signers.items():
        for key in signer.keys:
            if key.usable_on(today) and key.valid_until - today <= KEY_NOTICE:
                print_ = fingerprint(key.public)
                yield Reminder(
                    key=f"key:{signer_id}:{print_}:{key.valid_until}",
                    release=None,
                    whom=signer_id,
                    what=f"the key {print_} of {signer.name} can't sign any more after "
                    f"{_day(key.valid_until)}: enrol its successor before then",
                )


def _reminder(record: ReleaseRecord, key: str, whom: str, what: str) -> Reminder:
    return Reminder(key=f"{record.id}:{key}", release=record.id, whom=whom, what=what)


def _title(record: ReleaseRecord) -> str:
    return f"{record.product} {record.version}"


def _listed(roles: Sequence[str]) -> str:
    return " and ".join(roles)


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _moment(moment: dt.datetime) -> str:
    utc = moment.astimezone(dt.UTC)
    return f"{_day(utc.date())}, {utc:%H:%M} UTC"
