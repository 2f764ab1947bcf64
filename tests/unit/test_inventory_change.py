"""What is told of two inventories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinops.domain.excerpt import excerpts
from clinops.domain.inventory import Collection, Inventory, Source, held, packed
from clinops.domain.inventory_change import changes, differences, in_brief
from tests.fakes.inventories import PATIENTS, inventory

VALUES = st.text("ab", max_size=2)
RECORDS = st.dictionaries(
    st.text("123", min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["name", "born"]), VALUES),
    max_size=6,
)


def table(records: dict[str, dict[str, str]], *, keyed: bool = True, **columns: str) -> Collection:
    return Collection(
        source=Source.TABLE,
        columns=columns or {"name": "text", "born": "text"},
        key=("id",) if keyed else (),
        records=records,
    )


def of(**collections: Collection) -> Inventory:
    return Inventory(collections=collections)


COLLECTIONS = st.builds(table, RECORDS, keyed=st.booleans())
INVENTORIES = st.builds(
    Inventory, collections=st.dictionaries(st.sampled_from(["x", "y"]), COLLECTIONS)
)


@given(INVENTORIES)
def test_an_inventory_differs_in_nothing_from_itself(one: Inventory) -> None:
    copy = Inventory.model_validate_json(one.model_dump_json())
    assert changes(one, copy).collections == ()


@given(INVENTORIES, INVENTORIES)
def test_going_back_loses_what_was_added_and_adds_what_was_lost(
    one: Inventory, other: Inventory
) -> None:
    there, back = changes(one, other).collections, changes(other, one).collections
    assert [change.name for change in there] == [change.name for change in back]
    for way, way_back in zip(there, back, strict=True):
        assert way.lost == way_back.added
        assert way.added == way_back.lost
        assert [(a.record, a.field, a.before, a.after) for a in way.altered] == [
            (a.record, a.field, a.after, a.before) for a in way_back.altered
        ]
        assert [(r.part, r.before, r.after) for r in way.reshaped] == [
            (r.part, r.after, r.before) for r in way_back.reshaped
        ]


@given(RECORDS, RECORDS)
def test_each_record_is_lost_added_altered_or_the_same(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]
) -> None:
    found = changes(of(x=table(old)), of(x=table(new))).collections
    lost, added, altered = (
        ({*found[0].lost}, {*found[0].added}, {one.record for one in found[0].altered})
        if found
        else (set(), set(), set())
    )
    assert lost == old.keys() - new.keys()
    assert added == new.keys() - old.keys()
    assert altered == {key for key in old.keys() & new.keys() if old[key] != new[key]}


@given(RECORDS, RECORDS)
def test_rows_without_a_key_are_counted(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]
) -> None:
    found = changes(of(x=table(old, keyed=False)), of(x=table(new, keyed=False))).collections
    lost, added = (len(found[0].lost), len(found[0].added)) if found else (0, 0)
    kept = [frozenset(fields.items()) for fields in new.values()]
    for fields in old.values():
        if frozenset(fields.items()) in kept:
            kept.remove(frozenset(fields.items()))
    assert added == len(kept)
    assert len(old) - lost == len(new) - added


@given(RECORDS, RECORDS)
def test_digests_tell_the_same_records_as_values(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]
) -> None:
    columns = {"name": "text", "born": "text"}
    rows = {key: packed(fields, columns) for key, fields in new.items()}
    long = table(rows).model_copy(update={"digested": True})
    plain = changes(of(x=table(old)), of(x=table(new))).collections
    mixed = changes(of(x=table(old)), of(x=long)).collections
    assert [(c.lost, c.added.keys()) for c in mixed] == [(c.lost, c.added.keys()) for c in plain]
    assert [(a.record, a.field) for c in mixed for a in c.altered] == [
        (a.record, a.field) for c in plain for a in c.altered
    ]


@given(st.text(), st.text())
def test_two_values_that_differ_are_held_and_shown_as_two(one: str, other: str) -> None:
    if one != other:
        assert held(one) != held(other)
        assert held(held("x" * 201)) != held("x" * 201)


def test_names_what_was_lost_with_what_it_said() -> None:
    after = {key: fields for key, fields in PATIENTS.items() if key.endswith("18")}
    (lost,) = differences(changes(inventory(patients=PATIENTS), inventory(patients=after)))
    assert lost.subject == "data: patients: record 9990000026: lost"
    assert lost.before == "name “O'Neill, Síle”, born “1987-10-25”"
    assert (lost.after, lost.change, lost.protected) == ("nothing", "removed", True)


def test_tells_what_an_interface_newly_says_of_a_record_that_was_there() -> None:
    after = {key: dict(fields) for key, fields in PATIENTS.items()}
    after["9990000026"]["deceased"] = "2026-01-31"
    told = differences(changes(inventory(patients=PATIENTS), inventory(patients=after)))
    data, schema = told
    assert data.subject == "data: patients: record 9990000026: deceased"
    assert (data.before, data.after, data.refuses) == ("nothing", "“2026-01-31”", True)
    assert (schema.subject, schema.refuses) == ("schema: patients: field deceased added", False)


def test_tells_many_lost_records_in_one_line() -> None:
    patients = {str(number): {"name": "x"} for number in range(10)}
    kept = {"0": {"name": "x"}}
    (lost,) = differences(changes(inventory(patients=patients), inventory(patients=kept)))
    assert (lost.subject, lost.count) == ("data: patients: lost", 9)
    assert lost.before == "9 of 10 records: 1 (name “x”); 2 (name “x”); 3 (name “x”); …"


def test_shows_the_one_that_was_altered_unlike_all_others() -> None:
    old = {str(number): {"dose": f"{number}.5"} for number in range(1000)}
    new = {key: {"dose": f"{number}.50"} for number, key in enumerate(old)}
    new["612"] = {"dose": "6125"}
    (found,) = differences(changes(inventory(drugs=old), inventory(drugs=new)))
    assert found.count == 1000
    assert "612 “612.5”" in found.before
    assert "612 “6125”" in found.after


def test_names_each_thing_whose_shape_changed() -> None:
    before = of(a=table({"1": {"name": "x"}, "2": {}}), gone=table({}), lost=table({"1": {}}))
    after = of(
        a=table({"1": {}, "3": {}}, name="varchar", age="int").model_copy(
            update={"constraints": ("k: UNIQUE (name)",)}
        ),
        new=table({"1": {}}),
    )
    assert [one.subject for one in differences(changes(before, after)) if one.kind == "schema"] == [
        "schema: a: column age added",
        "schema: a: column born removed",
        "schema: a: column name",
        "schema: a: constraint k added",
        "schema: gone: removed",
        "schema: new: added",
    ]


def test_takes_all_rows_for_lost_whose_columns_are_all_others() -> None:
    before, after = of(x=table({"1": {"a": "v"}}, a="text")), of(x=table({"1": {}}, b="text"))
    change = changes(before.model_copy(), after)
    assert "data: x: record 1: a" in {one.subject for one in differences(change)}
    before = of(x=table({"1": {"a": "v"}}, keyed=False, a="text"))
    after = of(x=table({"1": {}}, keyed=False, b="text"))
    assert differences(changes(before, after))[0].subject == "data: x: record 1: lost"


def test_knows_rows_again_by_their_contents_where_the_key_is_another() -> None:
    before = table({"1": {"id": "1", "name": "x"}}, id="int", name="text")
    after = before.model_copy(update={"key": ("name",), "records": {"x": before.records["1"]}})
    assert changes(of(x=before), of(x=after)).collections == ()


def test_keeps_two_constraints_of_one_name() -> None:
    before = table({}).model_copy(update={"constraints": ("k: UNIQUE (a)", "k: CHECK (b)")})
    change = changes(of(x=before), of(x=table({})))
    assert len(differences(change)) == 2


@pytest.mark.parametrize("hostile", ["a\nb", "a\x1b[2J", "a\u202eb", "k" * 500])
def test_lets_no_key_reach_beyond_its_line(hostile: str) -> None:
    change = changes(inventory(x={hostile: {}, "2": {}}), inventory(x={"2": {}}))
    (found,) = differences(change)
    assert found.subject.isprintable()
    assert len(found.subject) < 300


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("Smith", "Smith\u200b", ("“Smith”", "“Smith\\u200b”")),
        ("Müller", "Mu\u0308ller", ("“M\\xfcller”", "“Mu\\u0308ller”")),
        ("a b", "a  b", ("“a b”", "“a  b”")),
        ("µmol/L", "Âµmol/L", ("“µmol/L”", "“Âµmol/L”")),
        (None, "", ("nothing", "“”")),
        (
            "x" * 100 + "a" + "y" * 99,
            "x" * 100 + "b" + "y" * 99,
            (f"“…{'x' * 24}a{'y' * 55}…”", f"“…{'x' * 24}b{'y' * 55}…”"),
        ),
    ],
)
def test_shows_where_two_values_differ(
    before: str | None, after: str | None, shown: tuple[str, str]
) -> None:
    assert excerpts(before, after) == shown


def test_cuts_a_record_of_many_fields() -> None:
    assert in_brief({str(number): "v" for number in range(9)}).endswith("3 “v” …")
