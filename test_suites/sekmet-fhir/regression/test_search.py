"""FHR-005: a search gives all that matches, once, over all its pages."""

import pytest

pytestmark = pytest.mark.hazard("FHR-005")


@pytest.fixture
def many(record):
    """The ids of 23 results of one patient."""
    patient = record.patient()
    values = ({"valueQuantity": {"value": number % 3}} for number in range(23))
    ids = [record.observation(f"o{n:02}", patient, **value) for n, value in enumerate(values)]
    return patient, ids


@pytest.mark.parametrize("count", ["1", "5", "22", "23", "24", "1000"])
def test_pages_give_everything_exactly_once(many, fhir, count):
    patient, ids = many
    found = fhir.search("Observation", subject=f"Patient/{patient}", _count=count)
    assert sorted(each.id for each in found) == sorted(ids)


def test_pages_in_an_order_that_ties_give_everything_exactly_once(many, fhir):
    patient, ids = many
    found = fhir.search(
        "Observation", subject=f"Patient/{patient}", _count="4", _sort="value-quantity"
    )
    assert sorted(each.id for each in found) == sorted(ids)


def test_the_total_is_the_number_of_matches(many, fhir):
    patient, ids = many
    query = {"subject": f"Patient/{patient}", "_count": "2"}
    assert fhir.client.get("Observation", params=query).json()["total"] == len(ids)


@pytest.mark.hazard("FHR-001")
def test_a_search_by_number_gives_the_exact_set_over_all_pages(record, fhir):
    wanted = {record.patient(f"w{n}", f"T-SET-{n}") for n in range(7)}
    for n in range(7):
        record.patient(f"other{n}", f"T-SET-{n}0")
    numbers = ",".join(f"T-SET-{n}" for n in range(7))
    found = fhir.search("Patient", identifier=numbers, _count="2")
    assert sorted(each.id for each in found) == sorted(wanted)


def test_what_was_deleted_is_found_no_more(many, fhir):
    patient, ids = many
    fhir.client.delete(f"Observation/{ids[0]}").raise_for_status()
    found = fhir.search("Observation", subject=f"Patient/{patient}")
    assert sorted(each.id for each in found) == sorted(ids[1:])


@pytest.mark.hazard("FHR-001")
def test_an_unknown_key_is_refused_where_that_was_asked_for(fhir):
    strict = {"prefer": "handling=strict"}
    answer = fhir.client.get("Patient", params={"nosuchkey": "1"}, headers=strict)
    assert answer.status_code == 400


@pytest.mark.hazard("FHR-001")
def test_an_unknown_key_that_was_ignored_is_named(fhir):
    answer = fhir.client.get("Patient", params={"nosuchkey": "1", "_count": "1"}).json()
    outcomes = [entry for entry in answer["entry"] if entry["search"]["mode"] == "outcome"]
    assert "nosuchkey" in outcomes[0]["resource"]["issue"][0]["diagnostics"]
