"""Inventories of database servers, read table by table without knowing what they mean."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import sqlalchemy as sa

from clinops.adapters.inventory_records import Allowance, Rows
from clinops.adapters.sql_catalogue import Table, address_of, tables_of
from clinops.domain.environment import Database
from clinops.domain.inventory import Collection
from clinops.errors import InfrastructureError

_AT_ONCE = 1000
_CONNECT_SECONDS = 10


def tables_in_database(
    name: str, database: Database, endpoint: str, allowance: Allowance
) -> dict[str, Collection]:
    """Read all tables of a database at one moment, without changing anything.

    Args:
        name: What its tables are listed under.
        database: What it is and who may read it.
        endpoint: Where it listens, `address:port`.
        allowance: What that may take.

    Raises:
        InfrastructureError: It does not answer, or not all of it can be read.
    """
    try:
        with _reading(address_of(database, endpoint), database.kind, allowance) as connection:
            tables = tables_of(database.kind, connection)
            return {f"{name}.{table.name}": _read(table, connection, allowance) for table in tables}
    except (sa.exc.SQLAlchemyError, UnicodeDecodeError, OSError) as error:
        allowance.check()
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise InfrastructureError(
            f"the database `{name}` can't be read: {reason}",
            mend="its user must be allowed to read every table; look at the server's log",
        ) from error


def _read(table: Table, connection: sa.Connection, allowance: Allowance) -> Collection:
    rows = Rows(list(table.columns), table.key, allowance)
    with connection.execute(table.rows) as result:
        for values in result:
            rows.add(values)
    return rows.collection(table.columns, table.constraints)


@contextmanager
def _reading(address: sa.URL, kind: str, allowance: Allowance) -> Iterator[sa.Connection]:
    """Open a transaction that sees one moment and can't write, and cut it off in time."""
    postgresql = kind == "postgresql"
    arguments = _postgresql_arguments if postgresql else _mariadb_arguments
    engine = sa.create_engine(
        address, poolclass=sa.NullPool, connect_args=arguments(allowance.seconds)
    )
    with engine.connect() as plain:
        connection = plain.execution_options(
            stream_results=True,
            max_row_buffer=_AT_ONCE,
            isolation_level="REPEATABLE READ",
            **({"postgresql_readonly": True} if postgresql else {}),
        )
        if not postgresql:
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        with _cut_off(connection, allowance.seconds) if postgresql else nullcontext():
            yield connection


def _postgresql_arguments(seconds: float) -> dict[str, Any]:
    """Settle all that a database could set otherwise and that its values' text depends on.

    Row security is off: a policy that hides rows then is an error, not a smaller table.
    """
    settings = {
        "statement_timeout": f"{seconds * 1000:.0f}",
        "lock_timeout": f"{seconds * 1000:.0f}",
        "search_path": "pg_catalog",
        "row_security": "off",
        "timezone": "UTC",
        "datestyle": "ISO,YMD",
        "intervalstyle": "iso_8601",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        "lc_monetary": "C",
    }
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "client_encoding": "UTF8",
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


def _mariadb_arguments(seconds: float) -> dict[str, Any]:
    settings = f"time_zone = '+00:00', sql_mode = '', max_statement_time = {seconds:.0f}"
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": seconds,
        "charset": "utf8mb4",
        "init_command": f"SET SESSION {settings}",
    }


@contextmanager
def _cut_off(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """Hang up when the time is over: a server that has stopped enforces no limit of its own."""
    driver: Any = connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.fileno())) as line:

        def hang_up() -> None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds + 1, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
