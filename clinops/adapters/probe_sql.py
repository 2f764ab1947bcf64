"""SQL probes: one query in a transaction that can't write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from clinops.adapters.answer_trees import MAX_TEXT, tidy
from clinops.adapters.probe_runner import Answered, NoAnswerError, door, timed
from clinops.adapters.sql_catalogue import address_of
from clinops.domain.digest import digest_bytes, digest_of
from clinops.domain.environment import Database
from clinops.domain.probe_call import SqlCall

MAX_ROWS = 10_000
_LONGEST_REASON = 300


class SqlProbes:
    """Asks the databases of one replica."""

    def __init__(self, endpoints: Mapping[str, str], databases: Mapping[str, Database]) -> None:
        """Nothing is opened before the first probe."""
        self._endpoints = endpoints
        self._databases = databases
        self._connections: dict[str, Connection] = {}

    def ask(self, call: SqlCall, values: Mapping[str, str], seconds: float) -> Answered:
        """Run a query; the rows, in the order in which they come, are the answer."""
        bound = {name: values[name] for name in call.bound if name in values}
        try:
            connection = self._connection(call.database or "", seconds)
            with connection.begin():
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                (columns, rows), milliseconds = timed(lambda: _query(connection, call, bound))
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error))[:_LONGEST_REASON]
            raise NoAnswerError(f"the database refuses: {reason}") from None
        if len(rows) > MAX_ROWS:
            raise NoAnswerError(f"the answer has more than {MAX_ROWS} rows; ask for less")
        return Answered({"columns": [*columns], "rows": _fitting(columns, rows)}, milliseconds)

    def forget(self) -> None:
        """Nothing is kept but connections."""

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()

    def _connection(self, name: str, seconds: float) -> Connection:
        if name in self._connections:
            return self._connections[name]
        if name not in self._databases:
            raise NoAnswerError(f"the environment has no database {name}")
        database = self._databases[name]
        host, port = door(self._endpoints, database.endpoint)
        engine = sqlalchemy.create_engine(
            address_of(database, f"{host}:{port}"),
            poolclass=sqlalchemy.NullPool,
            connect_args={"connect_timeout": max(1, int(seconds))},
        )
        self._connections[name] = engine.connect()
        return self._connections[name]


def _query(
    connection: Connection, call: SqlCall, bound: Mapping[str, str]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    result = connection.execute(sqlalchemy.text(call.query), bound)
    return list(result.keys()), [tuple(row) for row in result.fetchmany(MAX_ROWS + 1)]


def _fitting(columns: list[str], rows: list[tuple[Any, ...]]) -> Any:
    names = [
        name if columns.index(name) == position else f"{name}#{position}"
        for position, name in enumerate(columns)
    ]
    tree = tidy([dict(zip(names, map(_value, row), strict=True)) for row in rows])
    if len(str(tree)) <= MAX_TEXT:
        return tree
    return {"count": len(rows), "sha256": digest_of(tree)}


def _value(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"length": len(value), "sha256": digest_bytes(bytes(value))}
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value if isinstance(value, bool | int | dict | list) or value is None else str(value)
