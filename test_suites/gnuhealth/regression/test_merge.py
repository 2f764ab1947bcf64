"""GNU-002: merging two records of one person loses nothing.

The record keeps the merged person, no longer active, and says who replaced them. What is known of
them stays with them and is not moved: docs/systems/gnuhealth.md.
"""

import pytest
from people import ALLERGY, PERSON

pytestmark = pytest.mark.hazard("GNU-002")


@pytest.fixture
def merged(record, people):
    """A patient with an allergy, merged into another."""
    gone, kept = people.patient(), people.patient()
    allergy = people.allergy(gone)
    session, state, _ = record.call("wizard.party.replace.create")
    answer = {state: {"source": gone.person, "destination": kept.person}}
    record.call("wizard.party.replace.execute", session, answer, "replace")
    return gone, kept, allergy


def test_a_merged_person_leads_to_who_replaced_them(record, merged):
    gone, kept, _ = merged
    assert record.read(PERSON, gone.person, "replaced_by")["replaced_by"] == kept.person


def test_a_merged_person_is_offered_no_more(record, merged):
    gone, kept, _ = merged
    assert record.search(PERSON, ["ref", "=", gone.ref]) == []
    assert record.search(PERSON, ["ref", "=", kept.ref]) == [kept.person]


def test_a_merged_persons_allergy_can_still_be_read(record, merged):
    gone, _, allergy = merged
    kept = record.read(ALLERGY, allergy, "name", "is_allergy", "disease_severity")
    assert kept == {
        "id": allergy,
        "name": gone.id,
        "is_allergy": True,
        "disease_severity": "3_sv",
    }
