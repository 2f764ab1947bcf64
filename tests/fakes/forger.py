"""Somebody who can write to the ledger's database, and knows exactly how ClinOps does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from clinops.domain.fold import (
    ReleaseRecord,
    ReleaseRow,
    fold_live,
    fold_release,
    live_name,
    stored,
)
from clinops.domain.ledger import Entry, Kind, Row, release_of
from clinops.domain.site import LiveSystem

_EVERY_ROW = (
    "SELECT sequence, previous, time, kind, subject, body, digest, about FROM ledger"
    " ORDER BY sequence"
)
_TRIGGERS = ("ledger_keeps_entries", "ledger_loses_nothing")


class Line(NamedTuple):
    """What an entry says, without its place in the chain."""

    time: str
    kind: Kind
    subject: str
    body: dict[str, Any]


class Forger:
    """Edits a SQLite ledger past its triggers."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def execute(self, *statements: str) -> None:
        """Run statements, with nothing in their way."""
        with closing(sqlite3.connect(self._database)) as connection, connection:
            for name in _TRIGGERS:
                connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            for statement in statements:
                connection.execute(statement)

    def rewrite(self, change: Callable[[list[Line]], Sequence[Line]]) -> None:
        """Rewrite history: every digest, the head and the folded tables are right again."""
        with closing(sqlite3.connect(self._database)) as connection:
            rows = connection.execute(_EVERY_ROW).fetchall()
        was = [Row(*row).entry() for row in rows]
        chain = _chain(change([Line(e.time, e.kind, e.subject, e.body) for e in was]))
        self.execute("DELETE FROM ledger", "DELETE FROM releases", "DELETE FROM live")
        self._write(chain)

    def _write(self, chain: Sequence[Entry]) -> None:
        releases: dict[str, tuple[ReleaseRecord, int]] = {}
        live: dict[str, LiveSystem] = {}
        for entry in chain:
            name = release_of(entry) or ""
            before, known = releases.get(name, (None, entry.sequence))
            if record := fold_release(before, entry):
                releases[name] = record, known
            if system := fold_live(entry):
                live[live_name(system)] = system
        last = chain[-1]
        with closing(sqlite3.connect(self._database)) as connection, connection:
            put = connection.executemany
            put(
                "INSERT INTO ledger (sequence, previous, time, kind, subject, body, digest, about)"
                " VALUES (?,?,?,?,?,?,?,?)",
                [entry.row() for entry in chain],
            )
            put(
                "INSERT INTO releases (name, record, product, state, known) VALUES (?,?,?,?,?)",
                [ReleaseRow.of(*one) for one in releases.values()],
            )
            put(
                "INSERT INTO live (name, record) VALUES (?,?)",
                [(name, stored(system)) for name, system in live.items()],
            )
            connection.execute(
                "UPDATE ledger_head SET sequence = ?, digest = ?", (last.sequence, last.digest)
            )


def _chain(lines: Sequence[Line]) -> list[Entry]:
    chain: list[Entry] = []
    for line in lines:
        chain.append(Entry.after(chain[-1] if chain else None, **line._asdict()))
    return chain
