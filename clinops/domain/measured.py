"""Where each result of a qualification comes from: measured there and then, or carried over.

A result is the run of a suite on one version, the rehearsal, the comparison, or the trials of one
fault. Two results of the same name are of the same thing exactly where all their inputs are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import Field

from clinops.domain.digest import Digest, digest_of
from clinops.domain.environment import FaultName
from clinops.domain.finding import Finding, Weight
from clinops.domain.suite import Role
from clinops.domain.value import Value

REHEARSAL: Final = "rehearsal"
BEHAVIOUR: Final = "comparison"


def of_suite(suite: str, role: Role) -> str:
    """Name the result of a suite on one version."""
    return f"{suite} suite on {role}"


def of_fault(fault: FaultName) -> str:
    """Name the result of one fault."""
    return f"fault {fault}"


def of_version(version: str, images: Mapping[str, str]) -> str:
    """Digest a version as results depend on it: its name, and its images by service."""
    return digest_of([version, dict(images)])


class Origin(Value):
    """The qualification that a result was measured in."""

    release: str
    evidence: Digest
    measured: str
    """When it ended."""


class Measured(Value):
    """One result, by what it depends on, and where it comes from."""

    what: str
    inputs: dict[str, Digest]
    """Everything that it depends on, part by part."""
    carried: Origin | None = Field(default=None, exclude_if=lambda origin: origin is None)
    """Where it was measured; none where it was measured in this qualification."""
    sampled: Origin | None = Field(default=None, exclude_if=lambda origin: origin is None)
    """Where it would have been carried over from, had it not been measured again to be sure."""
    differs: tuple[str, ...] = Field(default=(), exclude_if=lambda lines: not lines)
    """What came out otherwise then."""


def findings(measured: Iterable[Measured]) -> list[Finding]:
    """Find what came out otherwise when it was measured again: then nobody can tell."""
    return [
        Finding(
            kind="reuse-mismatch",
            weight=Weight.INCONCLUSIVE,
            summary=f"The {one.what} came out otherwise than in {one.sampled.release}, "
            "though nothing is known to have changed",
            detail="\n".join(one.differs),
        )
        for one in measured
        if one.sampled is not None and one.differs
    ]


def told(carried: Iterable[tuple[Measured, Origin]]) -> list[str]:
    """Tell what was carried over from where, a sentence each."""
    return [
        f"The {one.what} was carried over from {origin.release} "
        f"of {origin.measured[:16].replace('T', ' ')}, not measured again"
        for one, origin in carried
    ]
