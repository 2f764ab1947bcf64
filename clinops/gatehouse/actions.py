"""Required actions: what waits for whom, since when, and what expires next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clinops.domain.calendar import Freeze
from clinops.domain.dossier import Dossier
from clinops.domain.fold import ReleaseRecord
from clinops.domain.line import Stop
from clinops.domain.outcome import State
from clinops.gatehouse.live import UNDER_WAY
from clinops.gatehouse.reader import LIST_SECONDS, Reader

PAGE = 50
"""Lines of one page of any list."""

_SOON = dt.timedelta(days=30)
"""How far ahead the page looks."""


@dataclass(frozen=True)
class Waiting:
    """One release that people must act on."""

    dossier: Dossier
    since: dt.datetime
    missing: tuple[str, ...]
    deadline: dt.datetime | None = None
    overdue: bool = False

    @property
    def record(self) -> ReleaseRecord:
        """Where the release stands."""
        return self.dossier.record


@dataclass(frozen=True)
class Expiry:
    """Something that ends on a day, and whose business it is."""

    on: dt.date
    what: str
    whose: str
    address: str = ""


@dataclass(frozen=True)
class Actions:
    """The front page."""

    owed: tuple[Waiting, ...]
    """Emergencies whose missing sign-offs are still owed; overdue ones first."""
    waiting: tuple[Waiting, ...]
    """One page of what waits at a gate; what has waited longest comes first."""
    number_waiting: int
    under_way: tuple[ReleaseRecord, ...]
    number_under_way: int
    stopped: tuple[tuple[str, Stop], ...]
    """Products whose line is stopped, and by whom."""
    freezes: tuple[Freeze, ...]
    """Those in force, and those to come."""
    expiring: tuple[Expiry, ...]


def required_actions(reader: Reader, number: int) -> Actions:
    """Find what people must do; `number` is the page of the gate's list, from 1."""
    ledger = reader.wiring.ledger
    awaiting = ledger.releases(states={State.AWAITING_SIGN_OFF})
    awaiting.sort(key=lambda record: record.since)
    shown = awaiting[(number - 1) * PAGE :][:PAGE]
    waiting = [_at_gate(reader.dossier(one, LIST_SECONDS)) for one in shown]
    under_way = ledger.releases(states=UNDER_WAY)
    stops = [(product, reader.stop(product)) for product in reader.estate().products]
    return Actions(
        owed=tuple(sorted(_owed(reader), key=lambda one: (not one.overdue, one.since))),
        waiting=tuple(waiting),
        number_waiting=len(awaiting),
        under_way=tuple(under_way[:PAGE]),
        number_under_way=len(under_way),
        stopped=tuple((product, stop) for product, stop in stops if stop),
        freezes=tuple(reader.freezes()[:PAGE]),
        expiring=expiring(reader, waiting)[:PAGE],
    )


def _at_gate(dossier: Dossier) -> Waiting:
    since = dt.datetime.fromisoformat(dossier.record.since)
    missing = dossier.gate.missing if dossier.gate else dossier.problems
    return Waiting(dossier, since, missing)


def _owed(reader: Reader) -> Iterator[Waiting]:
    for record in reader.emergencies():
        dossier = reader.dossier(record, LIST_SECONDS)
        owed = dossier.gate.owed if dossier.gate else None
        if owed is not None and owed.missing:
            since, deadline = map(dt.datetime.fromisoformat, (record.since, owed.deadline))
            overdue = deadline < reader.wiring.clock()
            yield Waiting(dossier, since, owed.missing, deadline, overdue)


def expiring(reader: Reader, waiting: Sequence[Waiting]) -> tuple[Expiry, ...]:
    """Return what ends within a month, the first first: sign-offs, waivers, keys."""
    limit = reader.wiring.clock().date() + _SOON
    found = [*_sign_offs(waiting), *_waivers(reader), *_keys(reader)]
    return tuple(sorted((one for one in found if one.on <= limit), key=lambda one: one.on))


def _sign_offs(waiting: Sequence[Waiting]) -> Iterator[Expiry]:
    for one in waiting:
        if one.dossier.valid_until and one.dossier.gate:
            what = f"The first sign-off of {one.record.product} {one.record.version}"
            names = dict.fromkeys(counted.name for counted in one.dossier.gate.counted)
            address = f"/releases/{one.record.id}"
            yield Expiry(one.dossier.valid_until.date(), what, ", ".join(names), address)


def _waivers(reader: Reader) -> Iterator[Expiry]:
    for product in reader.estate().products:
        for waiver in reader.waivers(product):
            what = f"The waiver {waiver.id} of {product} {waiver.version}"
            yield Expiry(waiver.expires, what, waiver.owner, f"/systems/{product}")


def _keys(reader: Reader) -> Iterator[Expiry]:
    today = reader.wiring.clock().date()
    for signer in reader.estate().signers().signers.values():
        for key in signer.keys:
            if key.usable_on(today):
                yield Expiry(key.valid_until, "A key to sign with", signer.name)
