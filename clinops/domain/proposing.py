"""Proposing: noise rules that would explain how two identical baselines differ.

A proposal is none of the rules: a person takes it over, with a reason, an owner and an expiry.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue, ValidationError

from clinops.domain.alias import Aliases, Renaming, ids_in
from clinops.domain.grouping import bare, general
from clinops.domain.judging import Judge
from clinops.domain.moment import moment_of, seconds_between
from clinops.domain.noise import LONGEST_TOLERANCE, NoisePattern, NoiseType
from clinops.domain.observation import Observation
from clinops.domain.protected import ANY, POSITION, is_protected
from clinops.domain.structure import Change, changes

_TYPES: Final[tuple[NoiseType, ...]] = (
    "timestamp", "uuid", "sequence", "counter", "duration", "unordered", "header"
)  # fmt: skip
"""The narrowest first."""
_TOLERANCES: Final = (5, 15, 60, 300, LONGEST_TOLERANCE)
_SPARE: Final = 3
"""Times the widest difference seen: one run is not all runs."""


def proposed(a: Sequence[Observation], a2: Sequence[Observation]) -> list[NoisePattern]:
    """Find the narrowest patterns that explain the noise; none for protected places.

    Args:
        a: What one baseline answered.
        a2: What the other answered, in the same order.
    """
    places: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for probe, change in _noise(a, a2):
        if not is_protected(change.path) and change.kind == "changed":
            places[probe, _pattern(change)].append(change)
    found = [
        (probe, path, seen)
        for (probe, path), seen_there in places.items()
        if (seen := _narrowest(seen_there))
    ]
    shared = _shared_headers(found)
    made: dict[str, NoisePattern] = {}
    for probe, path, (kind, tolerance) in dict.fromkeys(
        ("*" if path in shared else probe, path, seen) for probe, path, seen in found
    ):
        name = _free(_name(probe, path), made)
        try:
            made[name] = NoisePattern(
                id=name, probe=probe, path=path, type=kind, tolerance_seconds=tolerance
            )
        except ValidationError:  # the place can't be told from a protected one
            continue
    return list(made.values())


def _noise(a: Sequence[Observation], a2: Sequence[Observation]) -> Iterator[tuple[str, Change]]:
    theirs = {name for each in a2 for name in ids_in(each.answer)}
    ours = dict.fromkeys(name for each in a for name in ids_in(each.answer))
    volatile = [name for name in ours if name not in theirs]
    judge = Judge((), Aliases(volatile, theirs.intersection(ours), ()))
    answers = {each.probe: each for each in a2 if not each.problem}
    for one in a:
        other = answers.get(one.probe)
        if other and not one.problem:
            found = changes(one.answer, other.answer, judge.of(bare(one.probe)))
            yield from ((bare(one.probe), change) for change in found)


def _pattern(change: Change) -> str:
    segments = zip(change.path, general(change), strict=True)
    return "/".join(
        POSITION if isinstance(segment, int) else generalised for segment, generalised in segments
    )


def _narrowest(seen: Sequence[Change]) -> tuple[NoiseType, int | None] | None:
    for kind in _TYPES:
        tolerance = _tolerance(seen) if kind == "timestamp" else None
        if kind == "timestamp" and tolerance is None:
            continue
        if all(_fits(kind, change, tolerance) for change in seen) and _consistent(kind, seen):
            return kind, tolerance
    return None


def _fits(kind: NoiseType, change: Change, tolerance: int | None) -> bool:
    if kind == "unordered" or change.order:
        return kind == "unordered" and change.order
    if kind == "header" and (len(change.path) < 2 or change.path[-2] != "headers"):  # noqa: PLR2004
        return False
    path = "headers/x" if kind == "header" else "x"
    pattern = NoisePattern(id="x", probe="*", path=path, type=kind, tolerance_seconds=tolerance)
    return pattern.fits(change.before, change.after)


def _consistent(kind: NoiseType, seen: Sequence[Change]) -> bool:
    """Whether ids stand for each other one to one; a serial number alone might be a counter."""
    if kind == "uuid":
        renaming = Renaming()
        return all(renaming.takes(str(each.before), str(each.after)) for each in seen)
    if kind == "sequence":
        renaming = Renaming(ordered=True)
        pairs = [(_number(each.before), _number(each.after)) for each in seen]
        return len(set(pairs)) > 1 and all(renaming.takes(*pair) for pair in pairs)
    return True


def _number(value: JsonValue) -> int:
    return int(str(value))


def _tolerance(seen: Sequence[Change]) -> int | None:
    widest = 0.0
    for change in seen:
        one, other = moment_of(change.before), moment_of(change.after)
        apart = seconds_between(one, other) if one and other else None
        if apart is None or apart > LONGEST_TOLERANCE:
            return None
        widest = max(widest, apart)
    wanted = math.ceil(widest * _SPARE)
    return next((each for each in _TOLERANCES if wanted <= each), LONGEST_TOLERANCE)


def _shared_headers(found: Sequence[tuple[str, str, object]]) -> set[str]:
    probes: dict[str, set[str]] = defaultdict(set)
    for probe, path, _ in found:
        if path.startswith("headers/"):
            probes[path].add(probe)
    return {path for path, named in probes.items() if len(named) > 1}


def _name(probe: str, path: str) -> str:
    last = next((s for s in reversed(path.split("/")) if s not in {POSITION, ANY}), "")
    text = re.sub(r"[^A-Za-z0-9]+", "-", f"{probe}-{last}").strip("-")
    return text[:50] or "noise"


def _free(name: str, taken: dict[str, NoisePattern]) -> str:
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)
