"""What somebody would try with two identities."""

from __future__ import annotations

import pytest

from clinops.adapters.estate_validation import validate
from tests.fakes.trees import FakeTree
from tests.fakes.wiring import ESTATE, SIGNERS, signer, signers

JOY = {"body": "GMC", "number": "1234567"}


def problems(**changes: object) -> list[str]:
    """Validate an estate in which Joy is registered and Sam is another entry."""
    people = {
        "joy": signer("joy", "safety", registration=dict(JOY)),
        "sam": signer("sam", "operations", **changes),
    }
    return [one.what for one in validate(FakeTree({**ESTATE, SIGNERS: signers(**people)}), live={})]


@pytest.mark.parametrize("registration", [JOY, {"body": "gmc", "number": "1234567"}])
def test_refuses_one_person_under_two_ids(registration):
    assert "this is the registration of signer joy as well" in str(
        problems(registration=registration)
    )


def test_takes_two_people_and_identities_of_a_demonstration():
    assert problems(registration={**JOY, "number": "7654321"}) == []
    lax = problems(registration=JOY, demonstration=True)
    assert not any("registration" in what for what in lax)
