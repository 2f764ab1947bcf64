"""Where a package comes from, by the names that advisories use: ecosystem, release, source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from packageurl import PackageURL
from packaging.utils import canonicalize_name

from clinops.domain.materials import Component

_LANGUAGES: Final = {
    "cargo": "crates.io",
    "composer": "Packagist",
    "gem": "RubyGems",
    "golang": "Go",
    "maven": "Maven",
    "npm": "npm",
    "nuget": "NuGet",
    "pypi": "PyPI",
}
_DISTRIBUTIONS: Final = {
    ("apk", "alpine"): "Alpine",
    ("deb", "debian"): "Debian",
    ("deb", "ubuntu"): "Ubuntu",
}
_KINDS: Final = {
    **{ecosystem: kind for kind, ecosystem in _LANGUAGES.items()},
    **{ecosystem: kind for (kind, _), ecosystem in _DISTRIBUTIONS.items()},
}


class Origin(NamedTuple):
    """A package by one of its names, as an advisory may call it."""

    ecosystem: str
    """OSV's name of it, with the distribution's release: `Debian:13`, `PyPI`."""
    name: str
    version: str


def kind_of(ecosystem: str) -> str | None:
    """Return the type of package URLs of an ecosystem; none where its versions are not known."""
    return _KINDS.get(ecosystem.partition(":")[0])


def usual_ecosystem(ecosystem: str) -> str:
    """Write an ecosystem of OSV as it is kept: `Alpine:v3.18` and `Ubuntu:22.04:LTS` as `….04`."""
    family, _, rest = ecosystem.partition(":")
    release = rest.removesuffix(":LTS").removeprefix("v")
    return f"{family}:{release}" if release else family


def usual_name(ecosystem: str, name: str) -> str:
    """Write a package's name as it is kept: PyPI's differ in case and hyphens."""
    return canonicalize_name(name) if ecosystem == "PyPI" else name


def ecosystem_of(url: PackageURL) -> str | None:
    """Return the ecosystem of a package URL; none where no advisories are read for it."""
    if url.type in _LANGUAGES:
        return _LANGUAGES[url.type]
    family = _DISTRIBUTIONS.get((url.type, url.namespace or ""))
    _, _, release = str(_qualifier(url, "distro")).partition("-")
    if family == "Alpine":
        release = ".".join(release.split(".")[:2])
    return f"{family}:{release}" if family and release[:1].isdigit() else family


def name_of(url: PackageURL) -> str:
    """Return what an ecosystem calls the package of a URL."""
    if url.type in {kind for kind, _ in _DISTRIBUTIONS} or not url.namespace:
        return usual_name(_LANGUAGES.get(url.type, ""), url.name)
    return f"{url.namespace}{':' if url.type == 'maven' else '/'}{url.name}"


def origins(component: Component) -> Iterator[Origin]:
    """Yield the names of a package under which there may be advisories: its own, its source's.

    None where no advisories are read for such packages, or nobody knows its version.
    """
    url = component.url
    ecosystem = ecosystem_of(url) if url else None
    if url is None or ecosystem is None or not component.version:
        return
    version = component.version.removeprefix("v") if url.type == "golang" else component.version
    own = Origin(ecosystem, name_of(url), version)
    name, _, of_source = str(_qualifier(url, "upstream")).partition("@")
    source = Origin(ecosystem, name or own.name, of_source or version)
    yield from dict.fromkeys((own, source))


def _qualifier(url: PackageURL, name: str) -> str:
    found = url.qualifiers
    return str(found.get(name, "")) if isinstance(found, dict) else ""
