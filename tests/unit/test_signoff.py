from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from securesystemslib.dsse import Envelope as ReferenceEnvelope

from clinops.domain.digest import canonical
from clinops.domain.envelope import (
    PAYLOAD_TYPE,
    envelope_from,
    pre_authentication_encoding,
)
from clinops.domain.signer import Key
from clinops.domain.signoff import (
    BrokenSignature,
    Checked,
    LineAction,
    Meaning,
    SignOff,
    check,
    sign_off_for,
    signed_from,
    statement,
    statement_bytes,
)
from clinops.errors import BadInputError, RefusedError
from tests.fakes.gates import (
    EMPTY,
    KEYS,
    LOG,
    NOW,
    PEOPLE,
    approved,
    digest,
    evidence,
    ordered,
    signed,
)

SIGN_OFF = signed("joy", "safety").signed
ENVELOPE = KEYS.sign(statement_bytes(SIGN_OFF), "joy")


@pytest.mark.parametrize("reason", [" ", "\u3164", "\u2800 \uffa0", "\u115f\u034f", "\ufe0f"])
def test_refuses_a_reason_that_nobody_can_see(reason: str):
    with pytest.raises(ValidationError, match="the text is empty"):
        SignOff.model_validate({**dict(SIGN_OFF), "reason": reason})
    with pytest.raises(ValidationError, match="the text is empty"):
        SignOff.model_validate({**dict(SIGN_OFF), "accepts": {"ORT-001": reason}})


@pytest.mark.parametrize("sequence", [-1, 2**53, 2**64])
def test_refuses_a_place_that_no_ledger_has(sequence: int):
    found = statement_bytes(SIGN_OFF).replace(b'"sequence":0', b'"sequence":%d' % sequence)
    with pytest.raises(RefusedError, match="sequence"):
        signed_from(found)


def altered(path: str, value: Any) -> bytes:
    """Return the statement's bytes with one field changed, canonical again."""
    document: Any = json.loads(statement_bytes(SIGN_OFF))
    *parents, last = path.split(".")
    inner = document
    for part in parents:
        inner = inner[int(part) if part.isdigit() else part]
    inner[last] = value
    return canonical(document)


def altered_envelope(**changes: Any) -> bytes:
    return canonical({**ENVELOPE.json_value(), **changes})


def test_writes_down_who_says_what_about_which_evidence():
    made = sign_off_for(
        evidence(),
        "joy",
        PEOPLE["joy"],
        role="safety",
        meaning=Meaning.APPROVED,
        reason="Read it.",
        now=NOW,
        ledger=EMPTY,
    )
    assert made.evidence == evidence().digest
    assert made.images == {"archive": digest("a")}
    assert (made.name, made.registration) == ("Dr Joy Okafor", PEOPLE["joy"].registration)
    assert made.time == "2025-06-10T12:00:00.000000+00:00"


def prepare(**changes: Any) -> SignOff:
    given: dict[str, Any] = {"role": "safety", "meaning": Meaning.APPROVED, "reason": "Read it."}
    return sign_off_for(
        evidence(), "joy", PEOPLE["joy"], now=NOW, ledger=EMPTY, **{**given, **changes}
    )


def test_does_not_prepare_a_role_that_is_not_held():
    with pytest.raises(BadInputError) as caught:
        prepare(role="porter")
    assert "safety, operations" in caught.value.diagnostics()


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001, "bell \x07", "turned \u202e round"])
def test_does_not_prepare_a_reason_that_no_one_can_read(reason: str):
    with pytest.raises(BadInputError, match="can't be signed: reason"):
        prepare(reason=reason)


def test_the_statement_is_about_the_evidence_and_each_image():
    made = statement(SIGN_OFF)
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "urn:clinops:sign-off:1"
    assert made["subject"] == [
        {"name": "evidence", "digest": {"sha256": evidence().digest.removeprefix("sha256:")}},
        {"name": "image:archive", "digest": {"sha256": "a" * 64}},
    ]
    assert made["predicate"]["reason"] == "Read it."


