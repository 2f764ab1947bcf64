"""The ledger's tables, and how to open a database that has them.

SQLite for one machine, PostgreSQL for a server; the same statements for both. What differs stands
here: how a write excludes all others, and how a read sees one moment.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from clinops.errors import BadInputError, InfrastructureError

REVISION = "0002"
"""The migration that this code was written for: the last one below `migrations`."""

BUSY_SECONDS = 30
"""How long a write waits for another one to end."""

_ADVISORY_LOCK = 0x636C696E6F7073
"""`clinops` in ASCII: the key of PostgreSQL's lock, which other software won't use."""

_metadata = sa.MetaData()

ledger = sa.Table(
    "ledger",
    _metadata,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("previous", sa.Text),
    sa.Column("time", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("body", sa.Text),
    sa.Column("digest", sa.Text),
    sa.Column("about", sa.Text),
)
head = sa.Table(
    "ledger_head",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.Integer),
    sa.Column("digest", sa.Text),
)
releases = sa.Table(
    "releases",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("record", sa.Text),
    sa.Column("product", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("known", sa.Integer),
)
live = sa.Table(
    "live",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("record", sa.Text),
)
leases = sa.Table(
    "leases",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text),
    sa.Column("until", sa.Double),
)


class Database:
    """One SQLite file or PostgreSQL database with the current schema."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            with self.connected():
                if self._engine.dialect.name == "sqlite":
                    _prepare_file(self._engine)
                if self._revision() != REVISION:
                    self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._engine.dispose()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that excludes every other one of these, in all processes."""
        writer = self._engine.execution_options(clinops_writes=True)
        with self.connected(), writer.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction in which every query sees the same moment."""
        with self.connected(), self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Turn what the database says into an error of ours, without its address's password."""
        try:
            yield
        except DBAPIError as error:
            where = self._engine.url.render_as_string(hide_password=True)
            raise InfrastructureError(f"the ledger at {where}: {error.orig}") from error

    def _revision(self) -> str | None:
        # NOTE: asked for here and not by Alembic, whose import takes longer than all the rest.
        with self._engine.connect() as connection:
            try:
                found: str | None = connection.scalar(
                    sa.text("SELECT version_num FROM alembic_version")
                )
            except DBAPIError:
                return None  # no such table; should it be something else, migrating will say so
            return found

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        config.set_main_option("path_separator", "os")
        with self.writing() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise InfrastructureError(
                    f"the ledger's schema can't be brought up to date: {error}",
                    mend="a newer ClinOps wrote it: install that version",
                ) from error


def _engine(address: str) -> sa.Engine:
    try:
        url = sa.make_url(address)
        engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise BadInputError(
            "the ledger's address is not a database URL that ClinOps knows",
            mend="write sqlite:////path/to/ledger.db or postgresql+psycopg://user@host/name",
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _on_connect)
        sa.event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: object) -> None:
    # NOTE: Python's driver opens transactions when it sees fit; None leaves that to `_on_begin`.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _on_begin(connection: sa.Connection) -> None:
    # A transaction that begins by reading can't wait for a writer later on: SQLite refuses it.
    writes = connection.get_execution_options().get("clinops_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_file(engine: sa.Engine) -> None:
    if not engine.url.database or engine.url.database == ":memory:":
        raise BadInputError("the ledger needs a file: a ledger in memory is none")
    Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + BUSY_SECONDS
    while not _switched_to_wal(engine):
        if time.monotonic() > deadline:
            raise InfrastructureError(f"the ledger at {engine.url.database} is locked")
        time.sleep(0.02)


def _switched_to_wal(engine: sa.Engine) -> bool:
    # NOTE: when two processes do this to a new file at once, SQLite refuses one of them at once,
    # whatever its busy timeout.
    try:
        with contextlib.closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        return False
    return True
