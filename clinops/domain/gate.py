"""The gate: what `environments/<product>/gate.yaml` requires, and what is said about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from clinops.domain.digest import Digest
from clinops.domain.fault import refuse
from clinops.domain.manifest import Name
from clinops.domain.policy import Need, faults, requirements
from clinops.domain.signed import ChangeType, Meaning
from clinops.domain.signer import Registration
from clinops.domain.value import Document, Value

Needs = Annotated[list[Need], Field(min_length=1)]
Hours = Annotated[int, Field(ge=1, le=24 * 365)]

CSO = "clinical-safety-officer"


class _Asks(Document):
    """Anything that asks for sign-offs: all of a list of needs."""

    requires: Needs

    @model_validator(mode="after")
    def _can_be_read(self) -> _Asks:
        if found := list(faults(self.requires)):
            raise refuse(*found)
        return self


class Standard(_Asks):
    """The route of changes that were agreed beforehand: nothing unexplained, no serious hazard."""


class Emergency(_Asks):
    """The route of changes that can't wait: fewer sign-offs before, the others owed after."""

    owed_within_hours: Hours
    passes: list[Literal["freeze", "stop", "overdue"]] = []
    """What does not hold an emergency up."""


class Hazards(Document):
    """What the hazard log means at the gate."""

    evidence_from_class: Annotated[int, Field(ge=1, le=5)] = 3
    """Hazards of this class and above need passing evidence, or to be accepted in writing."""
    accepted_by: Name = CSO
    approved_by: Name = CSO
    """The role that approves each version of the log, and that lets a stopped line go on."""


class WaiverRules(Document):
    """Who approves waivers."""

    approved_by: Name = CSO


class Separation(Document):
    """Who may not sign off, so that no one approves their own work."""

    vendor: bool = True
    """No key of any vendor may sign off."""
    committer: bool = True
    """Whoever signed the release's commit, or one that changed its suites, environment or package
    since the version in use, may not sign it off, with whatever key."""
    administrators: bool = True
    """Whoever may push, and so could change people, policy and suites, may not sign off."""
    one_role_each: bool = True
    """One person fills one role of the gate only."""


class Reuse(Document):
    """How long a result may be carried over where nothing that it depends on has changed."""

    days: Annotated[int, Field(ge=1, le=365)] = 14
    """How old it may be, counted from the qualification that it was measured in."""
    sampled_percent: Annotated[int, Field(ge=1, le=100)] = 5
    """The share that is measured again all the same, drawn at random."""


class Reminders(Document):
    """When people are reminded of what waits for them."""

    after_hours: Hours = 24
    escalate_after_hours: Hours = 72
    escalate_to: Name | None = None


class GatePolicy(_Asks):
    """What must be met before a release may be deployed."""

    schema_version: Literal[1] = Field(alias="schema")
    standard: Standard | None = None
    emergency: Emergency | None = None
    hazards: Hazards = Hazards()
    waivers: WaiverRules = WaiverRules()
    separation: Separation = Separation()
    sign_offs_expire_after_days: Annotated[int, Field(ge=1, le=365)]
    accept_demonstration: bool = False
    """Whether identities that are marked as a demonstration's count. Never so in earnest."""
    reminders: Reminders | None = None
    reuse: Annotated[
        Annotated[Reuse, Tag("rules")] | Annotated[Literal["never"], Tag("never")],
        Discriminator(lambda said: "never" if isinstance(said, str) else "rules"),
    ] = Reuse()
    """Whether results may be carried over from earlier qualifications, and for how long."""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that a sign-off may be made in."""
        routes = (self, self.standard, self.emergency)
        asked = (one for route in routes if route for one in requirements(route.requires))
        return frozenset({one.role for one in asked} | {self.hazards.accepted_by})


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
    SITE_NOT_THEIRS = "site-not-theirs"
    NOT_TO_ACCEPT = "not-to-accept"
    NO_EMERGENCY = "no-emergency"
    OTHER_RELEASE = "other-release"
    OTHER_EVIDENCE = "other-evidence"
    OTHER_IMAGES = "other-images"
    OTHER_DOCUMENT = "other-document"
    VENDOR = "vendor"
    COMMITTER = "committer"
    ADMINISTRATOR = "administrator"
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
    sequence: int
    """The number of the ledger's entry."""


class Counted(Value):
    """A signature that counts, with what a page must show beside it (21 CFR 11.50)."""

    signer: str
    name: str
    role: str
    registration: Registration | None
    meaning: Meaning
    change: ChangeType
    site: str | None
    time: str
    reason: str
    demonstration: bool
    sequence: int


class Acceptance(Value):
    """A hazard that somebody accepted in writing though no evidence covers it."""

    hazard: str
    signer: str
    name: str
    role: str
    registration: Registration | None
    reason: str
    time: str


class Approved(Value):
    """A document, or a waiver in one, that somebody approved by signature."""

    document: str
    item: str
    digest: Digest
    signer: str
    name: str
    role: str
    registration: Registration | None
    reason: str
    time: str


class Owed(Value):
    """What is owed after an emergency."""

    deadline: str
    missing: tuple[str, ...]
    awaited: tuple[str, ...]


class GateReport(Value):
    """Whether a gate is open, and for each signature why it counts or not."""

    open: bool
    route: ChangeType | None
    """The route on which it is open."""
    counted: tuple[Counted, ...]
    refused: tuple[Refused, ...]
    missing: tuple[str, ...]
    """What keeps the gate closed, one sentence each; empty exactly where it is open."""
    awaited: tuple[str, ...] = ()
    """The roles whose sign-off would bring it nearer to open."""
    accepted: tuple[Acceptance, ...] = ()
    approved: tuple[Approved, ...] = ()
    owed: Owed | None = None
