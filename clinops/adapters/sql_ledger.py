"""The ledger in a SQL database: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from clinops.adapters import sql_tables as tables
from clinops.adapters.witness import Witness
from clinops.domain.audit import SIGNED, Audit
from clinops.domain.fold import (
    ReleaseRecord,
    ReleaseRow,
    fold_live,
    fold_release,
    live_name,
    stored,
)
from clinops.domain.ledger import GENESIS, Anchor, Entry, Kind, Row, release_of, timestamp
from clinops.domain.outcome import State
from clinops.domain.site import LiveSystem
from clinops.domain.value import Value
from clinops.errors import LedgerError
from clinops.ports import Clock

_PAGE = 500

V = TypeVar("V", bound=Value)


class SqlLedger:
    """The port `Ledger`, one transaction per write.

    Args:
        url: SQLAlchemy's address of the database.
        clock: Tells the time of entries, and when leases end.
        witness: Remembers people's signatures outside of the database.
    """

    def __init__(self, url: str, clock: Clock, witness: Witness | None = None) -> None:
        self._database = tables.Database(url)
        self._clock = clock
        self._witness = witness

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    def append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        """Append an entry and fold it, in one transaction that excludes all other writers."""
        entry = self._append(kind, subject, body)
        # Not before it is there for good: a crash in between must not look like a lost entry.
        if self._witness and entry.kind in SIGNED:
            self._witness.remember(entry)
        return entry

    def _append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        with self._database.writing() as connection:
            last = _last_entry(connection)
            # The clock is read under the lock: whoever waited for it comes later.
            now = timestamp(self._clock())
            entry = Entry.after(last, time=now, kind=kind, subject=subject, body=body)
            before = _record(connection, release_of(entry))
            record = fold_release(before, entry)
            live = fold_live(entry)
            connection.execute(sa.insert(tables.ledger).values(entry.row()._asdict()))
            connection.execute(sa.delete(tables.head))
            head = {"id": 1, "sequence": entry.sequence, "digest": entry.digest}
            connection.execute(sa.insert(tables.head).values(head))
            if record is not None and record is not before:
                _put_release(connection, record, entry)
            if live is not None:
                _put_live(connection, live)
            return entry

    def head(self) -> Anchor:
        """Return the place of the last entry; raises LedgerError where entries are missing."""
        with self._database.reading() as connection:
            last = _last_entry(connection)
        return Anchor(
            sequence=last.sequence if last else 0, digest=last.digest if last else GENESIS
        )

    def entries(self, subject: str | None = None, after: int = 0) -> Iterator[Entry]:
        """Yield entries page by page, so that no transaction stays open in between."""
        query = sa.select(tables.ledger)
        if subject is not None:
            query = query.where(tables.ledger.c.subject == subject)
        return self._pages(query, after)

    def about(self, release_id: str) -> Iterator[Entry]:
        """Yield the entries about a release in order, those about its sites included."""
        return self._pages(sa.select(tables.ledger).where(tables.ledger.c.about == release_id))

    def _pages(self, query: sa.Select[Any], after: int = 0) -> Iterator[Entry]:
        query = query.order_by(tables.ledger.c.sequence).limit(_PAGE)
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query.where(tables.ledger.c.sequence > after)).all()
            for found in page:
                yield Row(*found).entry()
            if len(page) < _PAGE:
                return
            after = page[-1].sequence

    def recent(
        self, subject: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[Entry]:
        """Return the newest entries first, before a sequence number."""
        sequence = tables.ledger.c.sequence
        query = sa.select(tables.ledger).order_by(sequence.desc()).limit(limit)
        if subject is not None:
            query = query.where(tables.ledger.c.subject == subject)
        if before is not None:
            query = query.where(sequence < before)
        with self._database.reading() as connection:
            return [Row(*found).entry() for found in connection.execute(query)]

    def last_sequence(self, subject: str) -> int:
        """Return the sequence of the last entry of a subject, 0 where there is none."""
        last = sa.func.coalesce(sa.func.max(tables.ledger.c.sequence), 0)
        query = sa.select(last).where(tables.ledger.c.subject == subject)
        with self._database.reading() as connection:
            found: int = connection.execute(query).scalar_one()
        return found

    def release(self, release_id: str) -> ReleaseRecord | None:
        """Return where a release stands."""
        with self._database.reading() as connection:
            return _record(connection, release_id)

    def releases(
        self, product: str | None = None, states: Collection[State] | None = None
    ) -> list[ReleaseRecord]:
        """Return the releases of a product in some states, the one that became known last first."""
        columns = tables.releases.c
        query = sa.select(columns.record).order_by(columns.known.desc())
        if product is not None:
            query = query.where(columns.product == product)
        if states is not None:
            query = query.where(columns.state.in_([state.value for state in states]))
        with self._database.reading() as connection:
            texts = connection.scalars(query).all()
        return [_parsed(ReleaseRecord, text) for text in texts]

    def live(self, product: str | None = None) -> list[LiveSystem]:
        """Return what is live, by product and site."""
        with self._database.reading() as connection:
            texts = connection.scalars(sa.select(tables.live.c.record)).all()
        systems = [_parsed(LiveSystem, text) for text in texts]
        found = [system for system in systems if product in {None, system.product}]
        return sorted(found, key=lambda system: (system.product, system.site))

    def problems(self) -> Iterator[str]:
        """Walk the whole ledger as it is at this moment; one sentence per problem."""
        with self._database.reading() as connection:
            try:
                yield from _audited(connection)
                yield from self._lost(connection)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                yield f"the database can't be read to its end: {error.orig}"

    def _lost(self, connection: sa.Connection) -> Iterator[str]:
        """Say which signatures were on the ledger once, and are not any more."""
        by_sequence = sa.select(tables.ledger.c.digest)
        try:
            for place in self._witness.places() if self._witness else ():
                here = tables.ledger.c.sequence == place.sequence
                if connection.scalar(by_sequence.where(here)) != place.digest:
                    yield f"entry {place.sequence} was a signature with the digest {place.digest}"
        except LedgerError as error:
            yield str(error)

    def take_lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lease; False where another holder's lease is still alive."""
        now = self._clock().timestamp()
        with self._database.writing() as connection:
            held = connection.execute(
                sa.select(tables.leases).where(tables.leases.c.name == name)
            ).one_or_none()
            if held is not None and held.holder != holder and held.until > now:
                return False
            connection.execute(sa.delete(tables.leases).where(tables.leases.c.name == name))
            lease = {"name": name, "holder": holder, "until": now + seconds}
            connection.execute(sa.insert(tables.leases).values(lease))
            return True

    def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back; nothing happens where another holder has it by now."""
        mine = sa.and_(tables.leases.c.name == name, tables.leases.c.holder == holder)
        with self._database.writing() as connection:
            connection.execute(sa.delete(tables.leases).where(mine))

    def leases(self) -> dict[str, str]:
        """Return the holders of the leases that are alive now, by lease name."""
        alive = tables.leases.c.until > self._clock().timestamp()
        with self._database.reading() as connection:
            found = connection.execute(sa.select(tables.leases).where(alive)).all()
        return {lease.name: lease.holder for lease in found}


def _head(connection: sa.Connection) -> tuple[int, str]:
    found = connection.execute(sa.select(tables.head.c.sequence, tables.head.c.digest)).first()
    return (found.sequence, found.digest) if found else (0, GENESIS)


def _last_entry(connection: sa.Connection) -> Entry | None:
    newest = sa.select(tables.ledger).order_by(tables.ledger.c.sequence.desc()).limit(1)
    found = connection.execute(newest).first()
    last = Row(*found).entry() if found else None
    # An entry on top of a lost tail would hide that it was lost.
    if _head(connection) != ((last.sequence, last.digest) if last else (0, GENESIS)):
        raise LedgerError(
            "the ledger's last entries are missing", mend="run `clinops ledger verify`"
        )
    return last


def _record(connection: sa.Connection, release_id: str | None) -> ReleaseRecord | None:
    named = sa.select(tables.releases.c.record).where(tables.releases.c.name == release_id)
    text = connection.scalar(named)
    return None if text is None else _parsed(ReleaseRecord, text)


def _parsed(model: type[V], text: str) -> V:
    try:
        return model.model_validate_json(text)
    except ValueError:
        raise LedgerError(
            "a folded row can't be read", mend="run `clinops ledger verify`"
        ) from None


def _put_release(connection: sa.Connection, record: ReleaseRecord, entry: Entry) -> None:
    row = ReleaseRow.of(record, entry.sequence)._asdict()
    if entry.kind is Kind.RELEASE_KNOWN:
        connection.execute(sa.insert(tables.releases).values(row))
        return
    del row["known"]
    named = tables.releases.c.name == record.id
    connection.execute(sa.update(tables.releases).where(named).values(row))


def _put_live(connection: sa.Connection, live: LiveSystem) -> None:
    name = live_name(live)
    connection.execute(sa.delete(tables.live).where(tables.live.c.name == name))
    connection.execute(sa.insert(tables.live).values(name=name, record=stored(live)))


def _audited(connection: sa.Connection) -> Iterator[str]:
    audit = Audit()
    every_row = sa.select(tables.ledger).order_by(tables.ledger.c.sequence)
    streamed = connection.execute(every_row, execution_options={"yield_per": _PAGE})
    for found in streamed:
        yield from audit.follow(Row(*found))
    yield from audit.end(*_head(connection))
    releases = [ReleaseRow(*found) for found in connection.execute(sa.select(tables.releases))]
    live = connection.execute(sa.select(tables.live)).all()
    yield from audit.folded(
        {row.name: row for row in releases}, {found.name: found.record for found in live}
    )
