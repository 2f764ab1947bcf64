"""Grouping: one line for one cause, under a subject that is the same in every run."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from clinops.domain.alias import ID, Aliases
from clinops.domain.comparison import Example, Group
from clinops.domain.excerpt import excerpts, odd_ones_first
from clinops.domain.matching import IDENTITIES
from clinops.domain.moment import moment_of
from clinops.domain.observation import WRITTEN_NUMBER, Observation
from clinops.domain.protected import Path, is_protected, touches
from clinops.domain.structure import Change, identical

MOST_EXAMPLES: Final = 5
_LONGEST_VALUE = 40
_LONGEST_KEY = 60
_LONGEST_PATH = 200
_DATA_ID = re.compile(r"[0-9]{4,}|(?=.*[0-9])[0-9a-f]{24,}|[0-9.]{14,}")
"""Keys that name a record, not a kind of thing."""
_DICOM_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_BELOW_TAG = frozenset({"vr", "Value", "BulkDataURI", "InlineBinary"})
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})((?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,2})?)")
_COMMON = frozenset({"status", "headers"})
"""Parts of an answer that mean the same whatever was asked."""


@dataclass(frozen=True)
class Occurrence:
    """One change in one answer."""

    observation: Observation
    """Of the baseline."""
    change: Change
    before: str
    """For people, with aliases."""
    after: str
    word: str = ""
    """What happened, where it was no change of a value in the answer."""

    @cached_property
    def probe(self) -> str:
        """The probe's id, without parameters."""
        return bare(self.observation.probe)

    @cached_property
    def place(self) -> tuple[str, ...]:
        """Where it is, as it reads for all records and runs."""
        return general(self.change)

    @property
    def protected(self) -> bool:
        """Whether it touches what may never differ unseen."""
        change = self.change
        if change.order:
            return is_protected((*change.path, 0))
        if change.path[-1:] and change.path[-1] in IDENTITIES:
            return True  # another record than before, or the same one under another name
        return touches(change.path, change.before) or touches(change.path, change.after)

    @property
    def example(self) -> Example:
        """Show it."""
        return Example(
            probe=self.observation.probe,
            path=path_text(self.change.path),
            before=self.before,
            after=self.after,
        )


def bare(probe: str) -> str:
    """Return a probe's id without its parameters."""
    return probe.partition("[")[0]


def path_text(path: Path) -> str:
    """Write a place as `body/0/PatientName`; a `/` inside a key is `~1`."""
    return "/".join(_printable(_escaped(str(segment))) for segment in path)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def general(change: Change) -> tuple[str, ...]:
    """Generalise the place of a change: `*` for positions and for keys that name a record."""
    path = change.path
    below = [*path[1:], *_first_keys(change)][: len(path)]
    following = [*below, *[""] * (len(path) - len(below))]
    return tuple(map(_general, path, following))


def _first_keys(change: Change) -> list[str]:
    shown = change.before if change.before is not None else change.after
    return list(shown)[:1] if isinstance(shown, dict) else []


def _general(segment: str | int, below: str | int) -> str:
    if isinstance(segment, int):
        return "*"
    if _DICOM_TAG.fullmatch(segment) and below in _BELOW_TAG:
        return segment
    if _DATA_ID.fullmatch(segment) or ID.search(segment):
        return "*"
    return _short(_printable(_escaped(segment)), _LONGEST_KEY)


def _short(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}…{sha256(text.encode(errors='replace')).hexdigest()[:8]}"


def shown(before: JsonValue, after: JsonValue, aliases: Aliases) -> tuple[str, str]:
    """Show two values, cut around the first place where they differ."""
    texts = isinstance(before, str) and isinstance(after, str)
    one, other = (str(each) if texts else _json(each) for each in (before, after))
    one, other = excerpts(aliases.shown(one), aliases.shown(other, of_other=True))
    if identical(before, after):
        other = f"{other}, which stands for another one than elsewhere"
    return one, other


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def groups(occurrences: Sequence[Occurrence]) -> tuple[Group, ...]:
    """Group what has one cause; what touches protected places first."""
    pairs = Counter(key for each in occurrences if (key := _pair_key(each)))
    found: dict[tuple[str, str], list[Occurrence]] = defaultdict(list)
    for each in occurrences:
        key = _pair_key(each)
        subject = _subject(each)
        if how := _rewritten(each.change):
            subject = _rewritten_subject(each, how)
        elif key and (pairs[key] > 1 or _is_status(each.place)):
            subject = _pair_subject(each)
        found[subject, each.change.kind].append(each)
    made = [_group(subject, each) for (subject, _), each in found.items()]
    return tuple(sorted(made, key=lambda group: (not group.protected, group.subject)))


