from __future__ import annotations

import socket
import subprocess
import threading

import pytest

from clinops.adapters import leases
from clinops.adapters.leases import HeldLease, holder
from clinops.errors import InfrastructureError, LeaseLostError
from tests.fakes.ledger import FakeClock, FakeLedger


class RenewedLedger(FakeLedger):
    """A ledger that counts how often a lease is taken, and may be away."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.taken = 0
        self.away = False
        self.asked = threading.Event()

    def take_lease(self, name: str, holder: str, seconds: float) -> bool:
        self.taken += 1
        self.asked.set()
        if self.away:
            raise InfrastructureError("the database is locked")
        return super().take_lease(name, holder, seconds)

    def asked_again(self) -> None:
        """Wait until a lease is taken once more."""
        self.asked.clear()
        assert self.asked.wait(5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock, monkeypatch) -> RenewedLedger:
    monkeypatch.setattr(leases, "SECONDS", 0.04)
    return RenewedLedger(clock)


def threads_of_leases() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("lease ")]


def test_is_given_back_at_the_end_of_the_block(ledger):
    with HeldLease(ledger, "qualify:pas-1", "me"):
        assert ledger.leases() == {"qualify:pas-1": "me"}
    assert ledger.leases() == {}
    assert threads_of_leases() == []


def test_is_given_back_when_the_block_fails(ledger):
    with pytest.raises(ZeroDivisionError), HeldLease(ledger, "x", "me"):
        raise ZeroDivisionError
    assert ledger.leases() == {}
    assert threads_of_leases() == []


def test_is_renewed_while_the_block_runs(ledger, clock):
    with HeldLease(ledger, "x", "me") as lease:
        for _ in range(3):
            clock.advance(0.03)
            ledger.asked_again()
            ledger.asked_again()  # the one before it may have begun before the clock moved
            assert ledger.leases() == {"x": "me"}
        lease.ensure()


def test_another_holder_is_not_let_in(ledger):
    with (
        HeldLease(ledger, "x", "me"),
        pytest.raises(LeaseLostError, match="x: another process is at work on it"),
        HeldLease(ledger, "x", "you"),
    ):
        raise AssertionError
    assert threads_of_leases() == []


def test_another_name_is_another_lease(ledger):
    with HeldLease(ledger, "x", "me"), HeldLease(ledger, "y", "you"):
        assert ledger.leases() == {"x": "me", "y": "you"}


def taken_over(ledger: RenewedLedger, clock: FakeClock) -> None:
    """Let the lease run out, as in a machine that was suspended, and another take it."""
    ledger._leases.clear()
    assert FakeLedger.take_lease(ledger, "x", "you", 1000)


def test_a_lost_lease_is_noticed_and_not_given_back(ledger, clock):
    with HeldLease(ledger, "x", "me") as lease:
        taken_over(ledger, clock)
        with pytest.raises(LeaseLostError, match="lost to another process"):
            lease.ensure()
    assert ledger.leases() == {"x": "you"}


def test_what_was_lost_stays_lost_though_the_other_has_finished(ledger, clock):
    with HeldLease(ledger, "x", "me") as lease:
        taken_over(ledger, clock)
        threads = threads_of_leases()
        for thread in threads:
            thread.join(5)
        ledger.release_lease("x", "you")
        with pytest.raises(LeaseLostError):
            lease.ensure()


def test_a_database_that_is_away_for_a_moment_loses_nothing(ledger):
    with HeldLease(ledger, "x", "me") as lease:
        ledger.away = True
        ledger.asked_again()
        ledger.away = False
        ledger.asked_again()
        lease.ensure()
        assert ledger.leases() == {"x": "me"}


def test_a_holder_names_the_estate_first_and_is_never_the_same_twice():
    first, second = holder("0123456789ab"), holder("0123456789ab")
    assert first.startswith("0123456789ab:")
    assert first != second


def test_a_local_check_is_alive_while_its_process_is():
    mine = leases.holder(leases.LOCAL)
    assert leases.local_alive(mine)
    assert leases.local_alive("0123456789ab:elsewhere:1:x")
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert not leases.local_alive(f"local:{socket.gethostname()}:{gone.pid}:x")
    assert leases.local_alive(f"local:another-host:{gone.pid}:x")
    assert not leases.local_alive(f"local:{socket.gethostname()}:not-a-pid:x")
