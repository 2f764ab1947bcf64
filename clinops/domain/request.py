"""Requests: `requests/<id>.yaml`, what somebody commissioned, and everything that ranks it.

Only raw inputs stand here. Scores follow from the board's policy whenever somebody asks.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from clinops.domain.digest import digest_of
from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.hazard import HazardId
from clinops.domain.manifest import Name, ShortText, VersionText
from clinops.domain.value import Document

FOLDER = "requests"

RequestKind = Literal["security-patch", "patch", "upgrade", "legislative", "new-system", "research"]
Confidence = Literal["low", "medium", "high"]
Source = Literal["statute", "patch-14-days", "alert-48-hours", "end-of-support"]
PersonDays = Annotated[float, Field(ge=0.1, le=2000)]

_FIRST = frozenset({">=", "=="})
_OPERATORS = _FIRST | {"<", "<="}


def _has_a_first_version(text: str) -> str:
    mend = 'write it like ">=3.0.15,<3.1" or "==3.0.15"'
    try:
        parts = list(SpecifierSet(text))
    except InvalidSpecifier:
        raise refuse(Fault("is not a range of versions (PEP 440)", mend)) from None
    if any(part.operator not in _OPERATORS or "*" in part.version for part in parts):
        raise refuse(Fault("is more than a range from one version to another", mend))
    if not any(part.operator in _FIRST for part in parts):
        raise refuse(Fault("does not say from which version on", mend))
    return text


VersionRange = Annotated[str, Field(max_length=200), AfterValidator(_has_a_first_version)]
Component = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9@][A-Za-z0-9@._+:/~-]{0,127}",
        "must be the name of a package, at most 128 letters, digits and `@._+:/~-`",
        "write it as the bill of materials does, like `openssl`",
    ),
]
Cve = Annotated[
    str,
    Shape(r"CVE-[0-9]{4}-[0-9]{4,19}", "is not a CVE number", "write it like CVE-2026-12345"),
]


class VendorRelease(Document):
    """A version of a product: this one, or a newer one."""

    product: Name
    version: VersionText


class Fix(Document):
    """Names of the one fix that a request needs; any of them tells it."""

    component: Component | None = None
    versions: VersionRange | None = None
    """The versions of the component that are mended."""
    cve: Cve | None = None
    release: VendorRelease | None = None
    interface: Name | None = None

    @model_validator(mode="after")
    def _can_be_told(self) -> Fix:
        if (self.component is None) != (self.versions is None):
            what = "names only one of `component` and `versions`"
            raise refuse(Fault(what, "write both, or neither"))
        if not any((self.component, self.cve, self.release, self.interface)):
            mend = "name a `component` with its `versions`, a `cve`, a `release` or an `interface`"
            raise refuse(Fault("does not say which fix it is", mend))
        return self


class Benefit(Document):
    """What is gained, as its owner sees it."""

    points: Annotated[int, Field(ge=0, le=10)]
    reasons: Annotated[list[ShortText], Field(min_length=1)]


class Deadline(Document):
    """When it must be live, and who says so."""

    by: AwareDatetime
    source: Source
    reference: ShortText
    """Where it says so: the act, the alert, the vendor's notice."""


class Closed(Document):
    """That a person closed it without a release: a study has ended, or it was taken back."""

    day: dt.date
    reason: ShortText


class Request(Document):
    """Something that was commissioned. No score is ever written down here."""

    schema_version: Literal[1] = Field(alias="schema")
    id: Name
    title: Annotated[str, Field(min_length=1, max_length=200)]
    commissioned_by: Literal["board", "clinical-lead", "regulator", "vendor", "operations"]
    commissioned: dt.date
    owner: ShortText
    kind: RequestKind
    systems: list[Name] = []
    """The products that it is about; those of a new system or a study may not be there yet."""
    hazards: list[HazardId] = []
    """Hazards of these systems whose risk it lowers."""
    benefit: Benefit
    deadline: Deadline | None = None
    effort: Annotated[dict[Name, PersonDays], Field(min_length=1)]
    """Person-days by team."""
    fix: Fix | None = None
    confidence: Confidence
    """How sure its owner is of benefit and effort."""
    releases: list[VendorRelease] = []
    """What meets it once it is live at every site: for each system one."""
    closed: Closed | None = None

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Request:
        products = [release.product for release in self.releases]
        lists: dict[str, list[str]] = {"systems": self.systems, "hazards": self.hazards}
        faults = [
            Fault("is listed twice", "leave one out", at=(name, position))
            for name, listed in lists.items()
            for position, one in enumerate(listed)
            if one in listed[:position]
        ]
        for position, product in enumerate(products):
            at = ("releases", position, "product")
            if product not in self.systems:
                faults.append(Fault("is none of the systems", "add it to `systems`", at=at))
            if product in products[:position]:
                faults.append(Fault("has a release here already", "leave one out", at=at))
        if not self.systems and self.kind not in {"new-system", "research"}:
            faults.append(Fault("names no system", "name one", at=("systems",)))
        if faults:
            raise refuse(*faults)
        return self

    @property
    def days(self) -> float:
        """Person-days of all teams together."""
        return sum(self.effort.values())

    @property
    def awaits(self) -> dict[str, str]:
        """The version from which on each product meets it; empty where nobody can tell yet.

        A system of which no release is named is one that nobody has mended: then none will do.
        """
        found = {system: self.awaited_of(system) for system in self.systems}
        named = {system: version for system, version in found.items() if version}
        return named if len(named) == len(found) else {}

    def awaited_of(self, product: str) -> str | None:
        """Return the version of one product that it waits for, or None."""
        named = [*self.releases, *([self.fix.release] if self.fix and self.fix.release else [])]
        return next((one.version for one in named if one.product == product), None)

    @property
    def digest(self) -> str:
        """What it says, to tell it from what it said before."""
        return digest_of(self.model_dump(mode="json"))


def request_path(request_id: str) -> str:
    """Return where a request lies."""
    return f"{FOLDER}/{request_id}.yaml"


def first_versions(versions: str) -> list[Version]:
    """Return the versions that a range names as mended: one of them is the fix."""
    return [Version(part.version) for part in SpecifierSet(versions) if part.operator in _FIRST]