def _group(subject: str, found: Sequence[Occurrence]) -> Group:
    telling = odd_ones_first(found, lambda each: (each.before, each.after))
    return Group(
        subject=subject,
        change=found[0].change.kind,
        protected=any(each.protected for each in found),
        count=len(found),
        hazards=tuple(sorted({hazard for each in found for hazard in each.observation.hazards})),
        examples=tuple(each.example for each in telling[:MOST_EXAMPLES]),
    )


def _is_status(place: Sequence[str]) -> bool:
    """Whether a place is an answer's status, each change of which is another matter."""
    return [segment for segment in place if segment != "*"] == ["status"]


def _rewritten(change: Change) -> str:
    """Tell a number that is written as text of the same number, or the other way round."""
    before, after = _number(change.before), _number(change.after)
    if before is None or after is None or before[0] != after[0] or before[1] == after[1]:
        return ""
    return "text is written as numbers" if before[1] else "numbers are written as text"


def _number(value: JsonValue) -> tuple[int | float, bool] | None:
    """Return a number, and whether it is written as text; None for anything else.

    Text counts as a number only as JSON would write one: `007` and `+5` are no numbers but names.
    Whole ones are exact at any length, since they may be identifiers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    written = str(value).removeprefix(WRITTEN_NUMBER)
    found = _NUMBER.fullmatch(written)
    if not found:
        return None
    text = isinstance(value, str) and not value.startswith(WRITTEN_NUMBER)
    return (float(written) if found[1] else int(written)), text


def _rewritten_subject(each: Occurrence, how: str) -> str:
    """Name it for the whole answer: where one number is rewritten, all are."""
    part = next((segment for segment in each.place if segment != "*"), "answer")
    return f"{_kind(each.observation)} {part}: {how}"


def _pair_key(each: Occurrence) -> tuple[str, tuple[str, ...], str, str] | None:
    """Return what a change shares with others that replace the same value by the same one."""
    change = each.change
    if each.word or change.order or change.kind != "changed":
        return None
    if not (_lasting(change.before) and _lasting(change.after)):
        return None
    return _kind(each.observation), each.place, _json(change.before), _json(change.after)


def _lasting(value: JsonValue) -> bool:
    """Whether a value is short, and will be the same in the next run."""
    if isinstance(value, dict | list):
        return False
    text = _json(value)
    return len(text) <= _LONGEST_VALUE and not ID.search(text) and moment_of(value) is None


def _pair_subject(each: Occurrence) -> str:
    before, after = (_printable(_json(v)) for v in (each.change.before, each.change.after))
    return f"{_kind(each.observation)} {_joined(each.place)}: changed from {before} to {after}"


def _subject(each: Occurrence) -> str:
    """Name a cause: by the probe, unless what changed means the same whatever was asked."""
    if each.word:
        return f"{each.probe}: {each.word}"
    change = each.change
    named = [segment for segment in each.place if segment != "*"]
    # A whole part of an answer that is gone says nothing of another probe's.
    whole = change.kind == "removed" and len(named) == 1
    by_name = change.kind != "changed" and each.place[-1:] not in {("*",), ()} and not whole
    common = bool(named) and named[0] in _COMMON and not whole
    scope = _kind(each.observation) if by_name or common else each.probe
    word: str = "order changed" if change.order else change.kind
    if change.kind == "changed" and _type(change.before) != _type(change.after):
        word = f"changed from {_type(change.before)} to {_type(change.after)}"
    return f"{scope} {_joined(each.place)}: {word}"


def _joined(place: Sequence[str]) -> str:
    return _short("/".join(place), _LONGEST_PATH) or "answer"


def _type(value: JsonValue) -> str:
    names = {bool: "yes or no", int: "number", float: "number", str: "text", dict: "object"}
    return "nothing" if value is None else names.get(type(value), "list")


def _kind(observation: Observation) -> str:
    """Return what kind of call a probe is; its own id where nobody says."""
    return observation.kind or bare(observation.probe)
