"""Differences: what the candidate does, or is, otherwise than the version in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import Field

from clinops.domain.finding import Finding, Weight
from clinops.domain.manifest import Change
from clinops.domain.suite import Role, SuiteRun
from clinops.domain.value import Value

REFUSED: Final = frozenset({"data", "behaviour"})
"""Kinds that a vendor must have declared: what is on record of patients, and what is answered."""


class Difference(Value):
    """One thing that is not as before. All its text may come from a vendor."""

    kind: Literal["test-result", "image-configuration", "data", "schema", "behaviour"]
    subject: str
    """What differs, the same in every run: `regression: test_x.py::test_y`, `image: user`,
    `data: patients: record 9990000018: name`, `behaviour: http body/*/Foo: added`."""
    before: str
    after: str
    declared_by: str | None = None
    """The summary of the vendor's change that covers it; none where nothing does."""
    change: Literal["added", "removed", "changed"] = Field(
        default="changed", exclude_if=lambda change: change == "changed"
    )
    protected: bool = Field(default=False, exclude_if=lambda protected: not protected)
    """Whether it touches what may never differ unseen: identifiers, names, doses, values …"""
    hazards: tuple[str, ...] = Field(default=(), exclude_if=lambda hazards: not hazards)
    """The hazards of the probes that it shows in."""
    count: int = Field(default=1, exclude_if=lambda count: count == 1)
    """In how many places the one cause shows."""
    where: str = Field(default="", exclude_if=lambda where: not where)
    """The first of them, by which a person finds it: `patient[id=9990000018] body/name`."""
    together: bool = Field(default=False, exclude_if=lambda together: not together)
    """Whether it stands for causes that nobody reads one by one: no declaration covers those."""

    @property
    def refuses(self) -> bool:
        """Whether it is a regression unless the vendor declared it.

        Something new that touches nothing protected is not: readers that worked go on working.
        """
        return self.kind in REFUSED and (self.protected or self.change != "added")


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
        difference.model_copy(
            update={"declared_by": None if difference.together else covered.get(difference.subject)}
        )
        for difference in differences
    )


def undeclared(differences: Sequence[Difference]) -> list[Finding]:
    """Find what no change of the vendor's covers: a regression refuses, the rest is noted.

    What touches something protected is noted even where it was declared, so that whoever signs
    has seen it.
    """
    silent = [_undeclared(one) for one in differences if one.declared_by is None]
    seen = [
        _finding(one, "declared-protected-change", Weight.NOTE, f"as declared: {one.declared_by}")
        for one in differences
        if one.protected and one.declared_by is not None
    ]
    return silent + seen


def _undeclared(difference: Difference) -> Finding:
    what = "and no change of the vendor's covers it"
    if difference.refuses:
        return _finding(difference, "regression", Weight.REFUSES, what)
    return _finding(difference, "undeclared-difference", Weight.NOTE, what)


def _finding(difference: Difference, kind: str, weight: Weight, why: str) -> Finding:
    where = f"{difference.where}: " if difference.where else ""
    return Finding(
        kind=kind,
        weight=weight,
        summary=f"{difference.subject} differs, {why}",
        detail=f"{where}before: {difference.before}; after: {difference.after}",
        hazards=difference.hazards,
        occurrence=difference.subject,
    )
