"""Signatures that must not count, tried on a real estate: refused, on record, nothing deployed."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from clinops.domain.envelope import Envelope, envelope_from
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signer import Registration
from clinops.domain.signoff import ChangeType, Meaning, statement_bytes
from clinops.errors import LedgerError, RefusedError
from clinops.ports import Clock
from clinops.wiring import utc_now
from tests.flows.attack import in_use, refused, shut
from tests.ward import PEOPLE, SIGNERS, SMOKE, VENDOR, Ward

pytestmark = pytest.mark.docker

CSO, OPS = "j-okafor", "s-reid"
OTHER = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def release(ward: Ward) -> str:
    """A release that has qualified, on an approved hazard log; nobody has signed it."""
    ward.approve_the_hazard_log()
    offered = ward.offer("2.0")
    assert ward.qualify(offered) is State.AWAITING_SIGN_OFF
    return offered


@pytest.fixture(autouse=True)
def every_attack_on_its_own(ward: Ward, release: str) -> Iterator[None]:
    with ward.unchanged():
        yield


def later(days: float) -> Clock:
    """A clock that is some days ahead, or behind."""
    return lambda: utc_now() + dt.timedelta(days=days)


def person(ward: Ward, who: str, **changes: Any) -> dict[str, Any]:
    """Describe somebody of the ward's signers, changed."""
    return {**PEOPLE[who], "keys": [ward.public(who)], **changes}


def another_cso(ward: Ward, *keys: str, **changes: Any) -> dict[str, Any]:
    """Describe a second safety officer, with the stranger's key unless others are named."""
    return {
        "name": "Dr Min Chan",
        "roles": ["clinical-safety-officer"],
        "keys": [ward.public(key) for key in keys or ("a-stranger",)],
        **changes,
    }


def resigned(envelope: Envelope, **claims: Any) -> Envelope:
    """Exchange what an envelope says and keep its signature."""
    said = json.loads(envelope.statement)
    payload = json.dumps({**said, "predicate": {**said["predicate"], **claims}},
                         sort_keys=True, ensure_ascii=False, separators=(",", ":"))  # fmt: skip
    return envelope.model_copy(update={"payload": base64.b64encode(payload.encode()).decode()})


# Forged


@pytest.mark.parametrize("key", ["a-stranger", VENDOR])
def test_a_signature_by_a_key_that_is_not_the_safety_officers_is_refused(ward, release, key):
    forged = ward.envelope(ward.draft(release, CSO), key)
    assert "the key belongs to nobody in signers.yaml" in refused(ward, release, forged)


def test_a_signature_under_another_keys_name_is_refused(ward, release):
    real = ward.envelope(ward.draft(release, CSO), CSO).signatures[0]
    forged = ward.envelope(ward.draft(release, CSO), "a-stranger")
    (own,) = forged.signatures
    mixed = forged.model_copy(update={"signatures": [own.model_copy(update={"keyid": real.keyid})]})
    assert "keyid is not that of the key that signed" in refused(ward, release, mixed)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({}, "the key belongs to s-reid, not to j-okafor"),
        ({"signer": OPS}, "the name is not the one in signers.yaml"),
        ({"signer": OPS, "name": "Sam Reid"}, "the registration is not the one"),
        (
            {"signer": OPS, "name": "Sam Reid", "registration": None},
            "Sam Reid does not hold the role clinical-safety-officer",
        ),
    ],
)
def test_nobody_signs_as_somebody_else_or_in_a_role_of_theirs(ward, release, claims, why):
    claimed = ward.draft(release, CSO).model_copy(update=claims)
    assert why in refused(ward, release, ward.envelope(claimed, OPS))


def test_an_administrator_signs_nothing_off(ward, release):
    claims = {"signer": "a-admin", "name": "Ada Admin", "registration": None}
    claimed = ward.draft(release, CSO).model_copy(update=claims)
    assert "does not hold the role" in refused(ward, release, ward.envelope(claimed, "a-admin"))
    roles = ["clinical-safety-officer"]
    ward.decide({SIGNERS: ward.signers(**{"a-admin": person(ward, "a-admin", roles=roles)})})
    assert "may change the estate, and so signs nothing off" in refused(
        ward, release, ward.envelope(claimed, "a-admin")
    )


# Altered


