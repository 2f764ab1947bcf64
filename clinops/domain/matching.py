"""Matching: which element of one list is which of another, by what they are."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from pydantic import JsonValue

Pairs = list[tuple[int, int]]

_IDENTITIES = (
    *("id", "ID", "Id", "uuid", "fullUrl", "key"),
    *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"),
    *("patient_id", "nhs_number", "identifier"),
)
"""Keys that tell elements apart, best first, where each element has another value there."""
_MOST_CELLS = 4_000_000
"""Lists longer than this together are not searched for their longest common order."""
_COMMON = 20
"""Of this many elements alike in one leaf, the leaf says nothing about which is which."""


def matched(
    before: Sequence[JsonValue],
    after: Sequence[JsonValue],
    outlines_before: Sequence[str],
    outlines_after: Sequence[str],
) -> Pairs:
    """Pair the elements of two lists.

    By identity, else by equal outline in their order, else by equal outline anywhere, else by
    what they have most of in common; as many left on both sides are taken in their order.

    Args:
        before: The one list.
        after: The other.
        outlines_before: Of each element, what may not differ.
        outlines_after: The same of the other list.
    """
    both = outlines_before, outlines_after
    pairs = _by_identity(before, after, *both) or _in_order(*both)
    ours, theirs = _left(pairs, len(before), len(after))
    pairs += _by_outline(ours, theirs, *both)
    ours, theirs = _left(pairs, len(before), len(after))
    pairs += _by_likeness(ours, theirs, *both)
    ours, theirs = _left(pairs, len(before), len(after))
    return pairs + (list(zip(ours, theirs, strict=True)) if len(ours) == len(theirs) else [])


def _left(pairs: Pairs, ours: int, theirs: int) -> tuple[list[int], list[int]]:
    one, other = {i for i, _ in pairs}, {j for _, j in pairs}
    return [i for i in range(ours) if i not in one], [j for j in range(theirs) if j not in other]


def _by_identity(
    before: Sequence[JsonValue],
    after: Sequence[JsonValue],
    outlines_before: Sequence[str],
    outlines_after: Sequence[str],
) -> Pairs:
    for key in _IDENTITIES:
        ours = _identities(before, outlines_before, key)
        theirs = _identities(after, outlines_after, key)
        shared = ours.keys() & theirs.keys()
        if len(shared) * 2 >= max(1, min(len(before), len(after))):
            return [(place, theirs[name]) for name, place in ours.items() if name in shared]
    return []


def _identities(elements: Sequence[JsonValue], outlines: Sequence[str], key: str) -> dict[str, int]:
    """Return where each identity is; nothing where they are not one for each element."""
    found: dict[str, int] = {}
    for place, element in enumerate(elements):
        if not isinstance(element, dict) or key not in element:
            return {}
        name = json.dumps(element[key], sort_keys=True)
        # What an outline leaves out (volatile, or ruled) identifies nothing.
        if name in found or f"{json.dumps(key)}: {name}" not in outlines[place]:
            return {}
        found[name] = place
    return found


def _in_order(ours: Sequence[str], theirs: Sequence[str]) -> Pairs:
    if len(ours) * len(theirs) > _MOST_CELLS:
        return []
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [(b.a + step, b.b + step) for b in blocks for step in range(b.size)]


def _by_outline(
    ours: list[int], theirs: list[int], before: Sequence[str], after: Sequence[str]
) -> Pairs:
    free: dict[str, list[int]] = defaultdict(list)
    for j in reversed(theirs):
        free[after[j]].append(j)
    return [(i, free[before[i]].pop()) for i in ours if free[before[i]]]


def _by_likeness(
    ours: list[int], theirs: list[int], before: Sequence[str], after: Sequence[str]
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
