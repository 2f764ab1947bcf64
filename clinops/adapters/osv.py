"""OSV: advisories as https://ossf.github.io/osv-schema/ has them, as much as is read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from packageurl import PackageURL
from pydantic import AwareDatetime, BaseModel, Field

from clinops.domain.advisory import Advisory, Affected, Interval, Severity, severity_of
from clinops.domain.cvss import base_score
from clinops.domain.package_source import (
    ecosystem_of,
    name_of,
    usual_ecosystem,
    usual_name,
)


class _Event(BaseModel):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class _Range(BaseModel):
    type: str
    events: list[_Event] = Field(default=[], max_length=10_000)

    def intervals(self) -> Iterator[Interval]:
        """Pair the events up; where they don't stand in order, rather too many versions."""
        since: str | None = None
        for event in self.events:
            if event.introduced is not None:
                if since is not None:
                    yield Interval(introduced=since)
                since = event.introduced
            elif since is not None and (event.fixed or event.last_affected) is not None:
                yield Interval(introduced=since, fixed=event.fixed, last=event.last_affected)
                since = None
        if since is not None:
            yield Interval(introduced=since)


class _Package(BaseModel):
    ecosystem: str = ""
    name: str = ""
    purl: str = ""


class _Rated(BaseModel):
    type: str
    score: str


class _Affected(BaseModel):
    package: _Package | None = None
    ranges: list[_Range] = Field(default=[], max_length=1_000)
    versions: list[str] = []
    severity: list[_Rated] = []
    ecosystem_specific: dict[str, Any] | None = None

    def read(self) -> Affected | None:
        """Return it in our form; none where it names no package (a git repository alone)."""
        if self.package is None:
            return None
        ecosystem, name = _named(self.package)
        if not ecosystem:
            return None
        kept = [one for one in self.ranges if one.type in {"ECOSYSTEM", "SEMVER"}]
        return Affected(
            ecosystem=ecosystem,
            name=name,
            versions=tuple(self.versions),
            intervals=tuple(found for one in kept for found in one.intervals()),
        )


class Osv(BaseModel):
    """One document."""

    id: str
    modified: AwareDatetime
    published: AwareDatetime | None = None
    withdrawn: AwareDatetime | None = None
    aliases: list[str] = []
    upstream: list[str] = []
    summary: str = ""
    details: str = ""
    severity: list[_Rated] = []
    database_specific: dict[str, Any] | None = None
    affected: list[_Affected] = Field(default=[], max_length=20_000)

    def advisories(self) -> Iterator[Advisory]:
        """Yield it in our form; nothing where it was withdrawn."""
        if self.withdrawn is not None:
            return
        read = (one.read() for one in self.affected)
        rated = [*self.severity, *(rating for one in self.affected for rating in one.severity)]
        scores = [score for one in rated if (score := base_score(one.score)) is not None]
        score = max(scores, default=None)
        yield Advisory(
            id=self.id,
            aliases=tuple(dict.fromkeys([*self.aliases, *self.upstream])),
            published=self.published or self.modified,
            modified=self.modified,
            severity=_worst(severity_of(score, word) for word in ("", *self._words(rated))),
            score=score,
            summary=(self.summary or self.details)[:1000],
            affected=tuple(one for one in read if one is not None),
        )

    def _words(self, rated: Iterable[_Rated]) -> Iterator[str]:
        """Yield what whoever published it calls it."""
        yield from (one.score for one in rated if not one.score.startswith("CVSS"))
        for found, name in (
            (self.database_specific, "severity"),
            *((one.ecosystem_specific, "urgency") for one in self.affected),
        ):
            word = (found or {}).get(name)
            if isinstance(word, str):
                yield word


def _worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst that somebody said; what nobody disclosed only where nobody said any."""
    found = {*severities} - {Severity.UNDISCLOSED}
    return min(found, key=list(Severity).index, default=Severity.UNDISCLOSED)


def _named(package: _Package) -> tuple[str, str]:
    if package.ecosystem and package.name:
        ecosystem = usual_ecosystem(package.ecosystem)
        return ecosystem, usual_name(ecosystem, package.name)
    try:
        url = PackageURL.from_string(package.purl)
    except ValueError:
        return "", ""
    return ecosystem_of(url) or "", name_of(url)
