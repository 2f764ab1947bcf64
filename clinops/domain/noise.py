"""Noise rules: `environments/<product>/noise.yaml`, what two identical systems do differently.

A rule explains a difference by its type, never by its frequency, and only where both values fit
the type. A person approves it in git, with owner and expiry. Protected places have no rules.
"""

from __future__ import annotations

import datetime as dt
import re
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, model_validator

from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.manifest import Name, ShortText
from clinops.domain.moment import moment_of, seconds_between
from clinops.domain.protected import DEEP, POSITION, WILD, Path, matches, reachable
from clinops.domain.value import Document

NoiseType = Literal["timestamp", "uuid", "sequence", "counter", "duration", "unordered", "header"]
LONGEST_TOLERANCE: Final = 900
"""Seconds. No shift between time zones or to summer time is as short as that."""
DEFAULT_TOLERANCE: Final = 60
_MOST_SEGMENTS = 30
_MOST_DEEP = 2
_TOKEN = re.compile(r"(?=.*[0-9])[A-Za-z0-9_.+/=:{}-]{16,200}")
"""What a system makes up to know something by: UUIDs, DICOM UIDs, session tokens."""
_WITH_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(\s?[A-Za-zµ]{0,10})")

RuleId = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9][A-Za-z0-9-]{0,62}",
        "must be letters, digits and hyphens, at most 63, and not begin with a hyphen",
        "write it like `N-001`",
    ),
]
ProbeGlob = Annotated[
    str,
    Shape(
        r"[a-z0-9*-]{1,63}",
        "must be the id of a probe, without its parameters; `*` stands for any letters",
        "write it like `study-*`",
    ),
]
PathText = Annotated[
    str,
    Shape(
        r"[^/\x00-\x1f]+(/[^/\x00-\x1f]+)*",
        "must be a place in the answer",
        "write segments joined by `/`, like body/#/created (`#` a position, `*` any, `**` several)",
    ),
]


class NoisePattern(Document):
    """Where a difference of which type is noise."""

    id: RuleId
    probe: ProbeGlob
    path: PathText
    """Segments: a key or position, `#` any position in a list, `*` any one, `**` any number.

    `~1` is a `/` and `~0` a `~` inside a key.
    """
    type: NoiseType
    tolerance_seconds: Annotated[int, Field(ge=1, le=LONGEST_TOLERANCE)] | None = None
    """Of a timestamp: how far two may be apart."""

    @model_validator(mode="after")
    def _is_narrow(self) -> NoisePattern:
        if faults := [*self._faults()]:
            raise refuse(*faults)
        return self

    def _faults(self) -> list[Fault]:
        faults = []
        segments = self.segments
        if len(segments) > _MOST_SEGMENTS or segments.count(DEEP) > _MOST_DEEP:
            mend = f"at most {_MOST_SEGMENTS} segments, `**` at most twice"
            faults.append(Fault("is too long to be decided", mend, at=("path",)))
        elif why := reachable(segments):
            what = f"can mask a protected place: {why}"
            faults.append(Fault(what, "name the exact place that is noise", at=("path",)))
        if self.type == "header" and (len(segments) < 2 or segments[-2] != "headers"):  # noqa: PLR2004
            mend = "write headers/<name>"
            faults.append(Fault("is not that of a header", mend, at=("path",)))
        if self.type == "unordered" and segments[-1] == POSITION:
            # A list inside a list is as a rule a row, and its order tells a name from a surname.
            faults.append(Fault("is that of a row", "name the list by its key", at=("path",)))
        if self.tolerance_seconds is not None and self.type != "timestamp":
            faults.append(Fault("is for timestamps", "leave it out", at=("tolerance_seconds",)))
        return faults

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's segments."""
        return tuple(
            segment.replace("~1", "/").replace("~0", "~") for segment in self.path.split("/")
        )

    def is_for(self, probe: str) -> bool:
        """Whether it is for the probe with that id."""
        return fnmatchcase(probe, self.probe)

    def covers(self, path: Path) -> bool:
        """Whether it is for that place."""
        last = self.segments[-1]
        if last not in WILD and (not path or str(path[-1]) != last):
            return False
        return matches(self.segments, path)

    def fits(self, before: JsonValue, after: JsonValue) -> bool:
        """Whether both values are of its type, and as far apart as the type lets them be."""
        if self.type == "timestamp":
            return self._close(before, after)
        if self.type == "duration":
            return _unit_of(before) is not None and _unit_of(before) == _unit_of(after)
        return type(before) is type(after) and all(map(_TESTS[self.type], (before, after)))

    def _close(self, before: JsonValue, after: JsonValue) -> bool:
        one, other = moment_of(before), moment_of(after)
        apart = seconds_between(one, other) if one and other else None
        return apart is not None and apart <= (self.tolerance_seconds or DEFAULT_TOLERANCE)


class NoiseRule(NoisePattern):
    """A pattern that somebody answers for, until a day."""

    reason: ShortText
    owner: ShortText
    expires: dt.date
    """The last day on which it holds."""

    def holds(self, day: dt.date) -> bool:
        """Whether it has not expired on that day."""
        return day <= self.expires


class Noise(Document):
    """All noise rules of a product."""

    schema_version: Literal[1] = Field(alias="schema")
    product: Name
    rules: list[NoiseRule]

    @model_validator(mode="after")
    def _each_id_once(self) -> Noise:
        ids = [rule.id for rule in self.rules]
        faults = [
            Fault("is the id of an earlier rule", "give it one of its own", at=at)
            for position, rule in enumerate(ids)
            if rule in ids[:position]
            for at in [("rules", position, "id")]
        ]
        if faults:
            raise refuse(*faults)
        return self


def _is_count(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdecimal()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_token(value: JsonValue) -> bool:
    return isinstance(value, str) and bool(_TOKEN.fullmatch(value))


def _is_header(value: JsonValue) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str) for text in texts)


def _unit_of(value: JsonValue) -> str | None:
    """Return the unit that a duration is written with; None for what is no duration."""
    if isinstance(value, str):
        found = _WITH_UNIT.fullmatch(value)
        return f"text{found[2]}" if found else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return "number"


_TESTS = {
    "uuid": _is_token,
    "sequence": _is_count,
    "counter": _is_count,
    "unordered": lambda value: isinstance(value, list),
    "header": _is_header,
}
