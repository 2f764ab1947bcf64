"""The ledger in real databases: opened by many processes, attacked by whoever has the file."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from clinops.adapters import migrations, sql_tables
from clinops.adapters.sql_ledger import SqlLedger
from clinops.domain.fold import live_name, stored
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.errors import BadInputError, InfrastructureError, LedgerError
from tests.fakes.ledger import (
    FakeClock,
    FakeLedger,
    live_body,
    release_body,
    to_live,
    to_sign_off,
)

LEDGER = sql_tables.ledger

S = TypeVar("S", sa.Update, sa.Delete)


def _entry(statement: S, sequence: int) -> S:
    return statement.where(LEDGER.c.sequence == sequence)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def ledger(database) -> Iterator[SqlLedger]:
    """A ledger of nine entries: one release live, another known, a system adopted."""
    opened = SqlLedger(database, FakeClock())
    to_live(opened)
    opened.append(Kind.RELEASE_KNOWN, "pas-2", release_body("pas-2"))
    opened.append(Kind.SYSTEM_ADOPTED, "lab@ward", {"live": live_body(product="lab")})
    yield opened
    opened.close()


@pytest.fixture
def attack(ledger, database):
    """Run statements as somebody who has the database and takes the triggers off first."""

    def statements(*lines: str | sa.Executable) -> list[str]:
        engine = sa.create_engine(database)
        if engine.dialect.name == "sqlite":
            off = ["DROP TRIGGER ledger_keeps_entries", "DROP TRIGGER ledger_loses_nothing"]
        else:
            off = ["DROP TRIGGER ledger_keeps_entries ON ledger"]
        with engine.begin() as connection:
            for line in [*off, *lines]:
                connection.execute(sa.text(line) if isinstance(line, str) else line)
        engine.dispose()
        return list(ledger.problems())

    return statements


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger SET time = 'x'", "DELETE FROM ledger WHERE sequence = 9"]
)
def test_the_database_itself_refuses_to_change_an_entry(ledger, database, statement):
    engine = sa.create_engine(database)
    with (
        pytest.raises(sa.exc.DBAPIError, match="the ledger is append-only"),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql(statement)
    engine.dispose()
    assert list(ledger.problems()) == []


@pytest.mark.parametrize(
    ("sequence", "column"),
    [
        *((5, column) for column in ("previous", "time", "kind", "subject", "body", "digest")),
        (5, "about"),
        (1, "digest"),
        (9, "digest"),
    ],
)
def test_an_edited_entry_is_named(attack, sequence, column):
    problems = attack(_entry(sa.update(LEDGER), sequence).values({column: "x"}))
    assert any(f"entry {sequence}" in problem for problem in problems)


def test_an_entry_edited_with_care_is_named(attack):
    body = json.dumps({"outcome": "refused", "evidence": "sha256:" + "e" * 64})
    problems = attack(_entry(sa.update(LEDGER), 3).values(body=body))
    assert "entry 3 was changed after it was written" in problems


@pytest.mark.parametrize("sequence", [1, 5])
def test_a_deleted_entry_is_named(attack, sequence):
    problems = attack(_entry(sa.delete(LEDGER), sequence))
    missing = f"entry {sequence} is missing: entry {sequence + 1} is in its place"
    assert missing in problems


def test_a_deleted_tail_is_named(attack):
    problems = attack("DELETE FROM ledger WHERE sequence = 9")
    assert "the ledger ends at entry 8, but its head is entry 9" in problems


def test_a_ledger_that_lost_its_tail_takes_no_more_entries(attack, ledger):
    attack("DELETE FROM ledger WHERE sequence = 9")
    with pytest.raises(LedgerError, match="last entries are missing"):
        ledger.append(Kind.RELEASE_KNOWN, "pas-3", release_body("pas-3"))


def test_a_ledger_that_lost_its_tail_has_no_head_to_sign_upon(attack, ledger):
    attack("DELETE FROM ledger WHERE sequence = 9")
    with pytest.raises(LedgerError, match="last entries are missing"):
        ledger.head()


def test_an_emptied_ledger_is_found(attack):
    problems = attack("DELETE FROM ledger")
    assert "the ledger ends at entry 0, but its head is entry 9" in problems


@pytest.mark.parametrize(
    "statement", ["DELETE FROM ledger_head", "UPDATE ledger_head SET digest='x'"]
)
def test_a_forged_head_is_found(attack, statement):
    assert any("the ledger ends at entry 9" in problem for problem in attack(statement))


def test_two_entries_swapped_are_both_named(attack):
    problems = attack(
        "UPDATE ledger SET sequence = 99 WHERE sequence = 4",
        "UPDATE ledger SET sequence = 4 WHERE sequence = 5",
        "UPDATE ledger SET sequence = 5 WHERE sequence = 99",
    )
    assert "entry 4 does not follow the one before it" in problems
    assert "entry 5 was changed after it was written" in problems


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM releases WHERE name = 'pas-1'", "release pas-1 is missing"),
        (
            "INSERT INTO releases (name, record) VALUES ('pas-9', '{}')",
            "release pas-9 is in the folded table, but",
        ),
        ("UPDATE releases SET name = 'pas-3' WHERE name = 'pas-2'", "release pas-2 is missing"),
        (
            "UPDATE releases SET record = replace(record, 'known', 'live') WHERE name = 'pas-2'",
            "the folded row of the release pas-2 says something else",
        ),
        (
            "UPDATE releases SET record = 'no JSON' WHERE name = 'pas-2'",
            "the folded row of the release pas-2 says something else",
        ),
        ("DELETE FROM live", "live system pas@ward is missing"),
        (
            "UPDATE live SET record = replace(record, '1.2.0', '1.1.0') WHERE name = 'pas@ward'",
            "the folded row of the live system pas@ward says something else",
        ),
        *(
            (
                f"UPDATE releases SET {change} WHERE name = 'pas-2'",  # noqa: S608
                "the release pas-2 is filed under something else than its entries say",
            )
            for change in (
                "product = 'lab'",
                "product = NULL",
                "state = 'live'",
                "state = 'Known'",
                "known = known + 1",
                "known = NULL",
            )
        ),
    ],
)
def test_a_folded_row_edited_by_hand_is_named(attack, statement, said):
    assert any(said in problem for problem in attack(statement))


def test_a_folded_row_that_nobody_can_read_is_no_traceback(attack, ledger):
    attack("UPDATE releases SET record = 'no JSON' WHERE name = 'pas-2'")
    with pytest.raises(LedgerError, match="can't be read") as caught:
        ledger.release("pas-2")
    assert "clinops ledger verify" in caught.value.diagnostics()


def test_bytes_that_are_no_text_end_the_audit_with_a_problem(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db", FakeClock())
    to_sign_off(ledger)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/ledger.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_keeps_entries")
        connection.exec_driver_sql("UPDATE ledger SET body = CAST(x'ff' AS TEXT)")
    engine.dispose()
    [problem] = ledger.problems()
    assert "can't be read to its end" in problem
    ledger.close()


def test_entries_are_read_page_by_page_while_others_write(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db", FakeClock())
    to_sign_off(ledger)
    for _ in range(500):
        ledger.append(Kind.PROMOTION_REFUSED, "pas-1", {})
    seen = 0
    for seen, entry in enumerate(ledger.entries(), start=1):
        assert entry.sequence == seen
        if seen == 5:
            ledger.append(Kind.SIGNED, "pas-1", {})
    assert seen == 504
    ledger.close()


def _append_some(job: tuple[str, int]) -> bool:
    address, worker = job
    ledger = SqlLedger(address, now)
    try:
        for number in range(4):
            name = f"pas-{worker}-{number}"
            ledger.append(Kind.RELEASE_KNOWN, name, release_body(name))
        return ledger.take_lease("work", str(worker), 60)
    finally:
        ledger.close()


def test_processes_may_open_a_new_database_and_write_to_it_at_once(database):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        leases = list(pool.map(_append_some, [(database, worker) for worker in range(4)]))
    ledger = SqlLedger(database, now)
    assert len(ledger.releases()) == 16
    assert list(ledger.problems()) == []
    assert leases.count(True) == 1
    ledger.close()


def test_waits_for_whoever_holds_the_file_when_it_is_opened_first(tmp_path):
    holder = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    letting_go = threading.Timer(0.3, holder.close)
    letting_go.start()
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db", now)
    letting_go.join()
    assert list(ledger.problems()) == []
    ledger.close()


def test_says_that_a_file_is_locked_for_good(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_tables, "BUSY_SECONDS", 0)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as one:
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InfrastructureError, match="is locked"):
            SqlLedger(f"sqlite:///{tmp_path}/ledger.db", now)


def test_opening_a_current_ledger_takes_no_time(database):
    SqlLedger(database, now).close()
    began = time.process_time()  # the processor's time: other work on the machine does not count
    ledger = SqlLedger(database, now)
    took = time.process_time() - began
    assert list(ledger.entries()) == []
    ledger.close()
    assert took < 0.05


def test_the_code_was_written_for_the_last_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [sql_tables.REVISION]


def _migrated_to(revision: str, database: str) -> sa.Engine:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    if database.startswith("sqlite:///"):
        Path(database.removeprefix("sqlite:///")).parent.mkdir()
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def test_a_ledger_of_the_first_revision_is_brought_up_to_date_with_its_rows(database):
    kept = FakeLedger(FakeClock())
    to_live(kept)
    kept.append(Kind.RELEASE_KNOWN, "pas-2", release_body("pas-2"))
    kept.append(Kind.SYSTEM_ADOPTED, "lab@ward", {"live": live_body(product="lab")})
    rows = [entry.row()._asdict() for entry in kept.entries()]
    engine = _migrated_to("0001", database)
    with engine.begin() as connection:
        columns = sa.text(
            "INSERT INTO ledger VALUES "
            "(:sequence, :previous, :time, :kind, :subject, :body, :digest)"
        )
        connection.execute(columns, rows)
        head = kept.head()
        connection.execute(sa.insert(sql_tables.head).values(id=1, **head.json_value()))
        for record in kept.releases():
            folded = {"name": record.id, "record": stored(record)}
            connection.execute(sa.text("INSERT INTO releases VALUES (:name, :record)"), folded)
        for system in kept.live():
            folded = {"name": live_name(system), "record": stored(system)}
            connection.execute(sa.text("INSERT INTO live VALUES (:name, :record)"), folded)
    ledger = SqlLedger(database, FakeClock())
    assert list(ledger.problems()) == []
    assert list(ledger.about("pas-1")) == list(kept.about("pas-1"))
    assert ledger.releases(states=[State.LIVE]) == [kept.release("pas-1")]
    assert [record.id for record in ledger.releases("pas")] == ["pas-2", "pas-1"]
    ledger.append(Kind.QUALIFICATION_STARTED, "pas-2", {"attempt": 1})
    assert list(ledger.problems()) == []
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger SET about = NULL")
    engine.dispose()
    ledger.close()


def test_a_tampered_ledger_of_the_first_revision_opens_so_that_the_audit_can_speak(database):
    engine = _migrated_to("0001", database)
    with engine.begin() as connection:
        for number, body in enumerate(["no JSON", "[]", '{"release": 3}'], start=1):
            connection.execute(
                sa.text(
                    "INSERT INTO ledger VALUES "
                    "(:number, 'x', 'x', 'deployment.site-live', 'pas@ward', :body, 'x')"
                ),
                {"number": number, "body": body},
            )
        connection.exec_driver_sql("INSERT INTO releases VALUES ('pas-1', 'no JSON')")
    engine.dispose()
    ledger = SqlLedger(database, FakeClock())
    problems = list(ledger.problems())
    assert "entry 1 does not stand: entry 1 can't be read" in problems
    assert "the release pas-1 is in the folded table, but no entry speaks of it" in problems
    ledger.close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (sa.select(LEDGER).where(LEDGER.c.about == "x"), "ledger_by_release"),
        (sa.select(sa.func.max(LEDGER.c.sequence)).where(LEDGER.c.subject == "x"), "by_subject"),
    ],
)
def test_what_pages_ask_for_is_found_by_an_index(tmp_path, query, index):
    database = sql_tables.Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.reading() as connection:
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        [plan] = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    database.close()
    assert index in plan.detail


def test_refuses_a_database_of_a_newer_version(database):
    SqlLedger(database, now).close()
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(InfrastructureError) as caught:
        SqlLedger(database, now)
    assert "newer ClinOps" in caught.value.diagnostics()


@pytest.mark.parametrize("address", ["nonsense", "oracle9://x", "sqlite://", "sqlite:///:memory:"])
def test_refuses_an_address_that_is_none(address):
    with pytest.raises(BadInputError):
        SqlLedger(address, now)


def test_a_server_that_does_not_answer_is_an_error_without_its_password(tmp_path):
    address = f"postgresql+psycopg://clinops:s3cret@/x?host={tmp_path}"
    with pytest.raises(InfrastructureError) as caught:
        SqlLedger(address, now)
    assert "s3cret" not in caught.value.diagnostics()
    assert caught.value.retryable


def test_sqlite_is_set_up_to_lose_nothing(tmp_path):
    database = sql_tables.Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.reading() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    database.close()
    assert found == ["wal", 2, 1, 30_000]
