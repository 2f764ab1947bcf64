"""Tables of real PostgreSQL, MariaDB and SQLite, read before and after something was done."""

from __future__ import annotations

import pytest

from clinops.adapters import inventory_records
from clinops.adapters.inventory_records import Allowance
from clinops.domain.inventory_change import changes, differences
from clinops.errors import InfrastructureError
from tests.fakes.databases import System

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh-Çelebi-Ñúñez"[:64]
PATIENTS = [
    (1, "9990000018", "Müller, Jörg", "0.5 µmol/L", "2025-10-26 01:30:00"),
    (2, "9990000026", "O'Neill, Síle", "<0.1 mmol/L", "2025-10-26 00:30:00"),
    (3, "9990000034", LONG_NAME, ".5 mg", "1947-03-02 00:00:00"),
]
CUT_OFF = f"UPDATE patients SET name = '{LONG_NAME[:63]}' WHERE id = 3"  # noqa: S608 - a constant
SWAPPED = (
    "UPDATE patients SET nhs = CASE id WHEN 1 THEN '9990000026' ELSE '9990000018' END WHERE id < 3"
)


@pytest.fixture(params=["postgresql", "maria", "sqlite"])
def system(request: pytest.FixtureRequest) -> System:
    """A database of each kind, with three patients."""
    found: System = request.getfixturevalue(request.param)
    text = "varchar(200)"
    maria = request.param == "maria"
    utf8 = " CHARACTER SET utf8mb4" if maria else ""
    found.execute(
        f"CREATE TABLE patients (id integer PRIMARY KEY, nhs {text}, name {text}{utf8}, "
        f"result {text}{utf8}, seen {'datetime' if maria else 'timestamp'})"
    )
    found.insert("patients", PATIENTS)
    return found


def test_finds_nothing_where_nothing_was_done(system: System) -> None:
    assert system.difference() == []


def test_reads_values_as_the_text_that_they_are(system: System) -> None:
    (table,) = system.read().collections.values()
    assert table.key == ("id",)
    assert table.records["1"] == {
        "id": "1",
        "nhs": "9990000018",
        "name": "Müller, Jörg",
        "result": "0.5 µmol/L",
        "seen": "2025-10-26 01:30:00",
    }


@pytest.mark.parametrize(
    ("statement", "subjects"),
    [
        ("DELETE FROM patients WHERE id = 2", ["record 2: lost"]),
        (CUT_OFF, ["record 3: name"]),
        ("UPDATE patients SET result = '0.5 Âµmol/L' WHERE id = 1", ["record 1: result"]),
        ("UPDATE patients SET seen = '2025-10-26 00:30:00' WHERE id = 1", ["record 1: seen"]),
        ("UPDATE patients SET result = '<0.10 mmol/L' WHERE id = 2", ["record 2: result"]),
        ("UPDATE patients SET name = NULL WHERE id = 2", ["record 2: name"]),
        (SWAPPED, ["record 1: nhs", "record 2: nhs"]),
    ],
)
def test_names_each_record_that_an_upgrade_lost_or_altered(
    system: System, statement: str, subjects: list[str]
) -> None:
    found = system.difference(statement)
    assert [one.subject for one in found] == [f"data: index.patients: {name}" for name in subjects]
    assert all(one.refuses and one.protected for one in found)


def test_shows_the_end_of_a_name_that_was_cut_off(system: System) -> None:
    (found,) = system.difference(CUT_OFF)
    assert found.before == f"“{LONG_NAME}”"
    assert found.after == f"“{LONG_NAME[:63]}”"


def test_names_the_one_row_in_ten_thousand_that_was_altered(system: System) -> None:
    system.execute("CREATE TABLE results (id integer PRIMARY KEY, value varchar(20))")
    system.insert("results", [(number, f"{number}.0") for number in range(10_000)])
    (found,) = system.difference("UPDATE results SET value = '6120' WHERE id = 612")
    assert found.subject == "data: index.results: record 612: value"
    assert (found.before, found.after) == ("“612.0”", "“6120”")


def test_tells_nine_thousand_altered_rows_in_one_line(system: System) -> None:
    system.execute("CREATE TABLE results (id integer PRIMARY KEY, value varchar(20))")
    system.insert("results", [(number, f"{number}.5") for number in range(10_000)])
    before = system.read()
    system.execute("UPDATE results SET value = '1' WHERE id < 9000")
    (found,) = differences(changes(before, system.read()))
    assert (found.subject, found.count) == ("data: index.results: value", 9000)
    assert found.before == "9,000 of 10,000 rows, such as 0 “0.5”; 1 “1.5”; 2 “2.5”"


def test_tells_the_table_that_vanished_and_what_was_in_it(system: System) -> None:
    (found,) = system.difference("DROP TABLE patients")
    assert (found.subject, found.count) == ("data: index.patients: lost", 3)
    assert found.after == "the whole collection is gone"
    assert "Müller, Jörg" in found.before


def test_takes_what_is_new_for_an_addition(system: System) -> None:
    found = system.difference(
        "CREATE TABLE visits (id integer PRIMARY KEY)",
        "ALTER TABLE patients ADD COLUMN customdata varchar(20) DEFAULT 'none'",
        "INSERT INTO patients (id, nhs) VALUES (4, '9990000042')",
    )
    assert [(one.subject, one.change) for one in found] == [
        ("data: index.patients: added", "added"),
        ("schema: index.patients: column customdata added", "added"),
        ("schema: index.visits: added", "added"),
    ]
    assert not any(one.refuses for one in found)