@pytest.mark.parametrize(
    "claims",
    [
        {"reason": "Nothing was wrong."},
        {"meaning": Meaning.REJECTED},
        {"change": ChangeType.EMERGENCY},
        {"role": "operations"},
        {"accepts": {"WRD-001": "no harm in it"}},
        {"site": "another-hospital"},
        {"time": "2020-01-01T00:00:00.000000+00:00"},
        {"version": "2.1"},
        {"registration": Registration(body="GMC", number="7000002")},
    ],
    ids=lambda claims: str(*claims),
)
def test_a_statement_that_was_altered_after_it_was_signed_is_refused(ward, release, claims):
    signed = ward.draft(release, CSO)
    envelope = ward.envelope(signed, CSO)
    payload = statement_bytes(signed.model_copy(update=claims))
    altered = envelope.model_copy(update={"payload": base64.b64encode(payload).decode()})
    assert "does not match what it is said to sign" in refused(ward, release, altered)


def test_an_envelope_with_any_byte_changed_is_refused(ward, release):
    """Refused wherever it is; on record as long as it can still be read whom it concerns."""
    data = ward.envelope(ward.draft(release, CSO), CSO).to_bytes()
    for place in range(5, len(data), len(data) // 40):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(RefusedError):
            ward.hand_in(envelope_from(changed))
    kinds = [entry.kind for entry in ward.entries(release)]
    assert Kind.SIGNED not in kinds
    assert Kind.SIGNATURE_REFUSED in kinds
    assert "missing: nobody has signed yet" in shut(ward, release)


def test_another_spelling_of_the_same_statement_is_refused(ward, release):
    """Two byte forms of one signed thing would let two people look at different things."""
    envelope = ward.envelope(ward.draft(release, CSO), CSO)
    with pytest.raises(RefusedError, match="does not match what it is said to sign"):
        ward.hand_in(resigned(envelope, more="unseen"))
    with pytest.raises(RefusedError, match="not in canonical form"):
        envelope_from(b" " + envelope.to_bytes())


# Replayed


def test_a_signature_handed_in_again_is_refused(ward, release):
    (first,) = ward.sign_off(release, CSO)
    assert "this very statement is on record" in refused(ward, release, first)


def test_one_person_fills_one_place_with_whatever_keys_and_roles(ward, release):
    both = ["clinical-safety-officer", "operations"]
    keys = [ward.public(CSO), ward.public("a-stranger")]
    ward.decide({SIGNERS: ward.signers(**{CSO: person(ward, CSO, roles=both, keys=keys)})})
    ward.sign_off(release, CSO)
    again = ward.envelope(ward.draft(release, CSO, role="operations"), "a-stranger")
    assert "already" in refused(ward, release, again)
    assert "missing: 1 more sign-off by role operations" in shut(ward, release)


def test_a_rejection_is_final_whatever_is_handed_in_after_it(ward, release):
    signed = [ward.envelope(ward.draft(release, who), who) for who in (CSO, OPS)]
    rejection = ward.draft(release, CSO, meaning=Meaning.REJECTED, reason="Names are garbled.")
    ward.hand_in(ward.envelope(rejection, CSO))
    for envelope in signed:
        assert f"{release} is rejected" in refused(ward, release, envelope)
    assert ward.promote(release) is State.REJECTED
    assert ward.entries(release)[-1].kind is Kind.PROMOTION_REFUSED
    assert in_use(ward) == "1.0"


def test_signatures_do_not_move_to_a_release_with_other_evidence(ward, release):
    envelopes = ward.sign_off(release, CSO, OPS)
    other = ward.offer("2.1")
    assert ward.qualify(other) is State.AWAITING_SIGN_OFF
    for envelope in envelopes:
        moved = resigned(envelope, release=other, version="2.1")
        assert "does not match" in refused(ward, other, moved)
        put_on_record(ward, Kind.SIGNED, other, {"envelope": envelope.json_value()})
    assert shut(ward, other).count(f"it was made for another release, {release}") == 2
    assert "the release is superseded" in shut(ward, release)


def test_signatures_do_not_move_with_their_evidence_either(ward, release):
    envelopes = ward.sign_off(release, CSO, OPS)
    with ward.opened() as wiring:
        evidence = wiring.release(release).evidence
    other = ward.offer("2.1")
    put_on_record(ward, Kind.QUALIFICATION_STARTED, other, {"attempt": 1})
    put_on_record(ward, Kind.VERDICT, other, {"outcome": "qualified", "evidence": evidence})
    for envelope in envelopes:
        put_on_record(ward, Kind.SIGNED, other, {"envelope": envelope.json_value()})
    assert "is about another release" in shut(ward, other)


def put_on_record(ward: Ward, kind: Kind, subject: str, body: dict[str, Any]) -> None:
    """Write to the ledger past everything that judges, as somebody with its password."""
    with ward.opened() as wiring:
        wiring.ledger.append(kind, subject, body)


# Revoked, expired


GONE: list[tuple[dict[str, Any] | None, str]] = [
    ({"key": {"revoked": "2025-01-01"}}, "the key was revoked on 2025-01-01"),
    ({"key": {"valid_until": "2025-01-01"}}, "the key had expired"),
    ({"roles": ["operations"]}, "Dr Joy Okafor does not hold the role clinical-safety-officer"),
    (None, "the key belongs to nobody in signers.yaml"),
]


def signers_without(ward: Ward, changes: dict[str, Any] | None) -> str:
    """Write signers.yaml with the safety officer changed or gone, and another one in place."""
    if changes is None:
        people = yaml.safe_load(ward.signers(chan=another_cso(ward)))
        del people["signers"][CSO]
        return yaml.safe_dump(people)
    fields = dict(changes)
    key = {**ward.public(CSO), **fields.pop("key", {})}
    who = person(ward, CSO, keys=[key], **fields)
    return ward.signers(**{CSO: who, "chan": another_cso(ward)})


@pytest.mark.parametrize(("changes", "why"), GONE)
def test_who_may_not_sign_any_more_cannot_and_has_not(ward, release, changes, why):
    """Between the signature and the promotion, too."""
    late = ward.envelope(ward.draft(release, CSO), CSO)
    ward.sign_off(release, CSO, OPS)
    ward.decide({SIGNERS: signers_without(ward, changes)})
    assert f"not counted: {why}" in shut(ward, release)
    assert why in refused(ward, release, late)


# The clock


def test_a_signature_from_the_future_or_the_past_is_refused(ward, release):
    for days, why in ((1, "it is dated in the future"), (-1, "the ledger")):
        day = (utc_now() + dt.timedelta(days=days)).isoformat(timespec="microseconds")
        dated = ward.draft(release, CSO).model_copy(update={"time": day})
        assert why in refused(ward, release, ward.envelope(dated, CSO))


def test_a_clock_set_back_brings_no_expired_signature_back(ward, release):
    ward.sign_off(release, CSO, OPS)
    assert "it is more than 14 days old" in shut(ward, release, later(15))
    with pytest.raises(LedgerError, match="the clock was set back"):
        ward.promote(release, later(1))
    assert in_use(ward) == "1.0"
    assert ward.entries(release)[-1].kind is Kind.PROMOTION_REFUSED


def test_a_clock_set_back_takes_no_signature(ward, release):
    signed = ward.draft(release, CSO).model_copy(
        update={"time": later(-1)().isoformat(timespec="microseconds")}
    )
    with pytest.raises(LedgerError, match="the clock was set back"):
        ward.hand_in(ward.envelope(signed, CSO), later(-1))
    assert Kind.SIGNED not in {entry.kind for entry in ward.entries(release)}


# Oneself


def test_who_changed_a_suite_signs_with_no_key_of_theirs(ward, release):
    """Not even after the right to push has been given up: the commit stays theirs."""
    keys = [ward.public("a-stranger"), ward.public("a-second-key")]
    lead = {"name": "Lee Lead", "roles": ["operations"], "keys": keys}
    ward.decide({SIGNERS: ward.signers(lead={**lead, "may_push": True})})
    weaker = ward.read(SMOKE).replace('== "nobody"', '!= "root"')
    assert ward.push({SMOKE: weaker}, "a-stranger").returncode == 0
    ward.decide({SIGNERS: ward.signers(lead=lead)})
    other = ward.known()
    assert ward.qualify(other) is State.AWAITING_SIGN_OFF
    claimed = ward.draft(other, "lead", role="operations")
    why = refused(ward, other, ward.envelope(claimed, "a-second-key"))
    assert "Lee Lead changed what the release is made of" in why
