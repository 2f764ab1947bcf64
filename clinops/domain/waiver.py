"""Waivers: `environments/<product>/waivers.yaml`, failures and differences that are accepted.

A waiver is for one occurrence in one version, and for a time. Whether it was approved is the
gate's to ask: here it only takes the weight from the finding, which stays in sight.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from clinops.domain.digest import digest_of
from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.finding import Finding, Weight
from clinops.domain.manifest import Name, ShortText, VersionText
from clinops.domain.value import Document

WaiverId = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9][A-Za-z0-9-]{0,62}",
        "must be letters, digits and hyphens, at most 63, and not begin with a hyphen",
        "write it like `W-001`",
    ),
]


class Waiver(Document):
    """One finding that does not count against one version, until a day."""

    id: WaiverId
    version: VersionText
    """The version offered; the next one needs a waiver of its own."""
    finding: Literal[
        "test-failed",
        "test-failed-on-both",
        "test-skipped",
        "undeclared-difference",
        "regression",
        "slower",
        "fault-loses",
        "fault-not-survived",
        "rollback-test-failed-on-both",
    ]
    occurrence: ShortText
    """The finding's own, to the letter: `regression: test_x.py::test_y`."""
    message: str | None = None
    """The failure's message, to the letter: then another failure of that test is not waived."""
    reason: ShortText
    owner: ShortText
    expires: dt.date
    """The last day on which it holds."""

    @property
    def digest(self) -> str:
        """What a person approves by signature: change anything, and nobody has."""
        return digest_of(self.model_dump(mode="json"))

    def holds(self, version: str, day: dt.date) -> bool:
        """Whether it is for that version and has not expired on that day."""
        return self.version == version and day <= self.expires

    def names(self, finding: Finding) -> bool:
        """Whether that is the finding that it was written for."""
        return (self.finding, self.occurrence) == (
            finding.kind,
            finding.occurrence,
        ) and self.message in {None, finding.detail}


class Waivers(Document):
    """All waivers of a product."""

    schema_version: Literal[1] = Field(alias="schema")
    product: Name
    waivers: list[Waiver]

    @model_validator(mode="after")
    def _each_id_once(self) -> Waivers:
        ids = [waiver.id for waiver in self.waivers]
        faults = [
            Fault("is the id of an earlier waiver", "give it one of its own", at=at)
            for position, waiver in enumerate(ids)
            if waiver in ids[:position]
            for at in [("waivers", position, "id")]
        ]
        if faults:
            raise refuse(*faults)
        return self


def apply(
    findings: Iterable[Finding], waivers: Sequence[Waiver], version: str, day: dt.date
) -> tuple[Finding, ...]:
    """Take the weight from every finding that a waiver names, and write the waiver beside it.

    Args:
        findings: Findings of one qualification.
        waivers: Every waiver of the product, expired ones and those of other versions too.
        version: The version that was qualified.
        day: The day on which the waivers must hold.
    """
    in_force = [waiver for waiver in waivers if waiver.holds(version, day)]
    return tuple(_waived(finding, in_force) for finding in findings)


def _waived(finding: Finding, in_force: Sequence[Waiver]) -> Finding:
    waiver = next((waiver for waiver in in_force if waiver.names(finding)), None)
    if waiver is None:
        return finding
    return finding.model_copy(update={"weight": Weight.NOTE, "waiver": waiver.id})