def test_takes_a_dropped_column_for_the_loss_of_what_was_in_it(system: System) -> None:
    lost, shape = system.difference("ALTER TABLE patients DROP COLUMN result")
    assert (lost.subject, lost.change, lost.count) == ("data: index.patients: result", "removed", 3)
    assert "0.5 µmol/L" in lost.before
    assert shape.subject == "schema: index.patients: column result removed"


def test_takes_a_dropped_column_that_held_nothing_for_a_matter_of_shape(system: System) -> None:
    system.execute("UPDATE patients SET result = NULL")
    (found,) = system.difference("ALTER TABLE patients DROP COLUMN result")
    assert (found.kind, found.refuses) == ("schema", False)


def test_names_the_index_that_is_gone(system: System, request: pytest.FixtureRequest) -> None:
    system.execute("CREATE INDEX by_nhs ON patients (nhs)")
    of_maria = "maria" in request.node.callspec.id
    (found,) = system.difference("DROP INDEX by_nhs" + " ON patients" * of_maria)
    assert found.subject.startswith("schema: index.patients: constraint ")
    assert "by_nhs" in found.subject


def test_counts_equal_rows_of_a_table_without_a_key(system: System) -> None:
    system.execute("CREATE TABLE log (line varchar(20))")
    system.insert("log", [("sent",), ("sent",), ("sent",), ("read",)])
    before = system.read()
    system.execute("DELETE FROM log WHERE line = 'read'", "INSERT INTO log VALUES ('sent')")
    lost, added = differences(changes(before, system.read()))
    assert lost.before == "line “read”"
    assert added.subject == "data: index.log: added"


def test_knows_rows_without_a_key_again_though_a_column_was_added(system: System) -> None:
    system.execute("CREATE TABLE log (line varchar(20))")
    system.insert("log", [("sent",), ("sent",), ("read",)])
    (found,) = system.difference("ALTER TABLE log ADD COLUMN at varchar(20) DEFAULT 'now'")
    assert found.subject == "schema: index.log: column at added"


def test_tells_rows_apart_by_a_key_of_several_columns(system: System) -> None:
    system.execute("CREATE TABLE pairs (a varchar(9), b varchar(9), PRIMARY KEY (a, b))")
    system.insert("pairs", [("1/2", "3"), ("1", "2/3"), ("1\\", "2")])
    assert len(system.read().collections["index.pairs"].records) == 3


def test_digests_what_is_long_and_what_pretends_to_be_a_digest(system: System) -> None:
    system.execute("CREATE TABLE notes (id integer PRIMARY KEY, note varchar(3000))")
    system.insert("notes", [(1, "a" * 3000), (2, "b")])
    kept = system.read().collections["index.notes"].records["1"]["note"]
    assert kept.startswith("sha256:")
    (found,) = system.difference(f"UPDATE notes SET note = '{kept}' WHERE id = 1")  # noqa: S608 - a digest
    assert found.subject == "data: index.notes: record 1: note"


def test_finds_an_altered_byte_in_a_large_value(system: System, request) -> None:
    kind = "bytea" if "postgresql" in request.node.callspec.id else "blob"
    system.execute(f"CREATE TABLE images (id integer PRIMARY KEY, pixels {kind})")
    system.insert("images", [(1, b"\x00\xff" * 20_000), (2, b"\x01")])
    records = system.read().collections["index.images"].records
    assert records["1"]["pixels"].startswith("sha256:")
    assert records["2"]["pixels"] == "\\x01"
    before = system.read()
    system.execute("DELETE FROM images WHERE id = 1")
    system.insert("images", [(1, b"\x00\xff" * 19_999 + b"\x00\xfe")])
    (found,) = differences(changes(before, system.read()))
    assert found.subject == "data: index.images: record 1: pixels"


def test_reads_a_table_of_any_name(system: System, request: pytest.FixtureRequest) -> None:
    name = "`a.b c`" if "maria" in request.node.callspec.id else '"a.b c"'
    system.execute(f"CREATE TABLE {name} ({name} integer PRIMARY KEY)")
    system.insert(name, [(7,)])
    found = [table for name, table in system.read().collections.items() if "a.b c" in name]
    assert [table.records for table in found] == [{"7": {"a.b c": "7"}}]


def test_holds_a_table_that_has_become_too_long_against_its_former_self(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = system.read()
    monkeypatch.setattr(inventory_records, "KEPT_ROWS", 3)
    system.insert("patients", [(4, "9990000042", None, None, None)])
    system.execute("UPDATE patients SET name = 'Müller, Jorg' WHERE id = 1")
    after = system.read()
    assert after.collections["index.patients"].digested
    added, altered = differences(changes(before, after))
    assert (added.subject, added.after) == ("data: index.patients: added", "1 row: 4")
    assert altered.subject == "data: index.patients: record 1: name"
    assert differences(changes(after, system.read())) == []


def test_refuses_more_records_than_it_may_hold(system: System) -> None:
    with pytest.raises(InfrastructureError, match="more than 2 records"):
        system.read(Allowance(30, records=2))


def test_ends_when_the_time_is_over(system: System) -> None:
    with pytest.raises(InfrastructureError, match="took longer than -1 s"):
        system.read(Allowance(-1))
