"""Comparing: what the candidate answers otherwise than two identical baselines do.

A difference counts where both baselines agree, to the letter or by a rule, and the candidate does
not. Where they disagree and no rule says why, nothing is known. Frequency never explains anything.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from clinops.domain.alias import Aliases, ids_in
from clinops.domain.comparison import Comparison, Example
from clinops.domain.grouping import Occurrence, bare, groups, path_text, shown
from clinops.domain.judging import Judge
from clinops.domain.noise import NoiseRule
from clinops.domain.observation import Observation
from clinops.domain.proposing import proposed
from clinops.domain.protected import Path
from clinops.domain.structure import Change, changes

__all__ = ["compare", "is_much_slower", "proposed"]

MOST_NOISE: Final = 50
_TIME_CLASSES: Final = ((100.0, "under 0.1 s"), (1000.0, "under 1 s"), (10000.0, "under 10 s"))
_WORST: Final = "10 s or more"
_WORSE_BY: Final = 2


class _Row(NamedTuple):
    """The answers of all three to one question."""

    one: Observation
    other: Observation
    candidate: Observation | None


def compare(
    a: Sequence[Observation],
    a2: Sequence[Observation],
    b: Sequence[Observation],
    rules: Sequence[NoiseRule],
    day: dt.date,
) -> Comparison:
    """Hold the candidate's answers against those of two identical baselines.

    Args:
        a: What the version in use answered, in the order in which it was asked.
        a2: What an identical replica of it answered.
        b: What the candidate answered.
        rules: The product's noise rules, expired ones too.
        day: The day on which a rule must hold.
    """
    rows, unanswered = _rows(a, a2, b)
    in_force = [rule for rule in rules if rule.holds(day)]
    aliases = _aliases(rows)
    baselines, offered = (Judge(in_force, each) for each in aliases)
    noise: list[Example] = []
    found: list[Occurrence] = []
    for row in rows:
        noisy = list(_between(row.one, row.other, baselines))
        noise += [_example(row.one, change, aliases[0]) for change in noisy]
        places = {change.path for change in noisy}
        found += (each for each in _against(row, offered) if not _is_below(each, places))
    return Comparison(
        probes=len({bare(each.probe) for each in (*a, *a2, *b)}),
        answers=sum(row.candidate is not None for row in rows),
        groups=groups(found),
        noise=tuple(noise[:MOST_NOISE]),
        rules_used=tuple(sorted(baselines.used | offered.used)),
        unanswered=tuple(unanswered),
    )


def _rows(
    a: Sequence[Observation], a2: Sequence[Observation], b: Sequence[Observation]
) -> tuple[list[_Row], list[str]]:
    ones, others, candidates = map(_by_question, (a, a2, b))
    rows, unanswered = [], []
    for question in dict.fromkeys((*ones, *others, *candidates)):
        one, other = ones.get(question), others.get(question)
        if one and other and not one.problem and not other.problem:
            rows.append(_Row(one, other, candidates.get(question)))
        else:
            problems = [each.problem if each else "was not asked" for each in (one, other)]
            unanswered.append(f"{question[0]}: {next(filter(None, problems))}")
    return rows, unanswered


def _by_question(observations: Sequence[Observation]) -> dict[tuple[str, int], Observation]:
    """Return each observation by its probe, and by how often that was asked before."""
    asked: Counter[str] = Counter()
    found = {}
    for each in observations:
        found[each.probe, asked[each.probe]] = each
        asked[each.probe] += 1
    return found


def _aliases(rows: Sequence[_Row]) -> tuple[Aliases, Aliases]:
    """Find the volatile ids: for the other baseline, and for the candidate."""
    ours, theirs = _ids(row.one for row in rows), _ids(row.other for row in rows)
    volatile = [name for name in ours if name not in theirs]
    if not volatile:
        return Aliases((), set(), ()), Aliases((), set(), ())
    seeded = ours.keys() & theirs.keys()
    offered = _ids(row.candidate for row in rows if row.candidate)
    return Aliases(volatile, seeded, ()), Aliases(volatile, seeded, offered)


def _ids(observations: Iterable[Observation]) -> dict[str, None]:
    """Return all ids by their first occurrence."""
    found: dict[str, None] = {}
    for each in observations:
        found |= ids_in(each.answer)
    return found


def _between(one: Observation, other: Observation, judge: Judge) -> Iterator[Change]:
    yield from changes(one.answer, other.answer, judge.of(bare(one.probe)))


def _against(row: _Row, judge: Judge) -> Iterator[Occurrence]:
    offered = row.candidate
    if offered is None or offered.problem:
        why = offered.problem if offered else "was not asked"
        change = Change((), "removed", row.one.answer, None)
        yield Occurrence(row.one, change, "an answer", f"none: {why}", "not answered")
        return
    for change in _between(row.one, offered, judge):
        yield Occurrence(row.one, change, *_shown(change, judge.aliases))
    yield from _slower(row, offered)


def is_much_slower(one: Observation, other: Observation, offered: Observation) -> bool:
    """Say whether an answer falls at least two time classes behind both baselines'."""
    before = max(_time_class(one), _time_class(other))
    return _time_class(offered) - before >= _WORSE_BY


def _slower(row: _Row, offered: Observation) -> Iterator[Occurrence]:
    if is_much_slower(row.one, row.other, offered):
        before = max(_time_class(row.one), _time_class(row.other))
        after = _time_class(offered)
        names = [*(name for _, name in _TIME_CLASSES), _WORST]
        change = Change((), "changed", None, None)
        yield Occurrence(row.one, change, names[before], names[after], "time class changed")


def _time_class(observation: Observation) -> int:
    return sum(observation.milliseconds >= limit for limit, _ in _TIME_CLASSES)


def _is_below(each: Occurrence, places: set[Path]) -> bool:
    path = each.change.path
    return not each.word and any(path[:length] in places for length in range(len(path) + 1))


def _example(one: Observation, change: Change, aliases: Aliases) -> Example:
    before, after = _shown(change, aliases)
    return Example(probe=one.probe, path=path_text(change.path), before=before, after=after)


def _shown(change: Change, aliases: Aliases) -> tuple[str, str]:
    if change.order:
        return "one order", "another"
    before, after = shown(change.before, change.after, aliases)
    absent = {"added": ("not there", after), "removed": (before, "not there")}
    return absent.get(change.kind, (before, after))
