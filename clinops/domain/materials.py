"""Bills of materials: which packages an image is made of, as CycloneDX.

What is kept is little and always the same for the same image: no serial number, no time.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Final

from packageurl import PackageURL
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from clinops.domain.digest import canonical
from clinops.domain.package_version import LONGEST
from clinops.domain.suite import Role
from clinops.domain.value import Value
from clinops.errors import EvidenceError

MOST = 50_000
"""Packages of one image; the largest that anybody ships have a tenth of it."""

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


def kind_in_words(kind: str) -> str:
    """Call a kind of package by what people know."""
    return _KINDS.get(kind, f"{kind} packages")
