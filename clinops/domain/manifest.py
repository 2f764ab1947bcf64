"""The vendor's manifest: `vendor_manifests/<vendor>/<product>.yaml`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from clinops.domain.value import Document

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _stays_inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("the path leaves the estate")
    return path


RelativePath = Annotated[
    str, StringConstraints(pattern=r"^[^\\\x00-\x1f]+$"), AfterValidator(_stays_inside)
]
PinnedReference = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9.:/_-]+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{64}$"
    ),
]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


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


class Build(Document):
    """A folder of the estate with a Dockerfile, and build arguments for it."""

    folder: RelativePath
    arguments: dict[str, str] = {}


class BuildPackage(Document):
    """An image built from a folder of the estate."""

    build: Build


Package = ImagePackage | ArchivePackage | BuildPackage


class Change(Document):
    """One behavioural change that the vendor declares."""

    summary: ShortText
    area: Name | None = None


class UpgradeStep(Document):
    """A version that must be passed on the way, and a command that the vendor requires there."""

    version: str
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
        if (self.strategy == "script") != (self.command is not None):
            raise ValueError("a command is given for the strategy `script`, and only there")
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
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}$")]
    supersedes: str | None = None
    package: Package
    kind: Literal["security-patch", "patch", "upgrade", "legislative", "new-system"]
    upgrade_path: list[UpgradeStep] = []
    changes: list[Change] = []
    deadline: dt.date | None = None
    rollback: Rollback
    safety_case: SafetyCase | None = None

    @field_validator("version")
    @classmethod
    def _version_can_be_compared(cls, value: str) -> str:
        try:
            Version(value)
        except InvalidVersion:
            raise ValueError("not a version that can be ordered (PEP 440 form)") from None
        return value


def is_above(version: str, live: str) -> bool:
    """Whether `version` is strictly newer than `live` (PEP 440 order)."""
    return Version(version) > Version(live)
