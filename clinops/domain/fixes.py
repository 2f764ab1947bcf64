"""Fixes: what several requests need is one piece of work, with its joint benefit.

Requests belong together where a name of the fix that they need is the same: a component in
versions that meet, a CVE, a vendor's release, an interface. Nothing is concluded from likeness,
and not across names: what shares one name with a second request and another with a third is in
two groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from clinops.domain.materials import Bill
from clinops.domain.rank import Ranked
from clinops.domain.request import Request, first_versions

BuiltFrom = Mapping[str, Mapping[str, str]]
"""What each package of a system is built from, by the system's bill of materials."""

Group = frozenset[str]
"""Requests, by id."""


@dataclass(frozen=True)
class Fix:
    """One piece of work that meets some requests."""

    names: tuple[str, ...]
    """What it is called: `openssl 3.0.16`, a CVE; of a fix for one request alone, none."""
    meets: tuple[Ranked, ...]
    """In the order of their ranks."""

    @property
    def id(self) -> str:
        """A name for people; the best request's where it has no other."""
        return self.names[0] if self.names else self.meets[0].request.id

    @property
    def group(self) -> tuple[str, ...]:
        """The ids of what it meets."""
        return tuple(one.request.id for one in self.meets)

    @cached_property
    def benefit(self) -> float:
        """The joint benefit: cost of delay of all that it meets, as sure as their owners are."""
        return sum(one.cost_of_delay * one.case.sureness for one in self.meets)

    @cached_property
    def effort(self) -> Mapping[str, float]:
        """Person-days by team.

        Over the same systems it is done once: the largest estimate counts. Other systems are
        brought to the same fix by work of their own.
        """
        largest: dict[tuple[tuple[str, ...], str], float] = defaultdict(float)
        for one in self.meets:
            systems = tuple(sorted(one.request.systems)) or (one.request.id,)
            for team, days in one.request.effort.items():
                largest[systems, team] = max(largest[systems, team], days)
        found: dict[str, float] = defaultdict(float)
        for (_, team), days in largest.items():
            found[team] += days
        return dict(found)

    @property
    def days(self) -> float:
        """Person-days of all teams together."""
        return sum(self.effort.values())

    @property
    def apart(self) -> float:
        """Person-days that its requests would take one by one."""
        return sum(one.request.days for one in self.meets)

    def json_value(self) -> dict[str, object]:
        """Return it with its inputs, plain."""
        return {
            "fix": self.id,
            "names": list(self.names),
            "requests": list(self.group),
            "benefit": self.benefit,
            "benefits": {
                one.request.id: one.cost_of_delay * one.case.sureness for one in self.meets
            },
            "effort": dict(self.effort),
            "days": self.days,
            "days_apart": self.apart,
        }


def shared_fixes(ranked: Iterable[Ranked], built_from: BuiltFrom | None = None) -> list[Fix]:
    """Return the pieces of work that meet more than one request, the most benefit first.

    A group that is part of another one is not told: the larger one's fix meets it as well.

    Args:
        ranked: The open requests.
        built_from: What packages are built from, so that `libssl3` of one system and `openssl`
            of another are one component.
    """
    places = {one.request.id: one for one in ranked}
    groups = _maximal(_named([one.request for one in places.values()], built_from or {}))
    fixes = [_fix(group, names, places) for group, names in groups.items()]
    return sorted(fixes, key=lambda one: (-one.benefit, one.id))


def possible_fixes(ranked: Iterable[Ranked], built_from: BuiltFrom | None = None) -> list[Fix]:
    """Return every piece of work that a plan may choose: each request alone, and every group.

    Groups that are part of others as well: the smaller one may be all that there is time for.
    """
    places = {one.request.id: one for one in ranked}
    groups = _named([one.request for one in places.values()], built_from or {})
    alone: dict[Group, list[str]] = {frozenset({name}): [] for name in places}
    shared = {group: names for group, names in groups.items() if len(group) > 1}
    return [_fix(group, names, places) for group, names in {**alone, **shared}.items()]


def built_from(bill: Bill) -> dict[str, str]:
    """Return what each package of a bill is built from, where it is called something else."""
    found = {}
    for component in bill.components:
        # Debian's syntax: `openssl`, or `openssl@3.0.15-1` where the versions differ as well.
        source = component.url and component.url.qualifiers.get("upstream", "")
        if source:
            found[component.name] = source.partition("@")[0]
    return found


def _fix(group: Group, names: Sequence[str], places: Mapping[str, Ranked]) -> Fix:
    meets = sorted((places[name] for name in group), key=lambda one: one.place)
    return Fix(tuple(names), tuple(meets))


def _named(requests: Sequence[Request], built_from: BuiltFrom) -> dict[Group, list[str]]:
    """Gather the requests under each name; what has the same requests is one group."""
    found: dict[tuple[object, ...], set[str]] = defaultdict(set)
    said: dict[tuple[object, ...], str] = {}
    components: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for request in requests:
        for name, key in _exact(request):
            found[key].add(request.id)
            said.setdefault(key, name)
        if request.fix and request.fix.component and request.fix.versions:
            component = _source(request.fix.component, request.systems, built_from)
            components[component].append((request.id, request.fix.versions))
    for component, wanted in components.items():
        for version, ids in _by_version(wanted):
            found[component, version] = ids
            said[component, version] = f"{component} {version}"
    groups: dict[Group, list[str]] = defaultdict(list)
    for key, ids in found.items():
        groups[frozenset(ids)].append(said[key])
    return groups


def _exact(request: Request) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the names that are the same or not, each with what it is told from others by."""
    fix = request.fix
    # What a request waits for is its fix, whether it says so in one place or in the other.
    releases = {(one.product, one.version) for one in request.releases}
    if fix and fix.release:
        releases.add((fix.release.product, fix.release.version))
    for product, version in sorted(releases):
        # 2.0 and 2.0.0 are one version.
        yield f"release {product} {version}", ("release", product, Version(version))
    if fix and fix.cve:
        yield fix.cve, ("cve", fix.cve)
    if fix and fix.interface:
        yield f"interface {fix.interface}", ("interface", fix.interface)


def _source(component: str, systems: Sequence[str], built_from: BuiltFrom) -> str:
    """Name what a component is built from, where the bills of all its systems agree on it."""
    sources = {built_from.get(system, {}).get(component, component) for system in systems}
    return sources.pop() if len(sources) == 1 else component


def _by_version(wanted: Sequence[tuple[str, str]]) -> Iterator[tuple[Version, set[str]]]:
    """Yield each version that is a fix for somebody, with everybody for whom it is one."""
    firsts = {version for _, versions in wanted for version in first_versions(versions)}
    for version in sorted(firsts):
        yield version, {name for name, versions in wanted if _mends(version, versions)}


@lru_cache(maxsize=100_000)
def _mends(version: Version, versions: str) -> bool:
    return SpecifierSet(versions).contains(version, prereleases=True)


def _maximal(groups: Mapping[Group, list[str]]) -> dict[Group, list[str]]:
    """Leave out single requests, and groups that are part of others."""
    of: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        for name in group:
            of[name].append(group)
    return {
        group: names
        for group, names in groups.items()
        if len(group) > 1 and not any(group < other for other in of[next(iter(group))])
    }
