from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.gate import Counted, Reminders
from clinops.domain.outcome import State
from clinops.domain.reminder import (
    Reminder,
    of_keys,
    of_owed,
    of_sign_offs,
    of_waiting,
    of_waivers,
)
from clinops.domain.signer import Key, Signer, Signers
from clinops.domain.signoff import Meaning
from clinops.domain.waiver import Waiver
from tests.fakes.signatures import FakeSignatures

NOW = dt.datetime(2025, 6, 10, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)
PATIENCE = Reminders(after_hours=24, escalate_after_hours=72, escalate_to="medical-director")
BOTH = ("safety", "operations")


def record(since: dt.datetime = NOW) -> ReleaseRecord:
    return ReleaseRecord(
        id="pas-2.0-0123456789ab",
        product="pas",
        version="2.0",
        state=State.AWAITING_SIGN_OFF,
        since=since.isoformat(),
        release={},
    )


def whom(reminders: list[Reminder]) -> list[str]:
    assert len({reminder.key for reminder in reminders}) == len(reminders)
    return [reminder.whom for reminder in reminders]


def waiting(hours: float, roles: tuple[str, ...] = BOTH) -> list[Reminder]:
    return list(of_waiting(record(NOW - hours * HOUR), roles, PATIENCE, NOW))


@pytest.mark.parametrize(
    ("hours", "reminded"),
    [
        (0, []),
        (23.99, []),
        (24, [*BOTH]),
        (71.99, [*BOTH]),
        (72, [*BOTH, "medical-director"]),
        (1000, [*BOTH, "medical-director"]),
    ],
)
def test_whom_a_gate_waits_for_is_reminded_and_later_somebody_above(hours, reminded):
    assert whom(waiting(hours)) == reminded


def test_only_missing_roles_are_reminded_and_nobody_where_none_is():
    assert whom(waiting(80, ("safety",))) == ["safety", "medical-director"]
    assert waiting(80, ()) == []


def test_without_anybody_above_nothing_is_escalated():
    alone = PATIENCE.model_copy(update={"escalate_to": None})
    assert whom(list(of_waiting(record(NOW - 99 * HOUR), BOTH, alone, NOW))) == [*BOTH]


def test_says_what_waits_since_when_and_for_whom():
    first, _, last = waiting(72)
    assert first.what == (
        "pas 2.0 has waited at its gate since 7 June 2025, 12:00 UTC: it needs safety"
    )
    assert last.what.endswith("and still needs safety and operations")
    assert {first.release, last.release} == {"pas-2.0-0123456789ab"}


def test_the_same_reminder_keeps_its_key_and_another_release_has_another():
    keys = [reminder.key for reminder in waiting(72)]
    assert keys[:2] == [reminder.key for reminder in waiting(72)][:2]
    other = record(NOW - 72 * HOUR).model_copy(update={"id": "pas-2.1-0123456789ab"})
    assert not set(keys) & {found.key for found in of_waiting(other, BOTH, PATIENCE, NOW)}


def counted(age: dt.timedelta) -> Counted:
    return Counted.model_validate(
        {
            "signer": "joy",
            "name": "Joy",
            "role": "safety",
            "registration": None,
            "meaning": Meaning.APPROVED,
            "time": (NOW - age).isoformat(),
            "reason": "Read it.",
            "change": "normal",
            "site": None,
            "demonstration": False,
            "sequence": 9,
        }
    )


def expiring(age: dt.timedelta, roles: tuple[str, ...] = ("operations",)) -> list[Reminder]:
    return list(of_sign_offs(record(), [counted(age)], 14 * DAY, roles, NOW))


@pytest.mark.parametrize(
    ("age", "reminded"), [(12 * DAY - SECOND, []), (12 * DAY, ["joy", "operations"])]
)
def test_a_sign_off_that_expires_is_told_to_its_signer_and_to_whom_the_gate_waits_for(
    age, reminded
):
    assert whom(expiring(age)) == reminded


