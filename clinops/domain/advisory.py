"""Advisories: which versions of which packages have a known vulnerability, as others published it.

OSV and CSAF documents are brought into this one form; `clinops.domain.vex` has what vendors say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, StringConstraints

from clinops.domain.materials import Text
from clinops.domain.package_source import Origin, kind_of
from clinops.domain.package_version import in_range, order
from clinops.domain.value import Value

HIGH: Final = 7.0
CRITICAL: Final = 9.0
MEDIUM: Final = 4.0

AdvisoryId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Said = Annotated[str, StringConstraints(max_length=4000)]


class Severity(StrEnum):
    """How bad it is, the worst first; what nobody disclosed may be the worst."""

    CRITICAL = "critical"
    HIGH = "high"
    UNDISCLOSED = "not disclosed"
    MEDIUM = "medium"
    LOW = "low"


_RATED: Final[Sequence[Severity]] = [one for one in Severity if one != Severity.UNDISCLOSED]


def severity_of(score: float | None, word: str = "") -> Severity:
    """Return the worse of what the score says and what whoever published it says."""
    said = {"moderate": "medium", "important": "high"}.get(word.lower(), word.lower())
    known = [one for one in _RATED if one == said]
    if score is not None:
        known.append(_by_score(score))
    return min(known, key=list(Severity).index, default=Severity.UNDISCLOSED)


def _by_score(score: float) -> Severity:
    if score >= CRITICAL:
        return Severity.CRITICAL
    if score >= HIGH:
        return Severity.HIGH
    return Severity.MEDIUM if score >= MEDIUM else Severity.LOW


class Interval(Value):
    """Versions from one on; up to another one, or up to and with it, or without end."""

    introduced: Text = "0"
    fixed: Text | None = None
    last: Text | None = None

    def holds(self, kind: str, version: str) -> bool | None:
        """Whether a version is in it; none where nobody can tell."""
        if self.introduced != "0":
            since = order(kind, self.introduced, version)
            if since is None or since > 0:
                return None if since is None else False
        if self.fixed is not None:
            until = order(kind, version, self.fixed)
            return None if until is None else until < 0
        if self.last is not None:
            until = order(kind, version, self.last)
            return None if until is None else until <= 0
        return True


class Affected(Value):
    """One package, and which of its versions."""

    ecosystem: Text
    name: Text
    versions: tuple[Text, ...] = Field(default=(), max_length=20_000)
    intervals: tuple[Interval, ...] = Field(default=(), max_length=2_000)
    range: Text | None = None
    """A range in the notation `vers:`, in place of intervals."""

    def holds(self, origin: Origin) -> bool | None:
        """Whether a version of it is affected; none where nobody can tell."""
        kind = kind_of(self.ecosystem)
        if origin.version in self.versions:
            return True
        if kind is None:
            return None
        answers = [one.holds(kind, origin.version) for one in self.intervals]
        if self.range is not None:
            answers.append(in_range(self.range, kind, origin.version))
        if True in answers:
            return True
        return None if None in answers or not (answers or self.versions) else False

    def is_of(self, origin: Origin) -> bool:
        """Whether it is that package, in that release of the distribution or in any."""
        family, _, release = self.ecosystem.partition(":")
        theirs, _, their_release = origin.ecosystem.partition(":")
        same = family == theirs and (release == their_release or not (release and their_release))
        return same and self.name == origin.name

    @property
    def fixed_in(self) -> tuple[str, ...]:
        """The versions that mend it, as far as anybody says."""
        return tuple(one.fixed for one in self.intervals if one.fixed is not None)


class Advisory(Value):
    """One published vulnerability."""

    id: AdvisoryId
    aliases: tuple[AdvisoryId, ...] = Field(default=(), max_length=1_000)
    """Its other names, such as a CVE."""
    published: AwareDatetime
    modified: AwareDatetime
    severity: Severity = Severity.UNDISCLOSED
    score: float | None = None
    """CVSS base score; none where nobody gave one that can be read."""
    summary: Said = ""
    affected: tuple[Affected, ...] = Field(default=(), max_length=20_000)

    @property
    def names(self) -> frozenset[str]:
        """Everything that it is called."""
        return frozenset((self.id, *self.aliases))


class AdvisorySource(Value):
    """One import: where advisories come from, and how old they are."""

    name: AdvisoryId
    imported: AwareDatetime
    as_of: AwareDatetime | None
    """When the newest of them was changed; none where none says so."""
    digest: str
    """Of what was imported."""
    advisories: int
    skipped: int
    """Documents that could not be read."""
    covers: tuple[str, ...] = ()
    """Ecosystems of which it is all there was: nothing else proves that a package is clean."""
    alert: bool = False
    """Whether these are NHS high-severity alerts."""

    def age(self, now: dt.datetime) -> dt.timedelta | None:
        """How old the data is; none where nobody knows."""
        return None if self.as_of is None else max(now - self.as_of, dt.timedelta(0))

    def is_stale(self, now: dt.datetime, days: int) -> bool:
        """Whether it is too old for anything to be clean by it."""
        age = self.age(now)
        return age is None or age > dt.timedelta(days=days)

    def told(self, now: dt.datetime, days: int) -> str:
        """Say how old it is."""
        age = self.age(now)
        old = "of an age that nobody knows" if age is None else f"{_days(age)} old"
        stale = f", older than {days} days: STALE" if self.is_stale(now, days) else ""
        return f"{self.name}: {old}{stale}"


def _days(age: dt.timedelta) -> str:
    days = age.days
    return "less than a day" if not days else f"{days} day{'' if days == 1 else 's'}"
