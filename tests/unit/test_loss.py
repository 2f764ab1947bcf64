"""What a way back loses, by what was read before it and after."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinops.domain.inventory import Collection, Inventory, Source, packed
from clinops.domain.loss import Readings, altered, appeared, judged, losses, written
from clinops.domain.rehearsal import WayBack
from tests.fakes.compared import loss

ANN = {"a": {"name": "Ann", "born": "1950"}}
BOB = {"b": {"name": "Bob", "born": "1960"}}


def read(source: Source = Source.PROGRAM, **records: dict[str, dict[str, str]]) -> Inventory:
    return Inventory(
        collections={
            name: Collection(source=source, records=found) for name, found in records.items()
        }
    )


def table(records: dict[str, dict[str, str]], *columns: str) -> Inventory:
    made = Collection(source=Source.TABLE, columns=dict.fromkeys(columns, "text"), records=records)
    return Inventory(collections={"t": made})


def lost(*readings: Inventory) -> list[tuple[str, str, bool]]:
    return [(one.record, one.field, one.new) for one in losses(Readings(*readings))]


def patients(**records: Any) -> Inventory:
    return read(patients=records)


# What a system's own interface says


def test_nothing_is_lost_where_all_reads_as_before():
    old, new = patients(**ANN), patients(**ANN, **BOB)
    assert lost(old, old, new, new) == []


def test_a_record_that_is_gone_is_lost_whoever_lost_it():
    old, none = patients(**ANN), patients()
    for readings in [(old, none, none, none), (old, old, none, none), (old, old, old, none)]:
        assert lost(*readings) == [("a", "", False)]


def test_a_collection_that_is_gone_is_lost_record_by_record():
    old = patients(**ANN, **BOB)
    gone = Inventory(collections={})
    assert lost(old, old, old, gone) == [("a", "", False), ("b", "", False)]


def test_an_older_record_has_to_read_as_before_whatever_the_candidate_made_of_it():
    old, new = patients(**ANN), patients(a={"name": "ANN", "born": "1950"})
    assert lost(old, new, new, old) == []
    assert lost(old, new, new, new) == [("a", "name", False)]
    assert lost(old, old, new, new) == [("a", "name", False)]


def test_a_field_that_an_older_record_never_had_reads_otherwise_once_it_has():
    old = patients(a={"name": "Ann"}, b={"name": "Bob", "allergy": "nuts"})
    back = patients(a={"name": "Ann", "allergy": "nuts"}, b={"name": "Bob", "allergy": "nuts"})
    assert lost(old, old, old, back) == [("a", "allergy", False)]
    back = patients(a={"name": "Ann", "note": "x"}, b={"name": "Bob", "allergy": "nuts"})
    assert lost(old, old, old, back) == [("a", "note", False)]


def test_what_the_candidate_wrote_has_to_read_as_it_did_there():
    old, new = patients(**ANN), patients(**ANN, **BOB)
    other = patients(**ANN, b={"name": "Bob", "born": "1961"})
    assert lost(old, old, new, old) == [("b", "", True)]
    assert lost(old, old, new, other) == [("b", "born", True)]


def test_what_the_candidate_wrote_must_not_read_as_more_than_it_wrote():
    old, new = patients(**ANN), patients(**ANN, **BOB)
    more = patients(**ANN, b={**BOB["b"], "allergy": "nuts"})
    assert lost(old, old, new, more) == [("b", "allergy", True)]


def test_a_record_that_came_with_the_upgrade_goes_with_it_or_reads_as_it_did():
    old, new = patients(**ANN), patients(**ANN, **BOB)
    other = patients(**ANN, b={"name": "Bob", "born": "1961"})
    assert lost(old, new, new, old) == lost(old, new, new, new) == []
    assert lost(old, new, new, other) == [("b", "born", True)]


def test_a_record_that_nobody_wrote_is_told():
    old, new = patients(**ANN), patients(**ANN, **BOB)
    assert appeared(Readings(old, old, new, new)) == []
    assert appeared(Readings(old, new, new, new)) == [], "it came with the upgrade"
    (ghost,) = appeared(Readings(old, old, old, new))
    assert (ghost.record, ghost.new, "Bob" in ghost.after) == ("b", False, True)
    rows = [table(each, "name", "born") for each in (ANN, {**ANN, **BOB})]
    assert appeared(Readings(rows[0], rows[0], rows[0], rows[1])) == []


def test_what_the_upgrade_added_is_no_loss_when_it_goes_again():
    old, new = patients(**ANN), patients(**ANN, **BOB)
    assert lost(old, new, new, old) == []


def test_one_record_in_ten_thousand_is_named():
    records = {str(number): {"name": f"N {number}"} for number in range(10_000)}
    back = {**records, "4711": {"name": "Somebody else"}}
    (loss,) = losses(Readings(*[read(patients=records)] * 3, read(patients=back)))
    assert (loss.record, loss.before, loss.after) == ("4711", "“N 4711”", "“Somebody else”")


def test_two_patients_that_change_places_are_two_losses():
    old = patients(a={"name": "Ann"}, b={"name": "Bob"})
    back = patients(a={"name": "Bob"}, b={"name": "Ann"})
    assert lost(old, old, old, back) == [("a", "name", False), ("b", "name", False)]


def test_a_loss_shows_letters_that_nobody_would_see():
    old = patients(a={"name": "Ann"})
    back = patients(a={"name": "A\u200bnn"})
    (loss,) = losses(Readings(old, old, old, back))
    assert "200b" in loss.after


def test_text_of_a_vendor_can_not_break_the_line():
    key = "a\n\u202ewritten backwards" + "x" * 300
    old = read(**{"pa\ntients": {key: {"na\nme": "Ann"}}})
    back = read(**{"pa\ntients": {key: {"na\nme": "Bob"}}})
    (loss,) = losses(Readings(old, old, old, back))
    assert not {"\n", "\u202e"} & set(loss.collection + loss.record + loss.field)
    assert len(loss.record) < 250


# Rows and files


def test_a_row_may_stay_as_the_upgrade_made_it():
    old, new = table({"1": {"v": "6"}}, "v"), table({"1": {"v": "7"}}, "v")
    assert lost(old, new, new, new) == []
    assert lost(old, new, new, old) == []


def test_a_row_that_the_upgrade_removed_is_not_lost_once_more():
    old, none = table({"1": {"v": "6"}}, "v"), table({}, "v")
    assert lost(old, none, none, none) == []
    assert lost(old, old, old, none) == [("1", "", False)]


def test_what_writing_made_of_older_rows_is_lost_where_no_interface_is_asked():
    old = table({"1": {"name": "Ann", "seen": "3"}, "2": {"name": "Bob", "seen": "3"}})
    new = table({"1": {"name": "QW5u", "seen": "4"}, "3": {"name": "Eve", "seen": "1"}})
    assert lost(old, old, new, new) == [("1", "name", False), ("2", "", False)]
    with_program = [
        Inventory(collections={**each.collections, **patients(**ANN).collections})
        for each in (old, old, new, new)
    ]
    assert lost(*with_program) == []


def test_a_row_that_only_the_way_back_alters_is_lost():
    old, back = table({"1": {"v": "6"}}, "v"), table({"1": {"v": "8"}}, "v")
    assert lost(old, old, old, back) == [("1", "v", False)]


def test_a_value_that_was_null_is_one():
    old, back = table({"1": {"v": "6"}}, "v", "w"), table({"1": {"v": "6", "w": "8"}}, "v", "w")
    assert lost(old, old, old, back) == [("1", "w", False)]
    assert lost(back, back, back, old) == [("1", "w", False)]


def test_a_column_that_came_with_the_upgrade_may_go_with_it():
    old = table({"1": {"v": "6"}}, "v")
    new = table({"1": {"v": "6", "more": "default"}}, "v", "more")
    assert lost(old, new, new, old) == []


def test_what_was_written_into_an_older_row_is_new():
    old, new = table({"1": {"v": "6"}}, "v"), table({"1": {"v": "7"}}, "v")
    other = table({"1": {"v": "9"}}, "v")
    assert lost(old, old, new, new) == []
    assert lost(old, old, new, old) == [("1", "v", True)]
    assert lost(old, old, new, other) == []
    garbled = table({"1": {"v": "six"}}, "v")
    assert lost(old, old, new, garbled) == [("1", "v", False)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("190", "190", "203", "207"), []),
        (("20261123T1207", "20261123T1207", "20261123T1208", "20261123T1209"), []),
        (("190", "190", "190", "207"), [("1", "v", False)]),
        (("Ann", "Ann", "Anne", "Annie"), [("1", "v", False)]),
        (("0.5 mg", "0.5 mg", "5 mg", "50 mg"), [("1", "v", False)]),
    ],
)
def test_only_a_counter_that_writing_moved_may_move_on(values, found):
    assert lost(*(table({"1": {"v": value}}, "v") for value in values)) == found


def test_a_row_is_held_against_itself_where_only_digests_are_left():
    fields = {"v": "6", "w": "7"}
    old = table({"1": fields}, "v", "w")
    short = Collection(
        source=Source.TABLE,
        columns={"v": "text", "w": "text"},
        records={"1": packed({"v": "6", "w": "8"}, ["v", "w"])},
        digested=True,
    )
    assert lost(old, old, old, Inventory(collections={"t": short})) == [("1", "w", False)]


# Writing


def test_what_was_written_is_counted_where_interfaces_show_it():
    program, rows = read(patients=ANN).collections, table({"1": {"v": "6"}}, "v").collections
    before = Inventory(collections={**program, **rows})
    more = table({"1": {"v": "6"}, "2": {"v": "7"}}, "v").collections
    after = Inventory(collections={**read(patients={**ANN, **BOB}).collections, **more})
    assert written(before, after) == {"patients": 1}
    assert written(before, Inventory(collections={**program, **more})) == {}


def test_what_was_written_is_counted_in_tables_where_there_is_nothing_else():
    before, after = table({}, "v"), table({"1": {"v": "6"}}, "v")
    assert written(before, after) == {"t": 1}


def test_writing_may_move_counters_but_no_older_record():
    before = patients(**ANN)
    assert altered(before, patients(**ANN, **BOB)) == []
    assert [one.record for one in altered(before, patients(a={"name": "Bob"}))] == ["a", "a"]
    assert [one.field for one in altered(before, patients(**BOB))] == [""]
    assert altered(table({"1": {"v": "6"}}, "v"), table({"1": {"v": "7"}}, "v")) == []


FIELDS = st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"))
RECORDS = st.dictionaries(st.sampled_from("abc"), FIELDS)


@given(RECORDS, RECORDS, RECORDS, RECORDS, st.sampled_from(Source))
def test_nothing_that_was_there_is_ever_silently_otherwise(before, upgraded, after, back, source):
    readings = Readings(*(read(source, p=each) for each in (before, upgraded, after, back)))
    told = {one.record for one in losses(readings)}
    for key in before:
        if back.get(key) == before[key] or key in told:
            continue
        # Then it was the upgrade or the writing that made it so, and no interface says otherwise.
        assert source is not Source.PROGRAM
        moments = [records.get(key) for records in (before, upgraded, after)]
        assert any(one != other for one, other in pairwise(moments))


def test_a_column_of_the_new_version_may_go_with_it_and_not_read_otherwise():
    old = table({"a": {"name": "Ann"}}, "name")
    new, other = (
        table({"a": {"name": "Ann", "note": note}}, "name", "note") for note in ("x", "y")
    )
    assert lost(old, new, new, old) == lost(old, new, new, new) == []
    assert lost(old, new, new, other) == [("a", "note", False)]
    assert lost(old, old, old, new) == [("a", "note", False)]


def test_a_way_back_is_judged_by_what_interfaces_were_asked():
    nothing, asked, rows = Inventory(collections={}), patients(**ANN), table(ANN, "name", "born")
    both = Inventory(collections={**asked.collections, **rows.collections})
    for before, after, came in [
        (nothing, nothing, WayBack.CLEAN),
        (rows, rows, WayBack.UNPROVEN),
        (nothing, rows, WayBack.UNPROVEN),
        (patients(), rows, WayBack.UNPROVEN),
        (asked, asked, WayBack.CLEAN),
        (rows, both, WayBack.CLEAN),
    ]:
        readings = Readings(before, before, after, after)
        assert judged([], readings, restored=False) is came
        assert judged([], readings, restored=True) is WayBack.CLEAN
        assert judged([loss()], readings, restored=False) is WayBack.LOSSY