def test_a_sign_off_that_nothing_waits_for_may_expire():
    assert expiring(13 * DAY, ()) == []


def test_says_whose_sign_off_expires_and_when():
    first, second = expiring(13 * DAY)
    assert first.what == second.what
    assert first.what == (
        "the sign-off of pas 2.0 by Joy expires on 11 June 2025, 12:00 UTC, "
        "and the gate still waits for operations"
    )


def owed(left: dt.timedelta, roles: tuple[str, ...] = BOTH, above: str | None = "director"):
    return list(of_owed(record(), roles, NOW + left, above, NOW))


@pytest.mark.parametrize(
    ("left", "reminded"),
    [
        (DAY + SECOND, []),
        (DAY, [*BOTH]),
        (0 * DAY, [*BOTH]),
        (-SECOND, [*BOTH, "director"]),
        (-99 * DAY, [*BOTH, "director"]),
    ],
)
def test_what_an_emergency_left_owing_is_told_before_its_deadline_and_past_it(left, reminded):
    assert whom(owed(left)) == reminded


def test_before_and_past_the_deadline_are_two_reminders():
    keys = {reminder.key for left in (HOUR, -HOUR) for reminder in owed(left)}
    assert len(keys) == 5
    assert "is owed by 10 June 2025, 13:00 UTC" in owed(HOUR)[0].what
    assert "safety was owed by 10 June 2025, 11:00 UTC" in owed(-HOUR)[0].what
    assert "safety and operations" in owed(-HOUR)[2].what


def test_nothing_owed_is_nothing_told_and_nobody_above_is_nobody_told():
    assert owed(-DAY, ()) == []
    assert whom(owed(-DAY, above=None)) == [*BOTH]


def waiver(days: int) -> Waiver:
    return Waiver.model_validate(
        {
            "id": "W-001",
            "version": "2.0",
            "finding": "test-failed",
            "occurrence": "regression: test_pas.py::test_it",
            "reason": "A known defect.",
            "owner": "Sam of operations",
            "expires": NOW.date() + days * DAY,
        }
    )


@pytest.mark.parametrize(
    ("days", "told"),
    [(8, None), (7, "expires on 17 June 2025"), (0, "expires on"), (-1, "expired on 9 June 2025")],
)
def test_a_waiver_that_something_live_rests_on_is_told_in_its_last_week(days, told):
    found = list(of_waivers(record(), [waiver(days)], "safety", NOW))
    assert whom(found) == (["safety"] if told else [])
    assert all(told in one.what and "Sam of operations" in one.what for one in found)


def test_a_waiver_that_was_prolonged_is_told_anew():
    found = [one.key for days in (1, 2) for one in of_waivers(record(), [waiver(days)], "s", NOW)]
    assert len(set(found)) == 2


def signers(days: int, **changes: object) -> Signers:
    public = FakeSignatures("joy").public_key("joy")
    start = dt.date(2025, 1, 1)
    key = Key.model_validate(
        {"public": public, "valid_from": start, "valid_until": NOW.date() + days * DAY, **changes}
    )
    return Signers(schema=1, signers={"joy": Signer(name="Joy", roles=["safety"], keys=[key])})


@pytest.mark.parametrize(("days", "reminded"), [(31, []), (30, ["joy"]), (0, ["joy"]), (-1, [])])
def test_a_key_is_told_to_its_holder_in_its_last_month(days, reminded):
    assert whom(list(of_keys(signers(days), NOW))) == reminded


def test_a_revoked_key_is_not_told():
    assert list(of_keys(signers(5, revoked=dt.date(2025, 6, 1)), NOW)) == []


def test_a_key_is_no_releases_business():
    (told,) = of_keys(signers(5), NOW)
    assert told.release is None
    assert "of Joy can't sign any more after 15 June 2025" in told.what
