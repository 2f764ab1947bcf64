"""Bills of materials: which packages an image is made of, as CycloneDX, and what changed of them.

What is kept is little and always the same for the same image: no serial number, no time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final

from packageurl import PackageURL
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from clinops.domain.digest import canonical
from clinops.domain.package_version import LONGEST, order
from clinops.domain.plain_words import count
from clinops.domain.suite import Role
from clinops.domain.value import Value
from clinops.errors import EvidenceError

MOST = 50_000
"""Packages of one image; the largest that anybody ships have a tenth of it."""
CHANGES: Final = "materials/changes.txt"
"""What changed, in words, among the evidence files."""

_KINDS: Final = {
    "apk": "Alpine packages",
    "cargo": "Rust crates",
    "composer": "PHP packages",
    "deb": "Debian packages",
    "gem": "Ruby gems",
    "generic": "programs",
    "golang": "Go modules",
    "maven": "Java packages",
    "npm": "JavaScript packages",
    "nuget": ".NET packages",
    "pypi": "Python packages",
    "rpm": "RPM packages",
}
_NO_KIND: Final = "other"
_OF_A_DISTRIBUTION: Final = frozenset({"apk", "deb", "rpm"})
"""Kinds of packages whose group is the distribution, not a part of their name."""

Text = Annotated[str, StringConstraints(max_length=LONGEST)]


def file_of(role: Role) -> str:
    """Return where the bill of one of the two versions lies among the evidence files."""
    return f"materials/{role}.cdx.json"


class Component(Value):
    """One package, as the image itself says that it holds it."""

    name: Text
    version: Text = ""
    purl: Annotated[str, StringConstraints(max_length=4 * LONGEST)] = ""
    """Package URL; empty where nobody knows where the package comes from."""

    @cached_property
    def url(self) -> PackageURL | None:
        """The package URL in its parts; none where there is none that can be read."""
        try:
            return PackageURL.from_string(self.purl)
        except ValueError:
            return None

    @property
    def kind(self) -> str:
        """What kind of package it is: the type of its package URL."""
        return self.url.type if self.url else _NO_KIND

    @property
    def full_name(self) -> str:
        """Its name, with the group or scope that belongs to it."""
        url = self.url
        if url is None or not url.namespace or url.type in _OF_A_DISTRIBUTION:
            return self.name
        return f"{url.namespace}/{url.name}"


class Bill(Value):
    """What one image is made of."""

    image: str
    """The image id."""
    lister: str
    """What listed it, with its version."""
    system: str = ""
    """The operating system that it says it is, with its version."""
    components: tuple[Component, ...] = Field(max_length=MOST)

    def cyclonedx(self) -> bytes:
        """Write it as CycloneDX 1.6; equal bills give equal bytes."""
        name, _, version = self.lister.partition(" ")
        system = [{"type": "operating-system", "name": self.system}] if self.system else []
        return canonical(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "version": 1,
                "metadata": {
                    "component": {"type": "container", "name": self.image},
                    "tools": {
                        "components": [{"type": "application", "name": name, "version": version}]
                    },
                },
                "components": [*system, *map(_written, self.components)],
            }
        )


def _written(component: Component) -> dict[str, str]:
    found = {"type": "library", "name": component.name, "version": component.version}
    return found | ({"purl": component.purl} if component.purl else {})


class _Listed(BaseModel):
    type: str
    name: Text
    version: Text = ""
    purl: Annotated[str, StringConstraints(max_length=4 * LONGEST)] = ""


class _Subject(BaseModel):
    name: str = ""


class _Tools(BaseModel):
    components: list[_Listed] = []


class _Metadata(BaseModel):
    component: _Subject = _Subject()
    tools: _Tools = _Tools()


class _CycloneDX(BaseModel):
    """As much of the format as is read."""

    metadata: _Metadata = _Metadata()
    components: list[_Listed] = Field(default=[], max_length=MOST)


def bill_from(data: bytes, image: str | None = None) -> Bill:
    """Read a bill of materials, in CycloneDX JSON, and leave out what is not needed.

    Args:
        data: The document; what it says of packages is the image's word, and may be hostile.
        image: The image id, in place of what the document calls it.

    Raises:
        EvidenceError: It is none, or beyond measure.
    """
    try:
        read = _CycloneDX.model_validate_json(data)
        found = {
            Component(name=one.name, version=one.version, purl=one.purl)
            for one in read.components
            if one.type in {"library", "application", "framework"}
        }
        return Bill(
            image=image or read.metadata.component.name,
            lister=next(
                (f"{one.name} {one.version}" for one in read.metadata.tools.components), ""
            ),
            system=next((_system(one) for one in read.components if _is_system(one)), ""),
            components=tuple(sorted(found, key=lambda one: (one.name, one.version, one.purl))),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EvidenceError(f"no bill of materials: {place}: {first['msg']}") from None


def _is_system(one: _Listed) -> bool:
    return one.type == "operating-system"


def _system(one: _Listed) -> str:
    return f"{one.name} {one.version}".strip()


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
        return f"{self.what} {self.name} {between}".rstrip()


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


def kind_in_words(kind: str) -> str:
    """Call a kind of package by what people know."""
    return _KINDS.get(kind, f"{kind} packages")


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
