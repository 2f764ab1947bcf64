"""A policy in words says whom it asks for, and does not hide what it turns off."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.gate import GatePolicy
from clinops.domain.rules_in_words import rules_in_words

CSO = {"role": "clinical-safety-officer"}


def rules(**changes: Any) -> list[str]:
    content = {"schema": 1, "requires": [CSO], "sign_offs_expire_after_days": 14, **changes}
    return rules_in_words(GatePolicy.model_validate(content))


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ([CSO], "one person as clinical safety officer."),
        ([{"role": "a", "count": 2}, {"role": "b"}], "2 people as a and one person as b."),
        ([{"any_of": [{"role": "a"}, {"role": "b"}]}], "(one person as a or one person as b)."),
        (
            [{"any_of": [{"all_of": [{"role": "a"}, {"role": "b"}]}, {"role": "c"}]}],
            "((one person as a and one person as b) or one person as c).",
        ),
        ([{"all_of": [{"role": "a"}]}], "one person as a."),
        (
            [{"n_of": {"count": 1, "among": [{"role": "a"}, {"role": "b"}]}}],
            "1 of these 2: (one person as a; one person as b).",
        ),
        (
            [{"role": "lead", "sites": 2}],
            "people as lead who speak for 2 sites that it goes to.",
        ),
    ],
)
def test_says_whom_a_gate_asks_for(needs, said):
    assert rules(requires=needs)[0] == (
        f"Before a release goes live it must be signed off by {said}"
    )


def test_says_which_other_routes_there_are():
    emergency = {"requires": [CSO], "owed_within_hours": 1, "passes": ["freeze", "stop"]}
    said = rules(standard={"requires": [{"role": "operations"}]}, emergency=emergency)
    assert "it is enough that it is signed off by one person as operations." in said[1]
    assert "it passes what holds others up: freeze, stop" in said[2]
    assert "owed within 1 hour." in said[2]
    quiet = rules(emergency={"requires": [CSO], "owed_within_hours": 72})
    assert "clinical safety officer. The other sign-offs are then owed within 72 hours" in quiet[1]


def test_says_what_is_asked_of_hazards_and_waivers():
    said = " ".join(rules(hazards={"evidence_from_class": 2}))
    assert "A hazard of class 2 or more" in said
    assert "A waiver counts once it is approved by signature" in said


def test_does_not_hide_what_is_turned_off():
    said = rules(separation={"vendor": False}, accept_demonstration=True)
    assert "NOT enforced here: No key of a vendor may sign off." in said
    assert "No key of a vendor may sign off." not in said
    assert said[-1].endswith("which they must never do in earnest.")