def test_reads_back_what_it_wrote():
    assert signed_from(statement_bytes(SIGN_OFF)) == SIGN_OFF


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "statement is refused"),
        (b"\xff", "statement is refused"),
        (b"[" * 100_000, "statement is refused"),
        (b"[]", "statement is refused"),
        (statement_bytes(SIGN_OFF) + b" ", "canonical form"),
        (json.dumps(statement(SIGN_OFF)).encode(), "canonical form"),
        (altered("_type", "https://in-toto.io/Statement/v0.1"), "_type"),
        (altered("predicateType", "urn:clinops:sign-off:2"), "predicateType"),
        (altered("subject", []), "subjects"),
        (altered("subject.0.digest.sha256", "0" * 64), "subjects"),
        (altered("predicate.evidence", digest("0")), "subjects"),
        (altered("predicate.images", {"archive": digest("0")}), "subjects"),
        (altered("predicate.images", {"archive": "latest"}), "predicate.images.archive"),
        (altered("predicate.meaning", "perhaps"), "predicate.meaning"),
        (altered("predicate.time", "2025-06-10T12:00:00"), "not in UTC"),
        (altered("predicate.time", "2025-06-10T12:00:00+01:00"), "not in UTC"),
        (altered("predicate.time", "noon"), "predicate.time"),
        (altered("predicate.reason", " "), "predicate.reason"),
        (altered("predicate.demonstration", "no"), "canonical form"),
        (altered("predicate.surprise", 1), "predicate.surprise"),
        (altered("surprise", 1), "surprise"),
    ],
)
def test_refuses_any_other_statement(payload: bytes, reason: str):
    with pytest.raises(RefusedError, match=reason):
        signed_from(payload)


def test_signs_the_encoding_that_dsse_prescribes():
    payload = statement_bytes(SIGN_OFF)
    assert (
        pre_authentication_encoding(payload) == ReferenceEnvelope(payload, PAYLOAD_TYPE, {}).pae()
    )
    assert pre_authentication_encoding(b"") == b"DSSEv1 28 application/vnd.in-toto+json 0 "


def test_an_envelope_is_what_other_dsse_tools_read():
    foreign = ReferenceEnvelope.from_dict(json.loads(ENVELOPE.to_bytes()))
    assert foreign.payload == ENVELOPE.statement
    assert list(foreign.signatures) == [ENVELOPE.signatures[0].keyid]


def test_reads_an_envelope_back():
    assert envelope_from(ENVELOPE.to_bytes()) == ENVELOPE


SIGNATURE = ENVELOPE.signatures[0].json_value()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "envelope is refused"),
        (b"{}", "payload"),
        (ENVELOPE.to_bytes() + b"\n", "canonical form"),
        (ENVELOPE.to_bytes() + b"{}", "trailing"),
        (json.dumps(ENVELOPE.json_value()).encode(), "canonical form"),
        (ENVELOPE.to_bytes().replace(b"{", b'{"payload":"AAAA",', 1), "canonical form"),
        (altered_envelope(payloadType="text/plain"), "payloadType"),
        (altered_envelope(payload="a"), "payload: .*"),
        (altered_envelope(payload="YR=="), "payload: not canonical base64"),
        (altered_envelope(payload="Y*=="), "payload: not base64"),
        (altered_envelope(payload="é" * 4), "payload: not base64"),
        (altered_envelope(signatures=[]), "signatures: .*at least 1"),
        (altered_envelope(signatures=[SIGNATURE, SIGNATURE]), "signatures: .*at most 1"),
        (altered_envelope(signatures=[{**SIGNATURE, "keyid": "joy"}]), "keyid"),
        (altered_envelope(signatures=[{**SIGNATURE, "sig": "YR=="}]), "sig: not canonical"),
        (altered_envelope(signatures=[{**SIGNATURE, "cert": ""}]), "cert"),
        (altered_envelope(surprise=1), "surprise"),
    ],
)
def test_refuses_any_other_envelope(data: bytes, reason: str):
    with pytest.raises(RefusedError, match=reason):
        envelope_from(data)


