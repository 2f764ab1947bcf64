"""What tables a database server has, and how their values are read as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from clinops.domain.environment import Database
from clinops.domain.inventory import DIGESTED, LONGEST

_SHORT_BYTES: Final = 100
_CAST_AT_MOST: Final = 1_000_000
_BYTES = frozenset({"bit", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_SHAPES = frozenset({"geometry", "point", "linestring", "polygon", "geometrycollection"})

Text = sa.ColumnElement[str]


@dataclass
class Table:
    """One table: its shape, and how to select its columns as text."""

    name: str
    """As collections are called: `resources`, `audit.events`."""
    source: sa.TableClause
    columns: dict[str, str] = field(default_factory=dict)
    values: list[Text] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)

    @property
    def rows(self) -> sa.Executable:
        """Select all its rows, and none of the tables that inherit from it."""
        return (
            sa.select(*self.values)
            .select_from(self.source)
            .with_hint(self.source, "ONLY", "postgresql")
        )


def tables_of(kind: str, connection: sa.Connection) -> list[Table]:
    """Return the tables of a database, without views and sequences."""
    return _postgresql(connection) if kind == "postgresql" else _mariadb(connection)


_POSTGRESQL_TABLES = """
    SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)' ORDER BY 2, 3"""
_POSTGRESQL_COLUMNS = """
    SELECT a.attrelid, a.attname, format_type(a.atttypid, NULL),
        format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"""
_POSTGRESQL_KEYS = """
    SELECT c.conrelid, a.attname FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY k(n, place)
    JOIN pg_attribute a ON a.attnum = k.n
    WHERE c.contype = 'p' AND a.attrelid = c.conrelid ORDER BY c.conrelid, k.place"""
_POSTGRESQL_CONSTRAINTS = """
    SELECT conrelid, conname || ': ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid <> 0 AND contype <> 't'
    UNION ALL SELECT i.indrelid, c.relname || ': ' || pg_get_indexdef(c.oid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_constraint b WHERE b.conindid = c.oid AND b.contype <> 'f')
    UNION ALL SELECT tgrelid, tgname || ': ' || pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal"""


def _postgresql(connection: sa.Connection) -> list[Table]:
    def ask(query: str) -> Iterator[Any]:
        yield from connection.exec_driver_sql(query)

    found = {
        oid: Table(_qualified(schema, name), sa.table(name, schema=schema))
        for oid, schema, name in ask(_POSTGRESQL_TABLES)
    }
    for oid, column, kind, definition in ask(_POSTGRESQL_COLUMNS):
        if table := found.get(oid):
            table.columns[column] = definition
            table.values.append(_postgresql_text(column, kind))
    for oid, column in ask(_POSTGRESQL_KEYS):
        if table := found.get(oid):
            table.key.append(column)
    for oid, line in ask(_POSTGRESQL_CONSTRAINTS):
        if table := found.get(oid):
            table.constraints.append(line)
    return [*found.values(), *_large_objects(connection)]


def _postgresql_text(column: str, kind: str) -> Text:
    value: sa.ColumnClause[Any] = sa.column(column)
    text = sa.cast(value, sa.Text)
    if kind == "bytea":
        return sa.case((sa.func.octet_length(value) > _SHORT_BYTES, _sha256(value)), else_=text)
    large = sa.or_(sa.func.length(text) > LONGEST, sa.func.starts_with(text, DIGESTED))
    return sa.case((large, _sha256(sa.func.convert_to(text, "UTF8"))), else_=text)


def _sha256(data: sa.ColumnElement[Any]) -> Text:
    return sa.literal(DIGESTED) + sa.func.encode(sa.func.sha256(data), "hex")


def _large_objects(connection: sa.Connection) -> list[Table]:
    source = sa.table("pg_largeobject_metadata", schema="pg_catalog")
    oid: sa.ColumnClause[Any] = sa.column("oid")
    if connection.scalar(sa.select(sa.func.count()).select_from(source)) == 0:
        return []
    return [
        Table(
            name="pg_catalog.pg_largeobject",
            source=source,
            columns={"oid": "oid", "data": "bytea"},
            values=[sa.cast(oid, sa.Text), _sha256(sa.func.lo_get(oid))],
            key=["oid"],
        )
    ]


def _qualified(schema: str, name: str) -> str:
    return _part(name) if schema == "public" else f"{_part(schema)}.{_part(name)}"


def _part(name: str) -> str:
    """Quote a name that could be taken for that of a table in another schema."""
    return '"' + name.replace('"', '""') + '"' if "." in name or '"' in name else name


_MARIADB_COLUMNS = """
    SELECT t.table_name, c.column_name, c.data_type
    FROM information_schema.tables t JOIN information_schema.columns c
    ON c.table_schema = t.table_schema AND c.table_name = t.table_name
    WHERE t.table_schema = database() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
    ORDER BY t.table_name, c.ordinal_position"""
_MARIADB_KEYS = """
    SELECT table_name, column_name FROM information_schema.key_column_usage
    WHERE table_schema = database() AND constraint_name = 'PRIMARY'
    ORDER BY table_name, ordinal_position"""


def _mariadb(connection: sa.Connection) -> list[Table]:
    found: dict[str, Table] = {}
    quote = connection.dialect.identifier_preparer.quote_identifier
    for name, column, kind in connection.exec_driver_sql(_MARIADB_COLUMNS):
        table = found.setdefault(name, Table(_part(name), sa.table(name)))
        table.columns[column] = kind
        table.values.append(_mariadb_text(column, kind))
    for name, column in connection.exec_driver_sql(_MARIADB_KEYS):
        found[name].key.append(column)
    for name, table in found.items():
        shown = connection.exec_driver_sql(f"SHOW CREATE TABLE {quote(name)}").one()[1]
        _describe(table, [line.strip().rstrip(",") for line in shown.splitlines()[1:-1]])
    return list(found.values())


def _describe(table: Table, lines: list[str]) -> None:
    quoted = {f"`{name.replace('`', '``')}` ": name for name in table.columns}
    for line in lines:
        start = next((start for start in quoted if line.startswith(start)), None)
        if start:
            table.columns[quoted[start]] = line.removeprefix(start)
        else:
            table.constraints.append(line)


def _mariadb_text(column: str, kind: str) -> Text:
    value: sa.ColumnClause[Any] = sa.column(column)
    digest = sa.func.concat(DIGESTED, sa.func.sha2(value, 256))
    size = sa.func.octet_length(value)
    if kind in _BYTES or kind in _SHAPES or kind.startswith("multi"):
        plain = sa.func.concat("\\x", sa.func.lower(sa.func.hex(value)))
        return sa.case((size > _SHORT_BYTES, digest), else_=plain)
    # A FLOAT is written with six digits only; as a DOUBLE it is all there.
    exact = sa.cast(value, mysql.DOUBLE()) if kind == "float" else value
    text = sa.cast(exact, mysql.CHAR(charset="utf8mb4"))
    large = sa.or_(sa.func.char_length(text) > LONGEST, sa.func.left(text, 7) == DIGESTED)
    of_text = sa.func.concat(DIGESTED, sa.func.sha2(text, 256))
    # What is larger than a packet would be NULL as text.
    return sa.case((size > _CAST_AT_MOST, digest), (large, of_text), else_=text)


def address_of(database: Database, endpoint: str) -> sa.URL:
    """Return where and as whom a database is read."""
    host, _, port = endpoint.rpartition(":")
    driver = "postgresql+psycopg" if database.kind == "postgresql" else "mariadb+pymysql"
    return sa.URL.create(
        driver, database.user, database.password, host.strip("[]"), int(port), database.name
    )
