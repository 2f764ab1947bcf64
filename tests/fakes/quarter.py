"""A quarter of an estate of fakes, on a real ledger: what accounts have to give account of.

Every kind of way is in it: refused and mended by the vendor, refused by the trust's own fault,
broken off, inconclusive, superseded, rejected, rolled back, an emergency, and what still waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from clinops.adapters.sql_ledger import SqlLedger
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signed import ChangeType
from flows.reconcile import reconcile, reopen
from tests.fakes.wiring import FIRST, GATE, MANIFEST, SMOKE, FakeWiring, document, gate, manifest

DAY, HOUR, MINUTE = 86_400, 3_600, 60
QUICK = gate(emergency={"requires": [{"role": "safety"}], "owed_within_hours": 72})


AGREEMENT = document(
    {
        "schema": 1,
        "vendor": "acme",
        "since": dt.date(2025, 6, 1),
        "until": dt.date(2025, 8, 31),
        "fee": "a month of the maintenance contract",
        "most_percent": 12,
        "targets": [
            {"measure": "first-time-qualification", "target": 60, "credit_percent": 3},
            {"measure": "undeclared-differences", "target": 0.5, "reward_percent": 1.5},
            {"measure": "days-to-fix", "target": 3, "credit_percent": 10},
            {"measure": "clock-kept", "target": 100, "reward_percent": 2},
            {"measure": "notice-given", "target": 7, "credit_percent": 1},
            {"measure": "days-to-verdict", "target": 0.5, "credit_percent": 4},
            {"measure": "days-to-sign-off", "target": 1, "credit_percent": 2},
        ],
    }
)
ACCEPTANCE = document(
    {
        "schema": 1,
        "vendor": "acme",
        "agreement": sha256(AGREEMENT).hexdigest(),
        "accepted_by": "Wile E., head of service",
    }
)


@contextmanager
def quarter(root: Path) -> Iterator[tuple[FakeWiring, Path]]:
    """Make the estate and play the quarter; yield it with the file of its ledger."""
    path = root / "ledger.db"
    wiring = FakeWiring(root)
    with closing(SqlLedger(f"sqlite:///{path}", wiring.clock)) as ledger:
        wiring.ledger = ledger  # type: ignore[assignment]
        wiring.adopt()
        wiring.commit({GATE: QUICK, "vendor_manifests/acme/agreement.yaml": AGREEMENT})
        wiring.commit({"vendor_manifests/acme/acceptance.yaml": ACCEPTANCE}, "acme")
        _Player(wiring).play()
        yield wiring, path


class _Player:
    def __init__(self, wiring: FakeWiring) -> None:
        self.wiring, self.clock = wiring, wiring.clock

    def play(self) -> None:
        self._june()
        self._july()
        self._august()

    def _june(self) -> None:
        # Refused, then mended by the vendor, and live in the ordinary way.
        self.wiring.suites.failing = {("smoke", "2.0")}
        self.tested(self.pushed("2.0", kind="upgrade", deadline="2025-06-25"))
        self.clock.advance(4 * DAY)
        mended = self.tested(self.pushed("2.1", deadline="2025-06-25"))
        self.live(mended, after=6 * HOUR)

    def _july(self) -> None:
        self.clock.advance(16 * DAY)
        # Goes live at no site; what mends it is refused first, by a suite of the trust's own.
        broken = self.tested(self.pushed("3.0"))
        self.wiring.fail_at_sites("3.0", FIRST)
        self.live(broken, after=2 * DAY)
        self.clock.advance(3 * DAY)
        self.wiring.suites.failing = {("smoke", "3.1")}
        self.tested(self.pushed("3.1", kind="patch"))
        self.wiring.suites.failing = set()
        self.clock.advance(DAY)
        self.wiring.commit({SMOKE: b"def test_smoke(): 'mended'\n"})
        self.live(self.tested(self.taken_in()), after=DAY)
        # The emergency that shows that it should not have.
        self.clock.advance(5 * DAY)
        self.emergency(self.tested(self.pushed("3.2", kind="security-patch")))

    def _august(self) -> None:
        self.clock.advance(12 * DAY)
        # Breaks off, is tried again, and is overtaken while it waits for people.
        first = self.pushed("4.0")
        self.wiring.ledger.append(
            Kind.QUALIFICATION_STARTED, first.id, {"attempt": 1, "holder": "test"}
        )
        self.clock.advance(HOUR)
        self.wiring.ledger.append(
            Kind.QUALIFICATION_ERRORED, first.id, {"attempt": 1, "reason": "disk full"}
        )
        self.tested(self.wiring.release(first.id))
        self.clock.advance(2 * DAY)
        # Inconclusive first, then live after another try.
        second = self.pushed("4.1", deadline="2025-08-05")
        self.wiring.suites.crashing = {("smoke", "4.1")}
        self.tested(second)
        self.wiring.suites.crashing = set()
        self.clock.advance(DAY)
        reopen(self.wiring.release(second.id), "joy", "the noise is explained", self.wiring)
        self.live(self.tested(self.wiring.release(second.id)), after=3 * HOUR)
        self.clock.advance(DAY)
        # Rejected by a person; then refused, and not mended yet.
        rejected = self.tested(self.pushed("5.0"))
        self.clock.advance(2 * HOUR)
        self.wiring.ledger.append(Kind.REJECTED, rejected.id, {"envelope": {}})
        self.clock.advance(2 * DAY)
        self.wiring.suites.failing = {("smoke", "5.1")}
        self.tested(self.pushed("5.1"))
        self.clock.advance(7 * DAY)

    def pushed(self, version: str, **offer: Any) -> ReleaseRecord:
        """Push a version as the vendor does; it is taken in a minute later."""
        live = next(iter(self.wiring.live_versions().values()))
        self.wiring.commit({MANIFEST: manifest(version, supersedes=live, **offer)}, "acme")
        return self.taken_in()

    def taken_in(self) -> ReleaseRecord:
        self.clock.advance(MINUTE)
        (release,) = reconcile(self.wiring).known
        return self.wiring.release(release)

    def tested(self, release: ReleaseRecord) -> ReleaseRecord:
        """Have it wait for a run for ten minutes, and be tested for five minutes a suite."""
        self.clock.advance(10 * MINUTE)
        self.wiring.suites.meanwhile = lambda replica: self.clock.advance(5 * MINUTE)
        tested = self.wiring.qualify(release)
        self.wiring.suites.meanwhile = lambda replica: None
        return tested

    def live(self, release: ReleaseRecord, after: float) -> None:
        """Have two people sign one after the other, and promote it an hour later."""
        for who in ("joy", "sam"):
            self.clock.advance(after / 2)
            self.wiring.sign(release, who)
        self.clock.advance(HOUR)
        self.wiring.promote(self.wiring.release(release.id))

    def emergency(self, release: ReleaseRecord) -> None:
        """Have one person sign, promote it, and have the other one sign what is owed."""
        self.clock.advance(30 * MINUTE)
        self.wiring.sign(release, "joy", change=ChangeType.EMERGENCY)
        self.clock.advance(5 * MINUTE)
        assert self.wiring.promote(self.wiring.release(release.id)) is State.LIVE
        self.clock.advance(DAY)
        self.wiring.ledger.append(Kind.SIGNED, release.id, {"envelope": {}, "owed": None})
