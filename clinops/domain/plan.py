"""The plan of a qualification: which suites on which versions."""

from __future__ import annotations

from clinops.domain.environment import Environment
from clinops.domain.manifest import Manifest, Package, UpgradeStep, is_above
from clinops.domain.release import Release
from clinops.domain.suite import Role
from clinops.domain.value import Value


class Baseline(Value):
    """The version in use that the candidate is held against."""

    version: str
    package: Package
    commit: str
    """Where the package's build folder is read, if it is built."""
    image: str | None = None
    """The image that is live, where one is on record."""


class Plan(Value):
    """Everything that is decided before the first container starts."""

    release: Release
    manifest: Manifest
    environment: Environment
    suites: tuple[str, ...]
    baseline: Baseline | None
    steps: tuple[Baseline, ...] = ()
    """Versions that the manifest's `upgrade_path` passes through, where a package is known."""
    ways: dict[str, int] = {}
    """How long it usually takes from each stage to the end; empty where nobody knows yet."""

    @property
    def waypoints(self) -> list[UpgradeStep]:
        """What must be passed on the way from the version in use, the candidate included."""
        live = self.baseline
        path = self.manifest.upgrade_path
        return [step for step in path if live is None or is_above(step.version, live.version)]

    @property
    def runs(self) -> tuple[tuple[str, Role], ...]:
        """Every suite on every version there is."""
        roles = (Role.BASELINE, Role.CANDIDATE) if self.baseline else (Role.CANDIDATE,)
        return tuple((suite, role) for suite in self.suites for role in roles)

    def version_of(self, role: Role) -> str:
        """Return the version that stands behind a role."""
        if role is Role.BASELINE and self.baseline is not None:
            return self.baseline.version
        return self.release.version
