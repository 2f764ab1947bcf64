"""Versions of packages, ordered as the package manager that they belong to orders them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from univers.versions import Version

LONGEST = 300
"""Letters of a version or of a package's name; more is nobody's version."""


@lru_cache(maxsize=200_000)
def order(kind: str, one: str, other: str) -> int | None:
    """Order two versions: negative where the first is lower, positive where it is higher.

    Args:
        kind: The type of their package URL: `deb`, `pypi`, ….
        one: A version.
        other: Another one.

    Returns:
        None where nobody can tell: another kind of package, or a text that is no version of it.
    """
    if one == other:
        return 0
    first, second = _version(kind, one), _version(kind, other)
    if first is None or second is None:
        return None
    try:
        return (first > second) - (first < second)
    except Exception:  # noqa: BLE001  # what a library says to hostile versions is nobody's promise
        return None


@lru_cache(maxsize=50_000)
def _version(kind: str, text: str) -> Version | None:
    from univers.version_range import RANGE_CLASS_BY_SCHEMES

    form = RANGE_CLASS_BY_SCHEMES.get(kind)
    if form is None or form.version_class is None or len(text) > LONGEST:
        return None
    try:
        made: Version = form.version_class(text)
        return made
    except Exception:  # noqa: BLE001  # as above
        return None


def in_range(text: str, kind: str, version: str) -> bool | None:
    """Whether a version is in a range in the notation `vers:`; none where nobody can tell."""
    from univers.version_range import VersionRange

    if not text.startswith(f"vers:{kind}/") or (found := _version(kind, version)) is None:
        return None
    try:
        return bool(found in VersionRange.from_string(text))  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001  # as above
        return None
