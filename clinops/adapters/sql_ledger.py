"""The ledger in a SQL database: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from clinops.adapters import sql_tables as tables
from clinops.domain.audit import Audit
from clinops.domain.ledger import (
    GENESIS,
    Anchor,
    Entry,
    Kind,
    ReleaseRecord,
    Row,
    fold_live,
    fold_release,
    live_name,
    release_of,
    stored,
    timestamp,
)
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
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._database = tables.Database(url)
        self._clock = clock

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    def append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        """Append an entry and fold it, in one transaction that excludes all other writers."""
        with self._database.writing() as connection:
            last = _last_entry(connection)
            # The clock is read under the lock: whoever waited for it comes later.
            now = timestamp(self._clock())
            entry = Entry.after(last, time=now, kind=kind, subject=subject, body=body)
            record = fold_release(_record(connection, release_of(entry)), entry)
            live = fold_live(entry)
            connection.execute(sa.insert(tables.ledger).values(entry.row()._asdict()))
            connection.execute(sa.delete(tables.head))
            head = {"id": 1, "sequence": entry.sequence, "digest": entry.digest}
            connection.execute(sa.insert(tables.head).values(head))
            if record is not None:
                _put(connection, tables.releases, record.id, stored(record))
            if live is not None:
                _put(connection, tables.live, live_name(live), stored(live))
            return entry

    def head(self) -> Anchor:
        """Return the place of the last entry; raises LedgerError where entries are missing."""
        with self._database.reading() as connection:
            last = _last_entry(connection)
        return Anchor(sequence=last.sequence if last else 0, digest=last.digest if last else GENESIS)

    def entries(self, subject: str | None = None, after: int = 0) -> Iterator[Entry]:
        """Yield entries page by page, so that no transaction stays open in between."""
        query = sa.select(tables.ledger).order_by(tables.ledger.c.sequence).limit(_PAGE)
        if subject is not None:
            query = query.where(tables.ledger.c.subject == subject)
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query.where(tables.ledger.c.sequence > after)).all()
            for found in page:
                yield Row(*found).entry()
            if len(page) < _PAGE:
                return
            after = page[-1].sequence

    def release(self, release_id: str) -> ReleaseRecord | None:
        """Return where a release stands."""
        with self._database.reading() as connection:
            return _record(connection, release_id)

    def releases(self, product: str | None = None) -> list[ReleaseRecord]:
        """Return all releases, the one that became known last first."""
        known = sa.and_(
            tables.ledger.c.subject == tables.releases.c.name,
            tables.ledger.c.kind == Kind.RELEASE_KNOWN.value,
        )
        query = (
            sa.select(tables.releases.c.record)
            .join(tables.ledger, known)
            .order_by(tables.ledger.c.sequence.desc())
        )
        with self._database.reading() as connection:
            texts = connection.scalars(query).all()
        records = [_parsed(ReleaseRecord, text) for text in texts]
        return [record for record in records if product in {None, record.product}]

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
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                yield f"the database can't be read to its end: {error.orig}"

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


def _put(connection: sa.Connection, table: sa.Table, name: str, record: str) -> None:
    connection.execute(sa.delete(table).where(table.c.name == name))
    connection.execute(sa.insert(table).values(name=name, record=record))


def _texts(connection: sa.Connection, table: sa.Table) -> dict[str, str]:
    return {found.name: found.record for found in connection.execute(sa.select(table))}


def _audited(connection: sa.Connection) -> Iterator[str]:
    audit = Audit()
    every_row = sa.select(tables.ledger).order_by(tables.ledger.c.sequence)
    streamed = connection.execute(every_row, execution_options={"yield_per": _PAGE})
    yield from chain.from_iterable(audit.follow(Row(*found)) for found in streamed)
    yield from audit.end(*_head(connection))
    yield from audit.folded(_texts(connection, tables.releases), _texts(connection, tables.live))
