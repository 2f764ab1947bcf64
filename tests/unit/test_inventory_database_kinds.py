"""What PostgreSQL, MariaDB and SQLite have each of their own, and how each may be hostile."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from clinops.adapters.inventory_records import Allowance
from clinops.adapters.sql_inventory import tables_in_database
from clinops.adapters.sqlite_inventory import tables_in_file
from clinops.domain.environment import Database
from clinops.errors import InfrastructureError
from tests.fakes.databases import Meanwhile, System
from tests.fakes.mariadb import MariaServer


def test_takes_a_type_that_writes_the_same_text_for_a_matter_of_shape(postgresql: System) -> None:
    postgresql.execute("CREATE TABLE t (id integer PRIMARY KEY, value integer)")
    postgresql.insert("t", [(1, 5)])
    (found,) = postgresql.difference("ALTER TABLE t ALTER value TYPE bigint, ALTER id TYPE bigint")[
        1:
    ]
    assert (found.kind, found.subject) == ("schema", "schema: index.t: column value")
    assert (found.before, found.after) == ("integer", "bigint")


def test_reads_all_schemas_of_postgresql_but_no_views_and_sequences(postgresql: System) -> None:
    postgresql.execute(
        "CREATE TABLE a (id serial PRIMARY KEY)",
        "CREATE VIEW v AS SELECT * FROM a",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM a",
        "CREATE SCHEMA audit CREATE TABLE events (id int)",
        'CREATE TABLE "audit.events" (id int)',
        "CREATE TABLE parted (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9)",
        "CREATE TABLE heir () INHERITS (a)",
        "INSERT INTO heir VALUES (1)",
    )
    found = {name: len(table.records) for name, table in postgresql.read().collections.items()}
    assert found == {
        "index.a": 0,
        "index.heir": 1,
        "index.part": 0,
        "index.audit.events": 0,
        'index."audit.events"': 0,
    }


def test_reads_postgresql_the_same_whatever_the_database_sets(postgresql: System) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, by interval, f float8, b bytea)",
        "INSERT INTO t VALUES (1, '2025-10-26 01:30+01', '1 day 2 h', 0.1::float8 + 0.2, '\\x00')",
        "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'",
    )
    found = postgresql.difference(
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET timezone = \"Asia/"
        "Tokyo\"'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET datestyle = german'; "
        "EXECUTE 'ALTER DATABASE ' || current_database() || ' SET bytea_output = escape'; "
        "EXECUTE 'ALTER DATABASE ' || current_database() || ' SET search_path = public, "
        "pg_catalog'; END $$"
    )
    assert found == []
    assert postgresql.read().collections["index.t"].records["1"]["f"] == "0.30000000000000004"


def test_sees_large_objects(postgresql: System) -> None:
    postgresql.execute("SELECT lo_from_bytea(4711, 'pixels')")
    (found,) = postgresql.difference("SELECT lo_put(4711, 0, 'P')")
    assert found.subject == "data: index.pg_catalog.pg_largeobject: record 4711: data"
    (gone,) = postgresql.difference("SELECT lo_unlink(4711)")
    assert gone.subject == "data: index.pg_catalog.pg_largeobject: lost"


def test_does_not_take_hidden_rows_for_no_rows(postgresql: System) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON t TO reader",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    )
    try:
        with pytest.raises(InfrastructureError, match="row-level security"):
            postgresql.as_user("reader").read()
    finally:
        postgresql.execute("DROP OWNED BY reader", "DROP ROLE reader")


def test_names_the_database_that_does_not_answer(mariadb_server: MariaServer) -> None:
    database = Database(kind="mariadb", endpoint="sql", name="none", user="x", password="hush")
    with pytest.raises(InfrastructureError, match="the database `index` can't be read") as error:
        tables_in_database("index", database, f"127.0.0.1:{mariadb_server.port}", Allowance(5))
    assert "hush" not in error.value.diagnostics()


def test_waits_for_no_lock_longer_than_it_may(postgresql: System) -> None:
    postgresql.execute("CREATE TABLE t (id int)")
    with postgresql.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE t")
        with pytest.raises(InfrastructureError, match="longer than 0"):
            postgresql.read(Allowance(0.1))


def test_hangs_up_on_a_server_that_has_stopped(postgresql: System) -> None:
    postgresql.execute("CREATE TABLE t (id int)", "CREATE TABLE u (id int)")
    postgresql.insert("t", [(1,)])
    stopped: list[int] = []

    def stop() -> None:
        query = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'"
        with postgresql.engine.connect() as other:
            stopped.append(other.exec_driver_sql(query).scalar_one())
        os.kill(stopped[0], signal.SIGSTOP)

    try:
        with pytest.raises(InfrastructureError, match="longer than 1 s"):
            postgresql.read(Meanwhile(1, stop))
    finally:
        os.kill(stopped[0], signal.SIGCONT)


def test_changes_nothing_in_what_it_reads(postgresql: System) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int)",
        "INSERT INTO t VALUES (1)",
        "CREATE FUNCTION meddle(int) RETURNS text LANGUAGE sql AS "
        "'INSERT INTO public.t VALUES (2) RETURNING $$x$$'",
        "CREATE TYPE sly AS (id int)",
        "CREATE FUNCTION as_text(sly) RETURNS text LANGUAGE sql AS 'SELECT public.meddle(1)'",
        "CREATE CAST (sly AS text) WITH FUNCTION as_text(sly)",
        "CREATE TABLE trap (it sly)",
        "INSERT INTO trap VALUES (ROW(1))",
    )
    with pytest.raises(InfrastructureError, match="read-only transaction"):
        postgresql.read()


def test_knows_values_of_mariadb_that_are_no_text(maria: System) -> None:
    maria.execute(
        "CREATE TABLE t (id int PRIMARY KEY, f float, b bit(3), u binary(2), g geometry, "
        "e enum('left', 'right'), j json, y year)",
        "INSERT INTO t VALUES (1, 1.2345678, b'101', 'ab', point(1, 2), 'left', '{}', 1999)",
    )
    found = maria.difference("UPDATE t SET f = 1.2345677, e = 'right', b = b'100', u = 'ac'")
    assert {one.subject.rpartition(" ")[2] for one in found} == {"f", "e", "b", "u"}


def test_reads_the_same_text_of_mariadb_in_another_character_set(maria: System) -> None:
    maria.execute("CREATE TABLE t (id int PRIMARY KEY, name text CHARACTER SET latin1)")
    maria.insert("t", [(1, "Müller"), (2, "ß" * 300)])
    (found,) = maria.difference("ALTER TABLE t MODIFY name text CHARACTER SET utf8mb4")
    assert found.kind == "schema"


def test_reads_what_a_sqlite_database_has_only_in_its_log(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (7)")
        copy = tmp_path / "copy"
        copy.write_bytes(path.read_bytes())
        copy.with_name("copy-wal").write_bytes((tmp_path / "live.db-wal").read_bytes())
    assert list(tables_in_file(copy, Allowance(5))["t"].records) == ["7"]


def test_keeps_sqlite_values_apart_that_have_no_type_or_no_encoding(sqlite: System) -> None:
    sqlite.execute(
        "CREATE TABLE t (id PRIMARY KEY, v) WITHOUT ROWID",
        "INSERT INTO t VALUES (1, CAST(x'ff41' AS text)), ('a', x'ff41'), (2, 0.1), (3, NULL)",
    )
    records = sqlite.read().collections["index.t"].records
    assert records["1"]["v"].startswith("sha256:")
    assert records["a"]["v"] == "\\xff41"
    assert records["2"]["v"] == "0.1"
    assert records["3"] == {"id": "3"}


def test_keeps_sqlite_rows_apart_whose_key_is_null(sqlite: System) -> None:
    sqlite.execute("CREATE TABLE t (id text PRIMARY KEY, v)", "INSERT INTO t VALUES (NULL, 1)")
    (found,) = sqlite.difference("INSERT INTO t VALUES (NULL, 2)")
    assert found.change == "added"


def test_names_keys_of_a_sqlite_table(sqlite: System) -> None:
    sqlite.execute(
        "CREATE TABLE a (id integer PRIMARY KEY, n text UNIQUE)",
        "CREATE TABLE b (a integer NOT NULL DEFAULT 1 REFERENCES a (id) ON DELETE CASCADE)",
    )
    found = sqlite.read().collections
    assert found["index.a"].constraints == ("UNIQUE (n)",)
    assert found["index.b"].constraints == (
        "FOREIGN KEY (a) REFERENCES a (id): NO ACTION, CASCADE, NONE",
    )
    assert found["index.b"].columns == {"a": "INTEGER NOT NULL DEFAULT 1"}


def test_runs_no_code_of_a_sqlite_file(sqlite: System) -> None:
    sqlite.execute(
        "CREATE VIRTUAL TABLE words USING fts5 (word)",
        "INSERT INTO words VALUES ('alta')",
    )
    found = sqlite.read().collections
    assert "index.words" not in found
    assert "index.words_content" in found


def test_refuses_a_user_who_may_not_read_everything(postgresql: System) -> None:
    postgresql.execute("CREATE TABLE t (id int)", "CREATE ROLE stranger LOGIN")
    try:
        with pytest.raises(InfrastructureError, match="permission denied for table t"):
            postgresql.as_user("stranger").read()
    finally:
        postgresql.execute("DROP ROLE stranger")


def test_reads_one_moment_while_others_write(postgresql: System, maria: System) -> None:
    for system in (postgresql, maria):
        system.execute("CREATE TABLE a (id int)", "CREATE TABLE b (id int)")
        system.insert("a", [(1,)])
        seen = system.read(Meanwhile(30, partial(system.insert, "b", [(1,)])))
        assert len(seen.collections["index.b"].records) == 0
        assert len(system.read().collections["index.b"].records) == 1
