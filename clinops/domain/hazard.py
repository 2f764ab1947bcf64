"""The hazard log: `environments/<product>/hazards.yaml`.

A clinician scores each hazard; only the class is computed (DCB0129 and DCB0160, risk matrix).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.manifest import Name, ShortText
from clinops.domain.value import Document

HazardId = Annotated[
    str,
    Shape(
        r"[A-Z]{3}-[0-9]{3}",
        "must be three capital letters, a hyphen and three digits",
        "write it like `PAS-001`",
    ),
]


class Severity(StrEnum):
    """How badly patients would be harmed, and how many."""

    MINOR = "minor"
    SIGNIFICANT = "significant"
    CONSIDERABLE = "considerable"
    MAJOR = "major"
    CATASTROPHIC = "catastrophic"


class Likelihood(StrEnum):
    """How likely that harm is."""

    VERY_LOW = "very-low"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very-high"


_CLASSES = {
    Likelihood.VERY_HIGH: (3, 4, 4, 5, 5),
    Likelihood.HIGH: (2, 3, 3, 4, 5),
    Likelihood.MEDIUM: (2, 2, 3, 3, 4),
    Likelihood.LOW: (1, 2, 2, 3, 4),
    Likelihood.VERY_LOW: (1, 1, 2, 2, 3),
}
"""By likelihood, with the severities rising from left to right."""


def risk_class(severity: Severity, likelihood: Likelihood) -> int:
    """Return the class of a risk, from 1 (acceptable) to 5 (unacceptable)."""
    return _CLASSES[likelihood][list(Severity).index(severity)]


class Score(Document):
    """What a clinician says of a hazard; ClinOps never fills it in."""

    severity: Severity
    likelihood: Likelihood

    @property
    def risk_class(self) -> int:
        """The class that follows from the score."""
        return risk_class(self.severity, self.likelihood)


class NewControls(Document):
    """What brings the initial risk down to the residual one, by kind of control."""

    design: list[ShortText] = []
    test: list[ShortText] = []
    training: list[ShortText] = []
    business_process: list[ShortText] = []


class Hazard(Document):
    """One way in which the product could harm patients, and what is done about it."""

    id: HazardId
    name: ShortText
    type: ShortText
    description: ShortText
    causes: Annotated[list[ShortText], Field(min_length=1)]
    effect: ShortText
    harm: ShortText
    existing_controls: list[ShortText] = []
    initial: Score
    new_controls: NewControls = NewControls()
    residual: Score
    owner: ShortText
    status: Literal["open", "transferred", "closed"]
    evidence: list[ShortText] = []
    """Links to what shows that the controls work, or why the hazard is no longer ours."""

    @model_validator(mode="after")
    def _is_not_dismissed_without_evidence(self) -> Hazard:
        if self.status != "open" and not self.evidence:
            what = f"is `{self.status}`, and nothing shows why"
            mend = "add `evidence: [link to the decision]` to the hazard"
            raise refuse(Fault(what, mend, at=("status",)))
        return self

    @property
    def weight(self) -> int:
        """The worse of both classes: what the controls are trusted with counts, too."""
        return max(self.initial.risk_class, self.residual.risk_class)


class HazardLog(Document):
    """All hazards of a product. They are closed, never deleted."""

    schema_version: Literal[1] = Field(alias="schema")
    product: Name
    demonstration: bool = False
    """Whether the scores were given by someone who is not a clinician."""
    hazards: Annotated[list[Hazard], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_id_once(self) -> HazardLog:
        ids = [hazard.id for hazard in self.hazards]
        faults = [
            Fault("is the id of an earlier hazard", "take the next free number", at=at)
            for position, hazard in enumerate(ids)
            if hazard in ids[:position]
            for at in [("hazards", position, "id")]
        ]
        if faults:
            raise refuse(*faults)
        return self
