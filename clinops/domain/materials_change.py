"""What changed between two bills of materials, package by package, in plain words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from clinops.domain.materials import Bill, Component, bill_from, file_of, kind_in_words
from clinops.domain.package_version import order
from clinops.domain.plain_words import count, harmless
from clinops.domain.suite import Role
from clinops.domain.value import Value

CHANGES: Final = "materials/changes.txt"
"""What changed, in words, among the evidence files."""


class What(StrEnum):
    """What became of a package, what surprises most first."""

    DOWNGRADED = "downgraded"
    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"
    """Nobody can tell whether up or down."""
    UPGRADED = "upgraded"


class PackageChange(Value):
    """One package that is not as it was."""

    kind: str
    name: str
    what: What
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def told(self) -> str:
        """Tell it in one line."""
        before, after = (" and ".join(versions) for versions in (self.before, self.after))
        between = f"{before} → {after}" if before and after else before or after
        # An image's own words: none of them may add a line of its own.
        return " ".join(harmless(f"{self.what} {self.name} {between}").split())


class Changes(Value):
    """What changed between two bills."""

    packages: tuple[PackageChange, ...]
    before: int
    """Packages that there were."""
    after: int
    """Packages that there are."""

    def summary(self) -> str:
        """Tell in one sentence how much changed, by kind of package."""
        if not self.packages:
            return f"the same {count(self.after, 'package')} as before"
        by_kind: dict[str, dict[What, int]] = defaultdict(lambda: dict.fromkeys(What, 0))
        for one in self.packages:
            by_kind[one.kind][one.what] += 1
        return "; ".join(
            f"{kind_in_words(kind)}: "
            + ", ".join(f"{number:,} {what}" for what, number in numbers.items() if number)
            for kind, numbers in sorted(by_kind.items())
        )

    def told(self) -> list[str]:
        """Tell all of it: a heading for each kind of package, and a line for each package."""
        lines = [f"{self.before:,} packages before, {self.after:,} now: {self.summary()}"]
        last = ""
        for one in self.packages:
            if one.kind != last:
                lines.append(f"{kind_in_words(one.kind)}:")
                last = one.kind
            lines.append(f"  {one.told()}")
        return lines

    def text(self) -> bytes:
        """Write it as the text that lies among the evidence files."""
        return "\n".join([*self.told(), ""]).encode()


def changes(before: Bill, after: Bill) -> Changes:
    """Hold two bills against each other."""
    was, now = _versions(before.components), _versions(after.components)
    found = (
        _change(kind, name, was.get((kind, name), set()), now.get((kind, name), set()))
        for kind, name in was.keys() | now.keys()
    )
    places = list(What)
    packages = sorted(
        (one for one in found if one is not None),
        key=lambda one: (one.kind, places.index(one.what), one.name),
    )
    return Changes(
        packages=tuple(packages), before=len(before.components), after=len(after.components)
    )


def _versions(components: Iterable[Component]) -> Mapping[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in components:
        found[one.kind, one.full_name].add(one.version)
    return found


def _change(kind: str, name: str, was: set[str], now: set[str]) -> PackageChange | None:
    if was == now:
        return None
    gone, come = sorted(was - now), sorted(now - was)
    if not was or not now:
        what = What.ADDED if now else What.REMOVED
    else:
        what = _direction(kind, gone, come)
    return PackageChange(kind=kind, name=name, what=what, before=tuple(gone), after=tuple(come))


def _direction(kind: str, gone: Sequence[str], come: Sequence[str]) -> What:
    """Tell up from down; where one of several versions went or came, there is no such thing."""
    found = order(kind, gone[0], come[0]) if len(gone) == len(come) == 1 else None
    if not found:
        return What.CHANGED
    return What.UPGRADED if found < 0 else What.DOWNGRADED


def changes_in(files: Mapping[str, bytes]) -> Changes | None:
    """Return what changed according to the bills among evidence files; none without both.

    Raises:
        EvidenceError: One of them is no bill.
    """
    both = [files.get(file_of(role)) for role in (Role.BASELINE, Role.CANDIDATE)]
    before, after = (bill_from(data) if data is not None else None for data in both)
    return changes(before, after) if before and after else None


def as_json(found: Changes | None) -> dict[str, Any] | None:
    """Return what changed as plain JSON, with the words for it."""
    return None if found is None else {**found.json_value(), "summary": found.summary()}
