"""The gate: what `environments/<product>/gate.yaml` requires, and what is said about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator

from clinops.domain.manifest import Name
from clinops.domain.signer import Registration
from clinops.domain.signoff import Meaning
from clinops.domain.value import Document, Value


class Requirement(Document):
    """How many people must sign off in one role."""

    role: Name
    count: Annotated[int, Field(ge=1, le=20)] = 1


class Separation(Document):
    """Who may not sign off, so that no one approves their own work."""

    vendor: bool = True
    """No key of any vendor may sign off."""
    committer: bool = True
    """Whoever signed the release's commit, or one that changed its suites, environment or package
    since the version in use, may not sign it off, with whatever key."""
    one_role_each: bool = True
    """One person fills one role of the gate only."""


class GatePolicy(Document):
    """What must be met before a release may be deployed."""

    schema_version: Literal[1] = Field(alias="schema")
    requires: Annotated[list[Requirement], Field(min_length=1)]
    separation: Separation = Separation()
    sign_offs_expire_after_days: Annotated[int, Field(ge=1, le=365)]
    accept_demonstration: bool = False
    """Whether identities that are marked as a demonstration's count. Never so in earnest."""

    @field_validator("requires")
    @classmethod
    def _each_role_once(cls, value: list[Requirement]) -> list[Requirement]:
        if len({requirement.role for requirement in value}) < len(value):
            raise ValueError("a role is listed twice; raise its count instead")
        return value

    @property
    def places(self) -> dict[str, int]:
        """How many people each role needs."""
        return {requirement.role: requirement.count for requirement in self.requires}


class Rule(StrEnum):
    """Why a signature does not count; the sentence beside it says it for a person."""

    BROKEN_SIGNATURE = "broken-signature"
    UNKNOWN_KEY = "unknown-key"
    CLAIM_DIFFERS = "claim-differs"
    REVOKED_KEY = "revoked-key"
    KEY_OUT_OF_TIME = "key-out-of-time"
    DEMONSTRATION = "demonstration"
    ROLE_NOT_IN_GATE = "role-not-in-gate"
    ROLE_NOT_HELD = "role-not-held"
    OTHER_RELEASE = "other-release"
    OTHER_EVIDENCE = "other-evidence"
    OTHER_IMAGES = "other-images"
    VENDOR = "vendor"
    COMMITTER = "committer"
    FUTURE = "future"
    CLOCKS_APART = "clocks-apart"
    EXPIRED = "expired"
    SAME_PERSON = "same-person"


class Refused(Value):
    """A signature that does not count."""

    rule: Rule
    sentence: str
    signer: str | None
    """Who claims to have signed; none where the envelope can't be read."""
    role: str | None


class Counted(Value):
    """A signature that counts, with what a page must show beside it (21 CFR 11.50)."""

    signer: str
    name: str
    role: str
    registration: Registration | None
    meaning: Meaning
    time: str
    reason: str


class GateReport(Value):
    """Whether a gate is open, and for each signature why it counts or not."""

    open: bool
    counted: tuple[Counted, ...]
    refused: tuple[Refused, ...]
    missing: tuple[str, ...]
    """What keeps the gate closed, one sentence each; empty exactly where it is open."""
