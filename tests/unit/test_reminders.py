from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import ChangeType, Meaning, statement_bytes
from flows.gate import prepare_sign_off, record
from flows.housekeeping import keep_house
from flows.reminders import remind
from tests.fakes.notifier import FakeNotifier
from tests.fakes.wiring import GATE, KEYS, FakeWiring, document, gate, joys_key

WAIVERS = "environments/pas/waivers.yaml"
HOURS = 3600.0
DAYS = 24 * HOURS
PATIENCE = {"after_hours": 24, "escalate_after_hours": 72, "escalate_to": "director"}


class Reminding(FakeWiring):
    """An estate whose gate reminds people, and whose messages go nowhere."""

    def __init__(self, **policy: object) -> None:
        super().__init__()
        self.notifier = FakeNotifier()
        self.commit({GATE: gate(**{"reminders": PATIENCE, **policy})})
        self.adopt()

    def told(self) -> list[str]:
        """Remind, without a problem, and say who was told something."""
        before = len(self.notifier.sent)
        assert remind(self).problems == []
        return [whom for whom, *_ in self.notifier.sent[before:]]

    def recorded(self, release: ReleaseRecord) -> list[list[str]]:
        """Say who was told something about a release, as the ledger has it."""
        entries = self.ledger.entries(release.id)
        return [entry.body["whom"] for entry in entries if entry.kind is Kind.REMINDED]


@pytest.fixture
def wiring() -> Reminding:
    return Reminding()


@pytest.fixture
def release(wiring) -> ReleaseRecord:
    return wiring.qualify(wiring.offer())


def test_a_gate_that_waits_is_told_once_and_recorded(wiring, release):
    assert wiring.told() == []
    wiring.clock.advance(24 * HOURS)
    assert wiring.told() == ["safety", "operations"]
    assert wiring.told() == []
    assert wiring.recorded(release) == [["safety"], ["operations"]]
    (_, title, text, link), _ = wiring.notifier.sent
    assert (title, link) == (
        f"ClinOps: {release.id}",
        f"{wiring.settings.gatehouse_address}/releases/{release.id}",
    )
    assert text.endswith(": it needs safety.")


def test_a_gate_that_still_waits_is_told_to_somebody_above(wiring, release):
    wiring.sign(release, "joy")
    wiring.clock.advance(72 * HOURS)
    assert wiring.told() == ["operations", "director"]
    assert wiring.told() == []


def test_a_gate_without_reminders_tells_nobody_that_it_waits():
    wiring = Reminding(reminders=None)
    wiring.qualify(wiring.offer())
    wiring.clock.advance(10 * DAYS)
    assert wiring.told() == []


def test_a_gate_that_is_open_tells_nobody(wiring):
    wiring.signed_off()
    wiring.clock.advance(13 * DAYS)
    assert wiring.told() == []


def test_a_message_that_is_lost_is_not_recorded_and_tried_again(wiring, release):
    wiring.clock.advance(24 * HOURS)
    wiring.notifier.down = {"safety"}
    done = remind(wiring)
    assert len(done.sent) == 1
    assert done.problems == ["safety: the reminder for safety was not taken"]
    assert wiring.recorded(release) == [["operations"]]
    wiring.notifier.down.clear()
    assert wiring.told() == ["safety"]


def test_a_sign_off_that_expires_is_told_while_the_gate_waits(wiring, release):
    wiring.sign(release, "joy")
    wiring.clock.advance(12 * DAYS)
    assert wiring.told() == ["joy", "operations", "operations", "director"]
    assert wiring.told() == []


def test_a_key_that_runs_out_is_told_once_with_or_without_a_release(wiring):
    soon = (wiring.clock() + dt.timedelta(days=20)).date()
    wiring.commit({"environments/signers.yaml": joys_key(valid_until=soon)})
    assert wiring.told() == ["joy"]
    wiring.qualify(wiring.offer("2.1"))
    assert wiring.told() == []


def test_what_an_emergency_left_owing_is_told_until_it_is_given():
    emergency = {"requires": [{"role": "safety"}], "owed_within_hours": 48}
    wiring = Reminding(emergency=emergency)
    release = wiring.qualify(wiring.offer())
    wiring.sign(release, "joy", change=ChangeType.EMERGENCY)
    assert wiring.promote(release) is State.LIVE
    assert wiring.told() == []
    wiring.clock.advance(24 * HOURS)
    assert wiring.told() == ["operations"]
    wiring.clock.advance(25 * HOURS)
    assert wiring.told() == ["operations", "director"]
    assert wiring.told() == []


def test_an_emergency_that_owes_nothing_any_more_is_not_told():
    wiring = Reminding(emergency={"requires": [{"role": "safety"}], "owed_within_hours": 48})
    release = wiring.qualify(wiring.offer())
    wiring.sign(release, "joy", change=ChangeType.EMERGENCY)
    wiring.promote(release)
    sign_off = prepare_sign_off(
        wiring.release(release.id), wiring, "sam", role="operations", meaning=Meaning.APPROVED,
        reason="Read it.", change=ChangeType.NORMAL, accepts={}, site=None,
    )  # fmt: skip
    record(KEYS.sign(statement_bytes(sign_off), "sam"), wiring)
    wiring.clock.advance(30 * DAYS)
    assert wiring.told() == []


def test_a_waiver_that_what_is_live_rests_on_is_told_in_its_last_week(wiring):
    waiver = {
        "id": "W-001",
        "version": "2.0",
        "finding": "test-failed",
        "occurrence": "regression: test_regression.py::test_works",
        "reason": "A known defect.",
        "owner": "Sam",
        "expires": wiring.clock().date() + dt.timedelta(days=10),
    }
    content = {"schema": 1, "product": "pas", "waivers": [waiver]}
    wiring.commit({WAIVERS: document(content)})
    wiring.approve(document=WAIVERS, item="W-001")
    wiring.suites.failing = {("regression", "2.0")}
    release = wiring.qualify(wiring.offer())
    wiring.sign(release, "joy", accepts={"PAS-001": "The waived test is the only one."})
    wiring.sign(release, "sam")
    assert wiring.promote(release) is State.LIVE
    assert wiring.told() == []
    wiring.clock.advance(3 * DAYS)
    assert wiring.told() == ["safety"]
    assert wiring.told() == []


def test_what_cannot_be_read_of_one_release_does_not_stop_the_others(wiring):
    live = wiring.signed_off()
    assert wiring.promote(live) is State.LIVE
    other = wiring.qualify(wiring.offer("3.0"))
    assert live.evidence
    wiring.alter(live.evidence, lambda data: None)
    wiring.clock.advance(24 * HOURS)
    (problem,) = remind(wiring).problems
    assert problem.startswith(live.id)
    assert wiring.recorded(wiring.release(other.id)) == [["safety"], ["operations"]]


def test_a_lost_message_does_not_stop_housekeeping(wiring, release):
    wiring.clock.advance(24 * HOURS)
    wiring.notifier.down = {"safety", "operations"}
    kept = keep_house(wiring)
    assert kept.ledger_problems == ()
    assert kept.reminded.sent == []
    assert len(kept.reminded.problems) == 2


def test_a_ledger_that_takes_no_entry_does_not_stop_housekeeping(wiring, release):
    wiring.clock.advance(24 * HOURS)
    wiring.ledger._clock = lambda: wiring.clock() - dt.timedelta(days=30)
    temporary = [key for key, (*_, lease) in wiring.replicas.frozen.items() if lease]
    kept = keep_house(wiring)
    assert len(temporary) == 1
    assert kept.removed == tuple(temporary)
    assert any("clock was set back" in problem for problem in kept.reminded.problems)
