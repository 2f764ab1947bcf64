"""Structure: where two trees differ, and which element of a list is which."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.alias import Aliases, ids_in
from clinops.domain.judging import Judge
from clinops.domain.noise import NoisePattern
from clinops.domain.structure import Change, changes
from tests.fakes.observations import rule

LETTERS = Aliases((), set(), ())
U1, U2 = (f"{n}f0e1d2c-3b4a-4968-8796-a5b4c3d2e1f{n}" for n in "12")
V1, V2 = (f"{n}7654321-0fed-4cba-9876-543210fedcb{n}" for n in "45")


def found(
    before: Any, after: Any, *rules: NoisePattern, aliases: Aliases = LETTERS
) -> list[tuple[str, str]]:
    seen = changes(before, after, Judge(rules, aliases).of("p"))
    return [("/".join(map(str, each.path)), _word(each)) for each in seen]


def _word(change: Change) -> str:
    return "order" if change.order else change.kind


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, True), (1, 1.0), (0, False), (0, None), ("", None), ("1", 1), (0.0, -0.0), ([], {}),
        ("µmol/L", "Âµmol/L"), ("0.5", ".5"), ("é", "e\u0301"), (["a"], "a"), ({}, None),
    ],
)  # fmt: skip
def test_nothing_that_reads_otherwise_is_the_same(before: Any, after: Any):
    assert found({"x": before}, {"x": after}) == [("x", "changed")]
    assert found([[before, 2]], [[after, 2]]) == [("0/0", "changed")]


def test_names_what_was_added_removed_and_changed():
    before = {"a": 1, "b": {"c": 2, "d": 3}}
    assert found(before, {"a": 1, "b": {"c": 4, "e": 3}}) == [
        ("b/c", "changed"),
        ("b/d", "removed"),
        ("b/e", "added"),
    ]


def test_the_order_of_keys_means_nothing():
    assert found({"a": 1, "b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}], "a": 1}) == []


def record(number: int) -> dict[str, Any]:
    return {"name": f"Name {number}", "ward": number % 7, "tests": [{"unit": "mmol/L"}]}


@pytest.mark.parametrize("key", ["none", "ID"])
@pytest.mark.parametrize("missing", [0, 17, 99])
def test_one_element_fewer_leaves_the_others_where_they_are(key: str, missing: int):
    before: list[Any] = [{**record(number), key: f"r{number}"} for number in range(100)]
    after = [each for each in before if each[key] != f"r{missing}"]
    assert found(before, after) == [(str(missing), "removed")]
    assert found(after, before) == [(str(missing), "added")]


def test_one_element_fewer_and_one_changed_are_told_apart():
    before = [record(number) for number in range(20)]
    after = copy.deepcopy(before)
    after[12]["ward"] = "X"
    del after[5]
    assert found(before, after) == [("12/ward", "changed"), ("5", "removed")]


def test_one_record_missing_among_ten_thousand_is_found_quickly():
    before = [record(number) for number in range(10_000)]
    after = [each for each in before if each["name"] != "Name 6543"]
    start = time.process_time()
    assert found(before, after) == [("6543", "removed")]
    assert found(before, after, rule("#/ward", "counter")) == [("6543", "removed")]
    assert time.process_time() - start < 5


def test_one_record_missing_among_ten_thousand_in_another_order_is_found():
    before = [record(number) for number in range(10_000)]
    after = [each for each in reversed(before) if each["name"] != "Name 6543"]
    assert found(before, after) == [("", "order"), ("6543", "removed")]


def test_another_order_is_one_difference():
    assert found([1, 2, 3], [3, 2, 1]) == [("", "order")]
    assert found({"a": [{"id": 1}, {"id": 2}]}, {"a": [{"id": 2}, {"id": 1}]}) == [("a", "order")]


def test_an_unordered_list_is_compared_by_content():
    anyhow = rule("a", "unordered")
    assert found({"a": [1, 2, 2, 3]}, {"a": [3, 2, 1, 2]}, anyhow) == []
    assert found({"a": [1, 2, 2]}, {"a": [2, 1, 1]}, anyhow) == [("a/2", "changed")]
    assert found({"a": [1, 2]}, {"a": [2]}, anyhow) == [("a/0", "removed")]
    assert found({"a": [1, 2]}, {"a": 2}, anyhow) == [("a", "changed")]
    assert found({"b": [1, 2]}, {"b": [2, 1]}, anyhow) == [("b", "order")]


def test_unordered_lists_inside_each_other_are_matched_by_what_is_below():
    before = {"a": [{"b": [1, 2]}, {"b": [3, 4]}, {"b": [5]}]}
    after = {"a": [{"b": [4, 3]}, {"b": [5]}, {"b": [2, 1]}]}
    assert found(before, after, rule("a", "unordered"), rule("a/#/b", "unordered", id="N-2")) == []


def test_an_unordered_list_pairs_what_is_most_alike():
    before = {"a": [record(1), record(2), record(3)]}
    after = {"a": [record(3), {**record(1), "ward": "X"}, record(2)]}
    assert found(before, after, rule("a", "unordered")) == [("a/0/ward", "changed")]


def test_two_swapped_identities_show_in_what_they_identify():
    before = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]
    after = [{"id": 2, "name": "Ann"}, {"id": 1, "name": "Bob"}]
    assert found(before, after) == [("0/id", "changed"), ("1/id", "changed")]
    unnamed = [{"nhs": each["id"], "name": each["name"]} for each in before]
    swapped = [{"nhs": each["id"], "name": each["name"]} for each in after]
    assert {word for _, word in found(unnamed, swapped)} <= {"changed", "order"}
    assert any(place.endswith(("nhs", "name")) for place, _ in found(unnamed, swapped))


def test_an_identity_that_is_there_twice_identifies_nothing():
    before = [{"id": 1, "a": 1}, {"id": 1, "a": 2}, {"id": 2}]
    assert found(before, before[1:]) == [("0", "removed")]


def test_an_identity_that_a_rule_lets_differ_identifies_nothing():
    before = [{"id": number, "name": f"N{number}"} for number in (5, 6, 7)]
    after = [{"id": number + 1, "name": f"N{number}"} for number in (5, 6, 7)]
    assert found(before, after, rule("#/id", "sequence")) == []
    assert found(before, [*after[:1], *after[2:]], rule("#/id", "sequence")) == [("1", "removed")]


def volatile(before: Any) -> Aliases:
    return Aliases(ids_in(before), set(), ())


def test_a_key_that_is_a_volatile_id_is_followed_to_its_other_name():
    before = {U1: {"name": "Ann"}, U2: {"name": "Bob"}, "n": 1}
    after = {V2: {"name": "Bob"}, V1: {"name": "Ann"}, "n": 1}
    assert found(before, after, aliases=volatile(before)) == []
    assert found(before, after)[0] == (U1, "removed")
    changed = {V2: {"name": "Bob"}, V1: {"name": "Eve"}, "n": 1}
    assert found(before, changed, aliases=volatile(before)) == [(f"{U1}/name", "changed")]


def test_lists_of_volatile_records_are_aligned_by_what_is_not_volatile():
    before = [{"id": U1, "name": "Ann"}, {"id": U2, "name": "Bob"}]
    after = [{"id": V2, "name": "Bob"}]
    assert found(before, after, aliases=volatile(before)) == [("0", "removed")]


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text("ab"),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text("xy"), below, max_size=4),
    max_leaves=12,
)
relaxed = settings(max_examples=300, deadline=None)


@relaxed
@given(trees)
def test_a_tree_does_not_differ_from_itself(tree: Any):
    assert found(tree, copy.deepcopy(tree)) == []
    binding: Sequence[NoisePattern] = [rule("**/x", "sequence"), rule("**/y", "uuid", id="N-2")]
    assert found(tree, copy.deepcopy(tree), *binding) == []


def same(one: Any, other: Any) -> bool:
    """Whether two trees are the same, independently of how they are compared."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


@relaxed
@given(trees, trees)
def test_two_trees_differ_exactly_if_they_are_not_the_same(one: Any, other: Any):
    assert bool(found(one, other)) == (not same(one, other))
