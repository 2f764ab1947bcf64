"""The vendor's manifest: `vendor_manifests/<vendor>/<product>.yaml`."""

from __future__ import annotations

import datetime as dt
import posixpath
from typing import Annotated, Any, Literal

from packaging.version import InvalidVersion, Version
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.value import Document
from clinops.errors import BadInputError

Name = Annotated[
    str,
    Shape(
        r"[a-z0-9][a-z0-9-]{0,62}",
        "must be lower-case letters, digits and hyphens, at most 63, and not begin with a hyphen",
        "write it like `pathology-lab`",
    ),
]
Sha256 = Annotated[
    str,
    Shape(r"[0-9a-f]{64}", "must be a SHA-256: 64 digits of 0-9 and a-f", "run `sha256sum` on it"),
]


def _stays_inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        mend = "write a path relative to the folder, without a leading `/` and without `..`"
        raise refuse(Fault("leaves the folder that it belongs to", mend))
    return posixpath.normpath(path)


RelativePath = Annotated[
    str,
    Shape(r"[^\\\x00-\x1f]+", "must be a path with `/` between its parts"),
    AfterValidator(_stays_inside),
]


PINNED = r"[a-z0-9.:/_-]+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{64}"


def is_pinned(reference: str) -> str:
    """Refuse a reference to an image that has no digest."""
    if "@" not in reference:
        mend = "a tag can be moved; pin it: name@sha256:<64 hex>"
        raise refuse(Fault("names an image without its digest", mend))
    return reference


PinnedReference = Annotated[
    str,
    AfterValidator(is_pinned),
    Shape(
        PINNED,
        "is not a reference to an image",
        "write it as name@sha256:<64 hex>",
    ),
]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


def _can_be_ordered(version: str) -> str:
    try:
        Version(version)
    except InvalidVersion:
        mend = "write it like 1.12.7, 2.0rc1 or 1.4.post2"
        raise refuse(Fault("is not a version that can be ordered (PEP 440)", mend)) from None
    return version


VersionText = Annotated[
    str,
    Shape(
        r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}",
        "must be letters, digits and `.+~_-`, at most 64",
        "write it like 1.12.7",
    ),
    AfterValidator(_can_be_ordered),
]


class ImagePackage(Document):
    """An image in a registry, pinned by digest: `registry/name@sha256:…`."""

    image: PinnedReference


class Archive(Document):
    """Where a shipped image archive lies in the estate's drop folder, and its SHA-256."""

    path: RelativePath
    sha256: Sha256


class ArchivePackage(Document):
    """An image as vendors ship it to trusts: a `docker save` or OCI tar with its SHA-256."""

    archive: Archive


_OF_THE_ENGINE = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"})


class Build(Document):
    """A folder of the estate with a Dockerfile, and build arguments for it."""

    folder: RelativePath
    arguments: dict[str, str] = {}

    @model_validator(mode="after")
    def _leads_nobody_astray(self) -> Build:
        # The engine takes these without an ARG that asks for them.
        faults = [
            Fault("leads a build's traffic elsewhere", "leave it out", at=("arguments", name))
            for name in self.arguments
            if name.lower() in _OF_THE_ENGINE
        ]
        if faults:
            raise refuse(*faults)
        return self


class BuildPackage(Document):
    """An image built from a folder of the estate."""

    build: Build


_SOURCES: dict[str, type[Document]] = {
    "image": ImagePackage,
    "archive": ArchivePackage,
    "build": BuildPackage,
}


def _names_one_source(package: Any) -> Any:
    given = [key for key in _SOURCES if isinstance(package, dict) and key in package]
    if len(given) != 1 and not isinstance(package, Document):
        what = f"names {len(given)} sources" if given else "does not say where the package is"
        raise refuse(Fault(what, "write exactly one of `image`, `archive` and `build` below it"))
    return package


def _source(package: Any) -> str | None:
    """Tell which kind of package it is by its key, so that only that kind's errors are told."""
    return next(
        (
            f"from {key}"
            for key, kind in _SOURCES.items()
            if isinstance(package, kind) or (isinstance(package, dict) and key in package)
        ),
        None,
    )


Package = Annotated[
    Annotated[ImagePackage, Tag("from image")]
    | Annotated[ArchivePackage, Tag("from archive")]
    | Annotated[BuildPackage, Tag("from build")],
    Discriminator(_source),
    BeforeValidator(_names_one_source),
]


class Change(Document):
    """One behavioural change that the vendor declares."""

    summary: ShortText
    area: Name | None = None
    covers: list[ShortText] = []
    """The differences that it explains, each by its subject, to the letter."""


class UpgradeStep(Document):
    """A version that must be passed on the way, and a command that the vendor requires there."""

    version: VersionText
    command: list[str] | None = None


class Rollback(Document):
    """How the vendor says the way back works.

    `binary`: the old version on the new data; `script`: the command, then the old version;
    `restore`: the backup that was taken before the deployment.
    """

    strategy: Literal["binary", "script", "restore"]
    command: list[str] | None = None

    @model_validator(mode="after")
    def _script_has_a_command(self) -> Rollback:
        if self.strategy == "script" and not self.command:
            raise refuse(Fault("says `script` but gives no command", "add `command: [program, …]`"))
        if self.strategy != "script" and self.command is not None:
            what = f"is not run by the strategy `{self.strategy}`"
            mend = "leave it out, or write `strategy: script`"
            raise refuse(Fault(what, mend, at=("command",)))
        return self


class SafetyCase(Document):
    """The supplier's clinical safety case (DCB0129) for this version."""

    document: RelativePath
    sha256: Sha256


class Manifest(Document):
    """Which product, which version, which package, what it claims changed, how to roll back."""

    schema_version: Literal[1] = Field(alias="schema")
    product: Name
    vendor: Name
    version: VersionText
    supersedes: VersionText | None = None
    package: Package
    kind: Literal["security-patch", "patch", "upgrade", "legislative", "new-system"]
    upgrade_path: list[UpgradeStep] = []
    changes: list[Change] = []
    deadline: dt.date | None = None
    rollback: Rollback
    safety_case: SafetyCase | None = None

    @model_validator(mode="after")
    def _versions_rise(self) -> Manifest:
        faults = []
        last = self.supersedes
        if last is not None and not is_above(self.version, last):
            what = f"is not below the version {self.version} that supersedes it"
            faults.append(Fault(what, "name the version in use", at=("supersedes",)))
        for position, step in enumerate(self.upgrade_path):
            place = ("upgrade_path", position, "version")
            if last is not None and not is_above(step.version, last):
                faults.append(Fault(f"is not above {last}", "list the steps in order", at=place))
            elif is_above(step.version, self.version):
                faults.append(Fault(f"is above the version {self.version}", "drop it", at=place))
            last = step.version
        if faults:
            raise refuse(*faults)
        return self


def is_above(version: str, live: str) -> bool:
    """Whether `version` is strictly newer than `live` (PEP 440 order).

    Raises:
        BadInputError: One of them can't be ordered.
    """
    try:
        return Version(version) > Version(live)
    except InvalidVersion as error:
        raise BadInputError(f"{error} (PEP 440)", mend="write versions like 1.12.7") from None
