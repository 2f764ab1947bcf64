"""Inventories of SQLite files: hostile ones, so nothing in them is trusted or run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from clinops.adapters.inventory_records import Allowance, Rows, held_bytes, held_text
from clinops.domain.inventory import Collection

HEADER: Final = b"SQLite format 3\x00"
"""What every SQLite file begins with."""
COMPANIONS: Final = ("-wal", "-journal")
"""Files beside it that hold a part of its contents."""
_MOST_BYTES_OF_A_VALUE = 64 << 20


def tables_in_file(copy: Path, allowance: Allowance) -> dict[str, Collection]:
    """Read all tables of a copy of a SQLite file, with its companions beside it.

    Raises:
        sqlite3.Error: It only looks like one, is damaged, or a value is too large.
        InfrastructureError: It takes longer than it may.
    """
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        _restrain(connection)
        connection.execute("BEGIN")
        return {name: _read(connection, name, allowance) for name in list(_tables(connection))}


def _restrain(connection: sqlite3.Connection) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES_OF_A_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
        connection.execute(f"PRAGMA {setting}")


def _tables(connection: sqlite3.Connection) -> Iterator[str]:
    # Virtual tables run code; what they hold is in their shadow tables, which are read.
    for schema, name, kind, *_ in connection.execute("PRAGMA table_list"):
        if schema == "main" and kind in {"table", "shadow"} and not name.startswith("sqlite_"):
            yield name


def _read(connection: sqlite3.Connection, name: str, allowance: Allowance) -> Collection:
    columns: dict[str, str] = {}
    key: dict[int, str] = {}
    for _, column, kind, required, default, place, _ in _ask(connection, "table_xinfo", name):
        columns[column] = kind + " NOT NULL" * required
        columns[column] += f" DEFAULT {default}" if default is not None else ""
        if place:
            key[place] = column
    constraints = list(_constraints(connection, name))
    rows = Rows(list(columns), [key[place] for place in sorted(key)], allowance)
    selected = ", ".join(_quoted(column) for column in columns)
    connection.text_factory = held_text
    for values in connection.execute(f"SELECT {selected} FROM {_quoted(name)}"):  # noqa: S608 - quoted
        rows.add([_held(value) for value in values])
    connection.text_factory = str
    return rows.collection(columns, constraints)


def _constraints(connection: sqlite3.Connection, name: str) -> Iterator[str]:
    """Yield indexes, triggers and keys; checks stand only in the text of the table."""
    query = "SELECT name, sql FROM sqlite_schema WHERE tbl_name = ? AND type <> 'table'"
    for part, text in connection.execute(query, [name]):
        if text:
            yield f"{part}: {text}"
    for _, index, _, origin, _ in list(_ask(connection, "index_list", name)):
        if origin != "c":
            columns = ", ".join(str(row[2]) for row in _ask(connection, "index_info", index))
            yield f"{'PRIMARY KEY' if origin == 'pk' else 'UNIQUE'} ({columns})"
    for _, _, table, here, there, *rules in _ask(connection, "foreign_key_list", name):
        yield f"FOREIGN KEY ({here}) REFERENCES {table} ({there}): {', '.join(rules)}"


def _ask(connection: sqlite3.Connection, pragma: str, name: str) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute(f"PRAGMA {pragma}({_quoted(name)})")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _held(value: str | bytes | float | None) -> str | None:
    if isinstance(value, bytes):
        return held_bytes(value)
    return value if value is None or isinstance(value, str) else repr(value)
