"""Every kind of entry in a plain sentence, whatever its body lacks."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from clinops.domain.history import tell
from clinops.domain.ledger import Entry, Kind
from tests.fakes.ledger import EVIDENCE, START, live_body

TIME = START.isoformat(timespec="microseconds")


def entry(kind: Kind, body: dict[str, Any], subject: str = "pas-1") -> Entry:
    return Entry.after(None, time=TIME, kind=kind, subject=subject, body=body)


def signed(**claims: Any) -> dict[str, Any]:
    predicate = {
        "name": "Dr Joy Okafor",
        "role": "safety",
        "registration": {"body": "GMC", "number": "7000001"},
        "reason": "Read it.",
        "demonstration": False,
        **claims,
    }
    payload = base64.b64encode(json.dumps({"predicate": predicate}).encode()).decode()
    return {"envelope": {"payload": payload}}


@pytest.mark.parametrize("kind", Kind)
def test_tells_every_kind_of_entry_even_where_its_body_is_empty(kind):
    told = tell(entry(kind, {}))
    assert told.sentence
    assert (told.sequence, told.time, told.subject) == (1, TIME, "pas-1")


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        (
            Kind.SYSTEM_ADOPTED,
            {"live": live_body()},
            "pas 1.2.0 was recorded as live at ward: it was there before",
        ),
        (
            Kind.RELEASE_KNOWN,
            {"release": {"product": "pas", "version": "2.0", "committer": "vendor:acme"}},
            "pas 2.0 was pushed, signed by vendor:acme",
        ),
        (Kind.QUALIFICATION_STARTED, {"attempt": 2}, "Testing began, attempt 2"),
        (
            Kind.VERDICT,
            {"outcome": "refused", "junit": {"tests": 3, "failures": 1}},
            "Testing ended, refused: 3 tests, 1 failed",
        ),
        (Kind.DEPLOYMENT_STARTED, {"sites": ["a", "b"]}, "Deployment began: a, b"),
        (
            Kind.SITE_LIVE,
            {"live": live_body()},
            "1.2.0 went live at ward and passed its check",
        ),
        (Kind.SITE_ROLLED_BACK, {"live": live_body()}, "ward was rolled back to 1.2.0"),
        (
            Kind.SITE_ROLLED_BACK,
            {"live": live_body(), "problem": "no backup"},
            "The rollback of ward to 1.2.0 failed: a person had to act",
        ),
        (Kind.SUPERSEDED, {"by": "pas-2"}, "A newer release, pas-2, took its place"),
        (Kind.REOPENED, {"by": "root", "why": "more memory"}, "root had it tested again"),
        (
            Kind.REOPENED,
            {"by": "root", "why": "to be sure", "fresh": True},
            "root had it tested again, with nothing carried over",
        ),
        (
            Kind.VERDICT,
            {"outcome": "qualified", "carried": ["The smoke suite was carried over"]},
            "Testing ended, qualified; 1 result carried over, not measured again",
        ),
        (
            Kind.REQUEST_MET,
            {"request": "r-1", "title": "Mend it", "evidence": "sha256:1"},
            "The request r-1 was met: Mend it",
        ),
        (
            Kind.REUSE_MISMATCH,
            {"release": "pas-2", "what": "rehearsal", "origin": {"release": "pas-1"}},
            (
                "The rehearsal of pas-2 was measured again as a sample, and came out otherwise "
                "than in pas-1: nothing measured until now is carried over any more"
            ),
        ),
        (
            Kind.SIGNATURE_REFUSED,
            {"signer": "mallory", "role": "safety"},
            "A signature by mallory as safety was refused",
        ),
        (
            Kind.STATEMENT_REFUSED,
            {"what": "order to resume the line", "signer": "mallory", "role": "safety"},
            "An order to resume the line by mallory as safety was refused",
        ),
        (Kind.REMINDED, {"whom": ["safety", "ops"]}, "A reminder went to safety, ops"),
        (Kind.REMINDED, {"whom": "safety"}, "A reminder went to safety"),
        (Kind.SIGNER_REMINDED, {"whom": ["joy"]}, "A reminder went to joy"),
        (Kind.SIGNED, signed(), "Dr Joy Okafor approved the release"),
        (
            Kind.SIGNED,
            signed(change="emergency"),
            "Dr Joy Okafor approved the release as an emergency",
        ),
        (Kind.REJECTED, signed(), "Dr Joy Okafor rejected the release, for good"),
        (
            Kind.DOCUMENT_APPROVED,
            signed(item="W-001", document="environments/pas/waivers.yaml"),
            "Dr Joy Okafor approved the waiver W-001",
        ),
        (
            Kind.DOCUMENT_APPROVED,
            signed(document="environments/pas/hazards.yaml"),
            "Dr Joy Okafor approved this version of environments/pas/hazards.yaml",
        ),
        (Kind.LINE_STOPPED, signed(), "Dr Joy Okafor stopped the line of pas-1"),
    ],
)
def test_tells_what_happened(kind, body, sentence):
    assert tell(entry(kind, body)).sentence == sentence


def test_shows_name_role_and_registration_of_whoever_signed():
    told = tell(entry(Kind.SIGNED, signed(evidence=EVIDENCE)))
    assert told.who == "Dr Joy Okafor, safety, GMC 7000001"
    assert told.words == ("Read it.",)
    assert told.evidence == EVIDENCE


def test_marks_an_identity_of_a_demonstration():
    told = tell(entry(Kind.SIGNED, signed(demonstration=True)))
    assert told.who.endswith("demonstration identity")


def test_tells_which_hazards_were_accepted_and_why():
    told = tell(entry(Kind.SIGNED, signed(accepts={"PAS-001": "Staff check."})))
    assert told.words[1] == "Accepts PAS-001: Staff check."


@pytest.mark.parametrize(
    "payload",
    ["%%%", base64.b64encode(b"[]").decode(), base64.b64encode(b'{"predicate": 1}').decode()],
)
def test_says_so_where_a_statement_cannot_be_read(payload):
    told = tell(entry(Kind.SIGNED, {"envelope": {"payload": payload}}))
    assert told.sentence.startswith("Somebody whose signature can't be read")
