"""Matching: which element of one list is which of another, by what they are."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from pydantic import JsonValue

Pairs = list[tuple[int, int]]
Outline = Callable[[int, JsonValue], str]

IDENTITIES = (
    *("id", "ID", "Id", "uuid", "fullUrl", "key"),
    *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"),
    *("patient_id", "nhs_number", "identifier"),
)
"""Keys that tell elements apart, best first, where each element has another value there."""
_MOST_CELLS = 10_000
"""Longer lists are not searched for their longest common order: a hostile one takes its cube."""
_COMMON = 20
"""Of this many elements alike in one leaf, the leaf says nothing about which is which."""


def matched(before: Sequence[JsonValue], after: Sequence[JsonValue], outline: Outline) -> Pairs:
    """Pair the elements of two lists.

    By identity where that keeps their order, else by equal outline in their order, else by equal
    outline anywhere, else by what they have most of in common; as many left on both sides are
    taken in their order. So swapped identities show as what they are, not as all else swapped.

    Args:
        before: The one list.
        after: The other.
        outline: Gives what may not differ of an element at a position.
    """
    pairs = _by_identity(before, after, outline)
    ours, theirs = _left(pairs, len(before), len(after))
    if not ours and not theirs:
        return pairs
    one = {i: outline(i, before[i]) for i in ours}
    other = {j: outline(j, after[j]) for j in theirs}
    for pair in (_in_order, _by_outline, _by_likeness):
        ours, theirs = _left(pairs, len(before), len(after))
        pairs += pair(ours, theirs, one, other)
    ours, theirs = _left(pairs, len(before), len(after))
    return pairs + (list(zip(ours, theirs, strict=True)) if len(ours) == len(theirs) else [])


def _left(pairs: Pairs, ours: int, theirs: int) -> tuple[list[int], list[int]]:
    one, other = {i for i, _ in pairs}, {j for _, j in pairs}
    return [i for i in range(ours) if i not in one], [j for j in range(theirs) if j not in other]


def _by_identity(
    before: Sequence[JsonValue], after: Sequence[JsonValue], outline: Outline
) -> Pairs:
    for key in IDENTITIES:
        ours, theirs = (_identities(each, key, outline) for each in (before, after))
        shared = ours.keys() & theirs.keys()
        if len(shared) * 2 >= max(1, min(len(before), len(after))):
            pairs = [(place, theirs[name]) for name, place in ours.items() if name in shared]
            return pairs if all(one[1] < other[1] for one, other in pairwise(pairs)) else []
    return []


def _identities(elements: Sequence[JsonValue], key: str, outline: Outline) -> dict[str, int]:
    """Return where each identity is; nothing where they are not one for each element."""
    found: dict[str, int] = {}
    for place, element in enumerate(elements):
        if not isinstance(element, dict) or key not in element:
            return {}
        found[repr(element[key])] = place
    if len(found) < len(elements) or not elements:
        return {}
    # What an outline leaves out (volatile, or ruled) identifies nothing.
    sample = {key: elements[0][key]} if isinstance(elements[0], dict) else {}
    return found if outline(0, sample) == json.dumps(sample, sort_keys=True) else {}


def _in_order(
    ours: list[int], theirs: list[int], before: dict[int, str], after: dict[int, str]
) -> Pairs:
    if len(ours) * len(theirs) > _MOST_CELLS:
        return []
    texts = [before[i] for i in ours], [after[j] for j in theirs]
    blocks = SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks()
    return [(ours[b.a + step], theirs[b.b + step]) for b in blocks for step in range(b.size)]


def _by_outline(
    ours: list[int], theirs: list[int], before: dict[int, str], after: dict[int, str]
) -> Pairs:
    free: dict[str, list[int]] = defaultdict(list)
    for j in reversed(theirs):
        free[after[j]].append(j)
    return [(i, free[before[i]].pop()) for i in ours if free[before[i]]]


def _by_likeness(
    ours: list[int], theirs: list[int], before: dict[int, str], after: dict[int, str]
) -> Pairs:
    having: dict[str, list[int]] = defaultdict(list)
    for j in theirs:
        for leaf in set(_leaves(json.loads(after[j]))):
            having[leaf].append(j)
    scores = Counter(
        (i, j)
        for i in ours
        for leaf in set(_leaves(json.loads(before[i])))
        if len(having.get(leaf, ())) <= _COMMON
        for j in having.get(leaf, ())
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for (i, j), _ in sorted(scores.items(), key=lambda s: (-s[1], abs(s[0][0] - s[0][1]), s[0])):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return list(pairs.items())


def _leaves(tree: JsonValue, path: str = "") -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}/{key}")
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, f"{path}/")
    else:
        yield f"{path}={json.dumps(tree)}"
