"""Whatever the answers and the rules: no difference is made up, and none that matters is hidden."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.noise import NoiseRule
from clinops.domain.protected import is_protected
from clinops.domain.structure import identical
from tests.fakes.observations import TOKENS, compared, rule

KEYS = ["PatientID", "name", "unit", "value", "result", "created", "count", "list", "PID", "3"]
values = st.one_of(
    st.integers(0, 9),
    st.sampled_from(["a", "10:15:00", "2026-01-31T10:00:00Z", TOKENS[0], "1.2.826.0.1.3680043"]),
)
trees = st.recursive(
    values,
    lambda below: (
        st.lists(below, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), below, min_size=1, max_size=4)
    ),
    max_leaves=10,
)
TYPES = ["timestamp", "uuid", "sequence", "counter", "duration"]
segments = st.sampled_from([*KEYS, "*", "**", "#"])


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if not isinstance(tree, dict | list):
        yield path
        return
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from leaves(below, (*path, key))


def mutated(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(tree)
    changed[path[0]] = mutated(tree[path[0]], path[1:], value)
    return changed


def possible(path: list[str], kind: str) -> NoiseRule | None:
    try:
        return rule("/".join(path), kind)
    except ValueError:
        return None


rules = st.lists(
    st.builds(possible, st.lists(segments, min_size=1, max_size=4), st.sampled_from(TYPES)),
    max_size=3,
).map(lambda made: [each for each in made if each])
relaxed = settings(max_examples=400, deadline=None)


@relaxed
@given(trees, rules)
def test_a_system_never_differs_from_itself(tree: Any, noise: list[NoiseRule]):
    named = [each.model_copy(update={"id": f"N-{n}"}) for n, each in enumerate(noise)]
    found = compared(tree, tree, tree, *named)
    assert (found.groups, found.noise) == ((), ())


@relaxed
@given(trees, values, st.data())
def test_any_single_mutation_is_found_unless_a_rule_explains_it(
    tree: Any, value: Any, data: st.DataObject
):
    place = data.draw(st.sampled_from([*leaves(tree)]))
    offered = mutated(tree, place, value)
    found = compared(tree, tree, offered)
    assert bool(found.groups) == (not identical(tree, offered))
    assert found.noise == ()


@relaxed
@given(trees, values, rules, st.data())
def test_no_rule_ever_hides_a_protected_mutation(
    tree: Any, value: Any, noise: list[NoiseRule], data: st.DataObject
):
    place = data.draw(st.sampled_from([*leaves(tree)]))
    offered = mutated(tree, place, value)
    if not is_protected(place) or identical(tree, offered):
        return
    named = [each.model_copy(update={"id": f"N-{n}"}) for n, each in enumerate(noise)]
    assert any(group.protected for group in compared(tree, tree, offered, *named).groups)
