"""What is signed is said in words, all of it, before the key is touched."""

from __future__ import annotations

import pytest

from clinops.domain.saying import who_signed
from clinops.domain.signoff import ChangeType, LineAction, Meaning, Signed, in_words
from tests.fakes.gates import approved, digest, evidence, ordered, signed

STATEMENTS = [
    signed("joy", "safety").signed,
    signed("joy", "safety", meaning=Meaning.REJECTED).signed,
    signed(
        "joy",
        "safety",
        change=ChangeType.EMERGENCY,
        accepts={"ORT-001": "Read-only until June."},
        site="north",
        demonstration=True,
    ).signed,
    approved().signed,
    approved(item="W-001").signed,
    ordered("sam", "operations", LineAction.STOP).signed,
    ordered("sam", "operations", LineAction.RESUME).signed,
]


@pytest.mark.parametrize("made", STATEMENTS)
def test_says_every_value_that_is_signed(made: Signed):
    said = "\n".join(in_words(made))  # type: ignore[arg-type]
    for name, value in made.json_value().items():
        if name in {"images", "accepts", "registration", "ledger"}:
            assert all(str(part) in said for part in (value or {}).values()), name
        elif name not in {"meaning", "change", "action", "demonstration", "item", "site"}:
            assert str(value) in said, name


def test_tells_statements_apart_that_differ_in_one_thing():
    said = ["\n".join(in_words(made)) for made in STATEMENTS]  # type: ignore[arg-type]
    assert len(set(said)) == len(said)
    assert "is rejected, for good" in said[1]
    assert "as an emergency" in said[2]
    assert "I speak for the site north" in said[2]
    assert "I accept the hazard ORT-001 without passing evidence" in said[2]
    assert "no clinician" in said[2]
    assert "the waiver W-001" in said[4]
    assert "I stop the line of orthanc" in said[5]
    assert "I let the line of orthanc go on" in said[6]


def test_names_the_image_that_would_be_deployed():
    said = in_words(signed("joy", "safety", about=evidence()).signed)
    assert f"what is deployed as archive is the image {digest('a')}" in said


def test_names_a_person_with_role_and_registration():
    assert who_signed(signed("joy", "safety").signed) == "Dr Joy Okafor (safety, GMC 0000000)"
    assert who_signed(signed("sam", "operations").signed) == "Sam Reed (operations)"
