"""Imported advisories: one SQLite file in the estate's state, looked up by package."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from clinops.domain.advisory import Advisory, AdvisorySource
from clinops.domain.vulnerability import Published
from clinops.errors import InfrastructureError

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS source (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS advisory (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS about (
    family TEXT NOT NULL,
    name TEXT NOT NULL,
    advisory INTEGER NOT NULL REFERENCES advisory ON DELETE CASCADE,
    PRIMARY KEY (family, name, advisory)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS of_source ON advisory (source);
CREATE INDEX IF NOT EXISTS of_advisory ON about (advisory);
"""


class SqliteAdvisories:
    """The port `Advisories`.

    Args:
        file: Where they are kept; made at the first import.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def replace(self, source: AdvisorySource, advisories: Iterable[Advisory]) -> None:
        """Put a source in place of what it was before: all of it, or nothing."""
        with self._opened() as database, database:
            database.execute("DELETE FROM source WHERE name = ?", (source.name,))
            database.execute("INSERT INTO source VALUES (?, ?)", (source.name, _text(source)))
            for one in advisories:
                _insert(database, source.name, one)

    def sources(self) -> list[AdvisorySource]:
        """Return every source, by name."""
        with self._opened() as database:
            found = database.execute("SELECT body FROM source ORDER BY name").fetchall()
        return [AdvisorySource.model_validate_json(body) for (body,) in found]

    def about(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], list[Published]]:
        """Return what is published about packages, by ecosystem without release, and name."""
        sources = {one.name: one for one in self.sources()}
        query = (
            "SELECT source, body FROM about JOIN advisory ON advisory = number "
            "WHERE family = ? AND name = ? ORDER BY number"
        )
        with self._opened() as database:
            return {
                name: [
                    (sources[source], Advisory.model_validate_json(body))
                    for source, body in database.execute(query, name)
                ]
                for name in {*names}
            }

    def of(self, sources: Sequence[str]) -> Iterator[Advisory]:
        """Yield all advisories of some sources."""
        with self._opened() as database:
            for source in sources:
                query = "SELECT body FROM advisory WHERE source = ? ORDER BY number"
                for (body,) in database.execute(query, (source,)):
                    yield Advisory.model_validate_json(body)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=60)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                database.executescript(_TABLES)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise InfrastructureError(f"the advisories can't be read or kept: {error}") from error


def _insert(database: sqlite3.Connection, source: str, one: Advisory) -> None:
    insert = "INSERT INTO advisory (source, body) VALUES (?, ?)"
    number = database.execute(insert, (source, _text(one))).lastrowid
    packages = {(each.ecosystem.partition(":")[0], each.name) for each in one.affected}
    rows = [(family, name, number) for family, name in sorted(packages)]
    database.executemany("INSERT INTO about VALUES (?, ?, ?)", rows)


def _text(value: Advisory | AdvisorySource) -> str:
    return value.model_dump_json()
