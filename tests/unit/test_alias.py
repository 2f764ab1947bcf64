"""Aliases: what a system makes anew has another name in each run, and stands for the same."""

from __future__ import annotations

import pytest

from clinops.domain.alias import Aliases, Renaming, ids_in

U1, U2, U3 = (f"{n}f0e1d2c-3b4a-4968-8796-a5b4c3d2e1f{n}" for n in "123")
V1, V2 = (f"{n}7654321-0fed-4cba-9876-543210fedcb{n}" for n in "45")
UID, OTHER_UID = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
ORTHANC = "b6589fc6-ab0dc82c-f12099d1-c2d40ab9-94e8410c"


def aliases(*volatile: str, seeded: tuple[str, ...] = (), shared: tuple[str, ...] = ()) -> Aliases:
    return Aliases(volatile, set(seeded), shared)


@pytest.mark.parametrize("name", [U1, U1.upper(), UID, ORTHANC, "2.25.1.2.3.4"])
def test_finds_an_id_in_a_key_a_value_and_a_longer_text(name: str):
    tree = {name: 1, "a": [name], "link": f"http://pacs/studies/{name}/series"}
    assert list(ids_in(tree)) == [name]


@pytest.mark.parametrize("text", ["1.12.7", "10.0.0.1", "1.2.3.4.5a", f"x{U1}", f"{U1}0", "2026"])
def test_takes_no_version_address_or_longer_word_for_an_id(text: str):
    assert list(ids_in(text)) == []


def test_a_volatile_id_may_have_another_name_in_the_other_system():
    names = aliases(U1, U2)
    assert names.same(f"/patients/{U1}", f"/patients/{V1}")
    assert names.same(U2, V2)
    assert names.same(U1, V1)


def test_a_reference_to_another_record_is_seen():
    names = aliases(U1, U2)
    assert names.same(U1, V1)
    assert names.same(U2, V2)
    assert not names.same(U1, V2)
    assert not names.same(U2, V1)


def test_two_records_never_become_one():
    names = aliases(U1, U2)
    assert names.same(U1, V1)
    assert not names.same(U2, V1)


def test_a_seeded_id_is_compared_to_the_letter():
    names = aliases(U1, seeded=(U3,))
    assert not names.same(U3, V1)
    assert not names.same(U1, U3)
    assert names.same(f"{U3} {U1}", f"{U3} {V1}")


def test_an_id_that_the_other_system_has_too_stands_for_itself():
    names = aliases(U1, shared=(U1, U3))
    assert names.same(U1, U1)
    assert not names.same(U1, V1)


def test_an_id_of_one_kind_does_not_stand_for_one_of_another():
    assert not aliases(U1).same(U1, UID)
    assert aliases(UID).same(UID, OTHER_UID)


def test_nothing_but_the_ids_may_differ():
    assert not aliases(U1).same(f"a {U1}", f"b {V1}")
    assert not aliases(U1).same(U1, f"{V1} {V2}")
    assert not aliases(U1).same(U1, 1)
    assert not aliases().same(U1, V1)


@pytest.mark.parametrize(
    ("before", "after"),
    [(f"PID|{U1}||", f"PID||{V1}|"), (f",{U1},{U2}", f"{V1},,{V2}"), (f"<>{U1}", f"{V1}<>")],
)
def test_an_id_that_moves_to_another_place_of_a_text_is_seen(before, after):
    assert not aliases(U1, U2).same(before, after)


@pytest.mark.parametrize("line", [f"Ann\t{U1}\tward", f"Ann\n{U1}", f"\r{U1}\b", f'"{U1}"'])
def test_finds_an_id_beside_letters_that_json_escapes(line):
    assert list(ids_in([line, {line: 1}])) == [U1]


def test_an_id_is_not_put_together_from_two_texts():
    assert list(ids_in(["1.2.3.4.5", "6.7", {"1.2.3": "4.5.6"}])) == ["1.2.3.4.5"]


def test_a_uid_that_is_longer_than_dicom_allows_stands_for_none():
    longest = f"1.2.3.4.{'5' * 56}"
    assert list(ids_in([longest, f"{longest}.", f"{longest}5", f"{longest}.5"])) == [longest]
    assert not aliases(UID).same(UID, f"{longest}5")


def test_shows_the_same_alias_for_both_systems():
    names = aliases(U1, U2, seeded=(U3,))
    assert names.same(U2, V2)
    assert names.shown(f"{U2} of {U3}") == f"<UUID#2> of {U3}"
    assert names.shown(f"{V2} of {U3}", of_other=True) == f"<UUID#2> of {U3}"
    assert names.shown(V1, of_other=True) == "<UUID#new>"
    assert names.shown(V1) == V1
    assert aliases().shown(U1) == U1


def test_blanks_every_id_that_was_not_seeded():
    assert aliases(U1, seeded=(U3,)).blanked(f"{U1} {V1} {U3} {UID}") == f"<UUID> <UUID> {U3} <UID>"
    assert aliases().blanked(U1) == U1


def test_serial_numbers_keep_their_order():
    numbers = Renaming(ordered=True)
    assert numbers.takes(10, 110)
    assert numbers.takes(12, 115)
    assert numbers.takes(11, 112)
    assert numbers.takes(12, 115)
    assert not numbers.takes(13, 111)
    assert not numbers.takes(14, 115)
    assert numbers.takes(13, 120)
    assert numbers.original("x") is None
