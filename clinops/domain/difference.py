"""Differences: what the candidate does, or is, otherwise than the version in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from clinops.domain.finding import Finding, Weight
from clinops.domain.manifest import Change
from clinops.domain.suite import Role, SuiteRun
from clinops.domain.value import Value


class Difference(Value):
    """One thing that is not as before. All its text may come from a vendor."""

    kind: Literal["test-result", "image-configuration"]
    subject: str
    """What differs: `regression: test_x.py::test_y`, `image: user`."""
    before: str
    after: str
    declared_by: str | None = None
    """The summary of the vendor's change that covers it; none where nothing does."""


def differing_results(runs: Sequence[SuiteRun]) -> list[Difference]:
    """Find the tests that ended otherwise on the candidate.

    Only where a suite ran to its end on both versions: else evidence is missing, which is told
    elsewhere, and nothing is known about the difference.
    """
    before, after = (_results(runs, role) for role in (Role.BASELINE, Role.CANDIDATE))
    return [
        difference
        for suite in before
        if suite in after
        for difference in _differing(
            "test-result", f"{suite}: ", before[suite], after[suite], "not run"
        )
    ]


def _results(runs: Sequence[SuiteRun], role: Role) -> dict[str, dict[str, str]]:
    return {
        run.suite: {case.name: case.verdict.value for case in run.cases}
        for run in runs
        if run.role is role and run.completed
    }


def differing_images(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """Find what differs between the configurations of two images, key by key."""
    return _differing("image-configuration", "image: ", before, after, "not set")


def _differing(
    kind: Literal["test-result", "image-configuration"],
    prefix: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    absent: str,
) -> list[Difference]:
    return [
        Difference(
            kind=kind,
            subject=prefix + name,
            before=before.get(name, absent),
            after=after.get(name, absent),
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def declared(
    differences: Sequence[Difference], changes: Sequence[Change]
) -> tuple[Difference, ...]:
    """Write beside each difference which of the vendor's changes covers it."""
    covered = {subject: change.summary for change in reversed(changes) for subject in change.covers}
    return tuple(
        difference.model_copy(update={"declared_by": covered.get(difference.subject)})
        for difference in differences
    )


def undeclared(differences: Sequence[Difference]) -> list[Finding]:
    """Note what no change of the vendor covers: it refuses nothing, but a person must see it."""
    return [
        Finding(
            kind="undeclared-difference",
            weight=Weight.NOTE,
            summary=f"{difference.subject} differs, and no change of the vendor's covers it",
            detail=f"before: {difference.before}; after: {difference.after}",
            occurrence=difference.subject,
        )
        for difference in differences
        if difference.declared_by is None
    ]
