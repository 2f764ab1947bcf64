"""An imaginary trust with people, a vendor, a gate and evidence, to judge sign-offs by."""

from __future__ import annotations

import datetime as dt
from typing import Any

from clinops.domain.circumstances import Circumstances
from clinops.domain.evidence import Evidence, Images
from clinops.domain.gate import GatePolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.ledger import GENESIS, Anchor
from clinops.domain.outcome import Outcome
from clinops.domain.release import Inputs, Release
from clinops.domain.signer import Key, Registration, Signer, Signers, Vendor
from clinops.domain.signoff import (
    Approval,
    Checked,
    CheckedSignature,
    LineAction,
    LineOrder,
    Meaning,
    SignOff,
    approval_for,
    line_order_for,
    sign_off_for,
)
from clinops.domain.suite import Role
from tests.fakes.signatures import FakeSignatures

NOW = dt.datetime(2025, 6, 10, 12, tzinfo=dt.UTC)
ONE_HOUR = dt.timedelta(hours=1)
KEYS = FakeSignatures("joy", "joy-second", "sam", "kim", "ann", "vendor", "stranger")


def digest(digit: str) -> str:
    return "sha256:" + digit * 64


def evidence(**changes: Any) -> Evidence:
    release = Release(
        id="orthanc-1.12.6-0123456789ab",
        product="orthanc",
        vendor="acme",
        version="1.12.6",
        commit="1" * 40,
        committer="vendor:acme",
        manifest_path="vendor_manifests/acme/orthanc.yaml",
        inputs=Inputs(
            manifest=digest("1"), environment=digest("2"), suites=digest("3"), package=digest("4")
        ),
    )
    made = Evidence(
        release=release,
        baseline_version="1.12.5",
        images=(Images(role=Role.CANDIDATE, services={"archive": digest("a")}),),
        runs=(),
        findings=(),
        outcome=Outcome.QUALIFIED,
        files={},
        engine="0.1.0",
        started="2025-06-10T08:00:00+00:00",
        ended="2025-06-10T08:01:00+00:00",
    )
    return made.model_copy(update=changes)


def key(name: str, **changes: Any) -> Key:
    validity = {"valid_from": dt.date(2025, 1, 1), "valid_until": dt.date(2025, 12, 31)}
    return Key(public=KEYS.public_key(name) + f" {name}@ward", **{**validity, **changes})


def people(**changes: Signer) -> Signers:
    return Signers(schema=1, signers={**PEOPLE, **changes})


def policy(**changes: Any) -> GatePolicy:
    roles = [{"role": "safety", "count": 1}, {"role": "operations", "count": 1}]
    document = {
        "schema": 1,
        "requires": roles,
        "hazards": {"accepted_by": "safety", "approved_by": "safety"},
        "waivers": {"approved_by": "safety"},
        "sign_offs_expire_after_days": 14,
    }
    return GatePolicy.model_validate({**document, **changes})


def signed(
    who: str,
    role: str,
    *,
    meaning: Meaning = Meaning.APPROVED,
    at: dt.datetime = NOW - ONE_HOUR,
    recorded: dt.datetime | None = None,
    with_key: str | None = None,
    about: Evidence | None = None,
    sequence: int = 7,
    **claims: Any,
) -> CheckedSignature:
    """Sign as somebody; `claims` overrides what the sign-off says."""
    sign_off = sign_off_for(
        about or evidence(),
        who,
        _in_role(who, role),
        role=role,
        meaning=meaning,
        reason="Read it.",
        now=at,
        ledger=EMPTY,
    )
    return Checked(
        signed=SignOff.model_validate({**dict(sign_off), **claims}),
        public_key=KEYS.public_key(with_key or who),
        recorded=(recorded or at).isoformat(),
        sequence=sequence,
    )


def approved(
    who: str = "ann",
    role: str = "safety",
    *,
    at: dt.datetime = NOW - ONE_HOUR,
    recorded: dt.datetime | None = None,
    with_key: str | None = None,
    **claims: Any,
) -> Checked[Approval]:
    """Approve the hazard log as somebody; `claims` overrides what the approval says."""
    log = {"product": "orthanc", "document": LOG, "digest": LOG_DIGEST, "reason": "Read it."}
    made = approval_for(
        who, _in_role(who, role), role=role, now=at, ledger=EMPTY, **{**log, **claims}
    )
    return Checked(
        signed=made,
        public_key=KEYS.public_key(with_key or who),
        recorded=(recorded or at).isoformat(),
        sequence=3,
    )


def ordered(
    who: str,
    role: str,
    action: LineAction,
    *,
    at: dt.datetime = NOW - ONE_HOUR,
    sequence: int = 5,
    upon: int = 4,
    with_key: str | None = None,
    **claims: Any,
) -> Checked[LineOrder]:
    """Order as somebody that the line stops or goes on."""
    anchor = Anchor(sequence=upon, digest=digest("f"))
    made = line_order_for(
        who,
        _in_role(who, role),
        role=role,
        now=at,
        **{
            "product": "orthanc",
            "reason": "Because.",
            "ledger": anchor,
            "action": action,
            **claims,
        },
    )
    return Checked(
        signed=made,
        public_key=KEYS.public_key(with_key or who),
        recorded=at.isoformat(),
        sequence=sequence,
    )


def circumstances(**changes: Any) -> Circumstances:
    """Everything in order: one site, a hazard log that Ann approved, nothing in the way."""
    made = {
        "sites": ("general-hospital",),
        "hazard_log": HAZARDS,
        "hazard_log_digest": LOG_DIGEST,
        "approvals": (approved(),),
        **changes,
    }
    return Circumstances(**made)


def _in_role(who: str, role: str) -> Signer:
    return PEOPLE[who].model_copy(update={"roles": [role]})


LOG = "environments/orthanc/hazards.yaml"
LOG_DIGEST = digest("9")
EMPTY = Anchor(sequence=0, digest=GENESIS)
HAZARDS = HazardLog.model_validate_json("""{
  "schema": 1, "product": "orthanc",
  "hazards": [{
    "id": "ORT-001", "name": "wrong patient", "type": "identity", "description": "d",
    "causes": ["c"], "effect": "e", "harm": "h",
    "initial": {"severity": "major", "likelihood": "medium"},
    "residual": {"severity": "major", "likelihood": "very-low"},
    "owner": "o", "status": "open"
  }]
}""")
PEOPLE = {
    "joy": Signer(
        name="Dr Joy Okafor",
        roles=["safety", "operations"],
        registration=Registration(body="GMC", number="0000000"),
        keys=[key("joy"), key("joy-second")],
    ),
    "sam": Signer(name="Sam Reed", roles=["operations", "safety"], keys=[key("sam")]),
    "kim": Signer(name="Kim Lee", roles=["operations", "safety", "porter"], keys=[key("kim")]),
    "ann": Signer(name="Dr Ann Low", roles=["safety"], keys=[key("ann")]),
}

VENDORS = {"acme": Vendor(schema=1, name="Acme Imaging", keys=[key("vendor")])}
