"""The gate: `environments/<product>/gate.yaml`, and whether sign-offs meet it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from clinops.domain.manifest import Name
from clinops.domain.value import Document


class Requirement(Document):
    """How many people must sign off in one role."""

    role: Name
    count: Annotated[int, Field(ge=1, le=20)] = 1


class Separation(Document):
    """Who may not sign off, so that no one approves their own work."""

    vendor: bool = True
    """No key of any vendor may sign off."""
    committer: bool = True
    """Whoever signed the release's commit may not sign it off, with whatever key."""
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
