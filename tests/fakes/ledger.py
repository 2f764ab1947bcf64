"""The ledger in memory, and the lines that tests write into any ledger."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from threading import RLock
from typing import Any

from clinops.domain.audit import Audit
from clinops.domain.digest import canonical
from clinops.domain.fold import (
    ReleaseRecord,
    ReleaseRow,
    fold_live,
    fold_release,
    live_name,
    stored,
)
from clinops.domain.ledger import GENESIS, Anchor, Entry, Kind, release_of, timestamp
from clinops.domain.outcome import State
from clinops.domain.site import LiveSystem
from clinops.ports import Clock, Ledger

START = dt.datetime(2025, 6, 10, 12, tzinfo=dt.UTC)
EVIDENCE = "sha256:" + "e" * 64


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: dt.datetime = START) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


class FakeLedger:
    """Implements Ledger in memory, for threads of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = RLock()
        self._entries: list[Entry] = []
        self._releases: dict[str, ReleaseRecord] = {}
        self._live: dict[str, LiveSystem] = {}
        self._leases: dict[str, tuple[str, dt.datetime]] = {}

    def close(self) -> None:
        """Nothing to close."""

    def append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        with self._lock:
            last = self._entries[-1] if self._entries else None
            now = timestamp(self._clock())
            entry = Entry.after(last, time=now, kind=kind, subject=subject, body=body)
            record = fold_release(self._releases.get(release_of(entry) or ""), entry)
            live = fold_live(entry)
            self._entries.append(entry)
            if record is not None:
                self._releases[record.id] = record
            if live is not None:
                self._live[live_name(live)] = live
            return entry

    def head(self) -> Anchor:
        last = self._entries[-1] if self._entries else None
        return Anchor(
            sequence=last.sequence if last else 0, digest=last.digest if last else GENESIS
        )

    def entries(self, subject: str | None = None, after: int = 0) -> Iterator[Entry]:
        for entry in list(self._entries):
            if entry.sequence > after and subject in {None, entry.subject}:
                yield entry

    def release(self, release_id: str) -> ReleaseRecord | None:
        return self._releases.get(release_id)

    def about(self, release_id: str) -> Iterator[Entry]:
        return (entry for entry in self.entries() if release_of(entry) == release_id)

    def recent(
        self, subject: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[Entry]:
        newest_first = reversed(list(self.entries(subject)))
        found = [entry for entry in newest_first if before is None or entry.sequence < before]
        return found[:limit]

    def last_sequence(self, subject: str) -> int:
        return max((entry.sequence for entry in self.entries(subject)), default=0)

    def releases(
        self, product: str | None = None, states: Collection[State] | None = None
    ) -> list[ReleaseRecord]:
        return [
            record
            for record in reversed(list(self._releases.values()))
            if product in {None, record.product} and (states is None or record.state in states)
        ]

    def live(self, product: str | None = None) -> list[LiveSystem]:
        found = [system for system in self._live.values() if product in {None, system.product}]
        return sorted(found, key=lambda system: (system.product, system.site))

    def problems(self) -> Iterator[str]:
        audit = Audit()
        for entry in self._entries:
            yield from audit.follow(entry.row())
        last = self._entries[-1] if self._entries else None
        yield from audit.end(*((last.sequence, last.digest) if last else (0, GENESIS)))
        yield from audit.folded(
            {
                name: ReleaseRow.of(record, next(self.entries(name)).sequence)
                for name, record in self._releases.items()
            },
            {name: stored(system) for name, system in self._live.items()},
        )

    def take_lease(self, name: str, holder: str, seconds: float) -> bool:
        with self._lock:
            if self.leases().get(name, holder) != holder:
                return False
            self._leases[name] = (holder, self._clock() + dt.timedelta(seconds=seconds))
            return True

    def release_lease(self, name: str, holder: str) -> None:
        with self._lock:
            if name in self._leases and self._leases[name][0] == holder:
                del self._leases[name]

    def leases(self) -> dict[str, str]:
        now = self._clock()
        return {name: holder for name, (holder, end) in self._leases.items() if end > now}


def release_body(release_id: str, product: str = "pas", version: str = "1.2.0") -> dict[str, Any]:
    return {"release": {"id": release_id, "product": product, "version": version}}


def live_body(
    release: str | None = None, site: str = "ward", version: str = "1.2.0", product: str = "pas"
) -> dict[str, Any]:
    return {
        "product": product,
        "site": site,
        "version": version,
        "images": {"app": "sha256:" + "a" * 64},
        "commit": "1" * 40,
        "release": release,
    }


def signed_upon(ledger: object) -> dict[str, Any]:
    """Return the body of a signed entry whose statement names a place in the chain."""
    payload = b64encode(canonical({"predicate": {"ledger": ledger}})).decode()
    return {"envelope": {"payload": payload}}


def to_sign_off(ledger: Ledger, release_id: str = "pas-1", product: str = "pas") -> None:
    """Write what brings a release to the gate: three entries."""
    ledger.append(Kind.RELEASE_KNOWN, release_id, release_body(release_id, product))
    ledger.append(Kind.QUALIFICATION_STARTED, release_id, {"attempt": 1})
    ledger.append(Kind.VERDICT, release_id, {"outcome": "qualified", "evidence": EVIDENCE})


def to_live(ledger: Ledger, release_id: str = "pas-1") -> None:
    """Write a release's whole way to one site: seven entries."""
    to_sign_off(ledger, release_id)
    ledger.append(Kind.SIGNED, release_id, {"envelope": {}})
    ledger.append(Kind.DEPLOYMENT_STARTED, release_id, {"sites": ["ward"]})
    body = {"live": live_body(release_id), "release": release_id}
    ledger.append(Kind.SITE_LIVE, "pas@ward", body)
    ledger.append(Kind.DEPLOYED, release_id, {})
