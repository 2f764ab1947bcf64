"""Patch clocks: by when a live system must be mended, counted from the day of publication.

Cyber Essentials: 14 days where the vendor says critical or high, the CVSS score is 7 or more, or
nobody discloses how bad it is. NHS high-severity cyber alert: 48 hours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from clinops.domain.advisory import HIGH, Severity
from clinops.domain.value import Value
from clinops.domain.vulnerability import Status, Vulnerabilities, Vulnerability

PATCH: Final = dt.timedelta(days=14)
ALERT: Final = dt.timedelta(hours=48)

_WORDS: Final = {PATCH: "14 days", ALERT: "48 hours"}


class PatchClock(Value):
    """One clock: a vulnerability of a system that is live, and when it must be mended."""

    product: str
    version: str
    sites: tuple[str, ...]
    vulnerability: Vulnerability
    rule: str
    """`14 days` or `48 hours`."""
    why: str
    """Why that rule, in words."""
    since: dt.datetime
    """When the clock began: the day of publication."""
    due: dt.datetime
    overdue: bool

    def told(self) -> str:
        """Tell it in one line."""
        one = self.vulnerability
        state = "OVERDUE since" if self.overdue else "due"
        return (
            f"{state} {self.due:%Y-%m-%d %H:%M}: {self.product} {self.version} at "
            f"{', '.join(self.sites)}: {one.advisory} in {one.package} {one.version}; "
            f"{self.rule}, for {self.why}"
        )


class Clocks(Value):
    """All clocks of an estate, overdue first, and what nobody can tell."""

    clocks: tuple[PatchClock, ...]
    unknown: tuple[str, ...]
    """Systems of which something is unknown, and what: a clock may be missing there."""
    ages: tuple[str, ...]
    """The sources with their ages, in words."""


def clocks_of(
    systems: Iterable[Vulnerabilities], alerts: Mapping[str, dt.datetime], now: dt.datetime
) -> tuple[PatchClock, ...]:
    """Start the clocks of live systems.

    Args:
        systems: What is known of each.
        alerts: When an NHS high-severity alert was published, by each name that it gives.
        now: The time.
    """
    found = (clock for system in systems for clock in _of_system(system, alerts, now))
    return tuple(sorted(found, key=lambda one: (one.due, one.product, one.version)))


def _of_system(
    system: Vulnerabilities, alerts: Mapping[str, dt.datetime], now: dt.datetime
) -> Iterator[PatchClock]:
    for one in system.found:
        # Where nobody can tell whether it is affected, the clock runs: that is the safe side.
        if one.status is Status.NOT_AFFECTED:
            continue
        for limit, since, why in _rules(one, alerts):
            yield PatchClock(
                product=system.product,
                version=system.version,
                sites=system.sites,
                vulnerability=one,
                rule=_WORDS[limit],
                why=why,
                since=since,
                due=since + limit,
                overdue=since + limit < now,
            )


def _rules(
    one: Vulnerability, alerts: Mapping[str, dt.datetime]
) -> Iterator[tuple[dt.timedelta, dt.datetime, str]]:
    """Yield the one rule that is up first, if any applies."""
    rules = []
    if raised := [alerts[name] for name in one.names if name in alerts]:
        rules.append((ALERT, min(raised), "an NHS high-severity alert"))
    if one.score is not None and one.score >= HIGH:
        rules.append((PATCH, one.published, f"a CVSS score of {one.score:.1f}"))
    elif one.severity in {Severity.CRITICAL, Severity.HIGH}:
        rules.append((PATCH, one.published, f"a severity that is said to be {one.severity}"))
    elif one.severity is Severity.UNDISCLOSED:
        rules.append((PATCH, one.published, "a severity that nobody discloses"))
    yield from sorted(rules, key=lambda rule: rule[1] + rule[0])[:1]
