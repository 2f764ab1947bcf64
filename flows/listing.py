"""Listing: what the images of a release are made of, and what changed of that.

A bill is listed beside the trials and bound by the evidence. Where none can be had, that is ours
to mend: a note says so, and nothing is refused or passed for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from clinops.domain.finding import Finding, Weight
from clinops.domain.materials import Bill, file_of
from clinops.domain.materials_change import CHANGES, Changes, changes
from clinops.domain.plan import Plan
from clinops.domain.suite import Role
from clinops.errors import InfrastructureError
from clinops.wiring import Bench
from flows.replicas import Obtained


@dataclass(frozen=True)
class Listed:
    """What came of listing the materials of one plan."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    changes: Changes | None = None
    findings: tuple[Finding, ...] = ()


NOT_LISTED: Final = Listed()


def listed(plan: Plan, obtained: Obtained, bench: Bench) -> Listed:
    """List what the service under test is made of, in both versions, and what changed."""
    under_test = plan.environment.clinops.under_test
    bills: dict[Role, Bill] = {}
    missing = []
    with ThreadPoolExecutor() as pool:
        begun = {
            role: pool.submit(bench.materials.of_image, images[under_test])
            for role, images in obtained.images.items()
        }
    for role, listing in begun.items():
        try:
            bills[role] = listing.result()
        except InfrastructureError as error:
            missing.append(_missing(role, error))
    files = {file_of(role): bill.cyclonedx() for role, bill in bills.items()}
    if bills.keys() < set(Role):
        return Listed(files, findings=tuple(missing))
    found = changes(bills[Role.BASELINE], bills[Role.CANDIDATE])
    return Listed({**files, CHANGES: found.text()}, found)


def _missing(role: Role, error: InfrastructureError) -> Finding:
    return Finding(
        kind="materials-missing",
        weight=Weight.NOTE,
        summary=f"Nobody knows what the {role} is made of: it could not be listed",
        detail=error.diagnostics(),
    )