@settings(deadline=None)
@given(st.integers(0, len(ENVELOPE.to_bytes()) - 1), st.integers(1, 255))
def test_an_envelope_with_a_changed_byte_is_never_another_sign_off(where: int, change: int):
    data = bytearray(ENVELOPE.to_bytes())
    data[where] ^= change
    assert isinstance(check(SignOff, bytes(data), SIGN_OFF.time, 7, KEYS.verify), BrokenSignature)


def test_checks_an_envelope_on_record():
    checked = check(SignOff, ENVELOPE.to_bytes(), SIGN_OFF.time, 7, KEYS.verify)
    assert checked == Checked(
        signed=SIGN_OFF, public_key=KEYS.public_key("joy"), recorded=SIGN_OFF.time, sequence=7
    )


def test_reports_a_signed_statement_that_is_no_sign_off():
    envelope = KEYS.sign(b'{"hello":"world"}', "joy").to_bytes()
    checked = check(SignOff, envelope, SIGN_OFF.time, 7, KEYS.verify)
    assert isinstance(checked, BrokenSignature)
    assert "statement is refused" in checked.problem


@pytest.mark.parametrize(
    "public",
    [
        "ssh-ed25519 AAA",
        "ssh-ed25519 " + base64.b64encode(b"\x00\x00\x00\x07ssh-rsa").decode(),
        KEYS.public_key("joy").replace("ssh-ed25519", "ssh-rsa"),
        KEYS.public_key("joy").replace("ssh-ed25519", "ssh-dss"),
    ],
)
def test_a_damaged_public_key_is_found_where_it_is_written(public: str):
    with pytest.raises(ValidationError):
        Key(public=public, valid_from=NOW.date(), valid_until=NOW.date())


def other_statements() -> list[Any]:
    return [approved().signed, ordered("sam", "operations", LineAction.STOP).signed]


@pytest.mark.parametrize("made", other_statements())
def test_reads_each_kind_of_statement_back_as_what_it_is(made: Any):
    assert signed_from(statement_bytes(made)) == made


def test_an_approval_never_passes_for_a_sign_off():
    """Its envelope holds a signature that is good, over another kind of statement."""
    envelope = KEYS.sign(statement_bytes(approved().signed), "joy").to_bytes()
    checked = check(SignOff, envelope, SIGN_OFF.time, 7, KEYS.verify)
    assert isinstance(checked, BrokenSignature)
    assert checked.problem == "what was signed is another statement, urn:clinops:approval:1"


def test_a_statement_of_one_kind_under_the_name_of_another_is_refused():
    for made, name in zip(other_statements(), ["line", "sign-off"], strict=True):
        document = {**statement(made), "predicateType": f"urn:clinops:{name}:1"}
        with pytest.raises(RefusedError):
            signed_from(canonical(document))


def test_the_subject_of_an_approval_is_the_document_or_the_item_of_it():
    (of_log,) = statement(approved().signed)["subject"]
    (of_waiver,) = statement(approved(item="W-001").signed)["subject"]
    assert (of_log["name"], of_waiver["name"]) == (LOG, f"{LOG}#W-001")
    assert of_log["digest"] == {"sha256": "9" * 64}


@pytest.mark.parametrize(
    "more",
    [
        {"accepts": {"ORT 001": "why"}},
        {"accepts": {"ORT-001": " "}},
        {"change": "standard"},
        {"site": "../etc"},
    ],
)
def test_does_not_prepare_what_no_gate_could_read(more: dict[str, Any]):
    with pytest.raises(BadInputError, match="this can't be signed"):
        prepare(**more)
