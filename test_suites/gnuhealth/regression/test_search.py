"""GNU-007: a search finds what matches it, all of it, and nothing else."""

import pytest
from people import PATIENT, PERSON, RESULT

pytestmark = pytest.mark.hazard("GNU-007")


def test_pages_have_everybody_once(record, people):
    family = people.code()
    everybody = [people.patient(lastname=family).id for _ in range(7)]
    asked = ["name.lastname", "=", family]
    pages = [
        record.search(PATIENT, asked, offset=since, limit=3, order=[["id", "ASC"]])
        for since in (0, 3, 6, 9)
    ]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [each for page in pages for each in page] == everybody


def test_as_many_are_counted_as_are_found(record, people):
    family = people.code()
    for _ in range(3):
        people.patient(lastname=family)
    assert record.count(PATIENT, ["name.lastname", "=", family]) == 3


@pytest.mark.hazard("GNU-001")
def test_a_search_by_numbers_gives_exactly_these_patients(record, people):
    patients = [people.patient() for _ in range(4)]
    asked = [patients[0].ref, patients[2].ref]
    found = record.search(PATIENT, ["name.ref", "in", asked], order=[["id", "ASC"]])
    assert found == [patients[0].id, patients[2].id]


@pytest.mark.hazard("GNU-001")
def test_a_search_by_name_and_birth_gives_who_has_both(record, people):
    family = people.code()
    wanted = people.patient(name="Jo", lastname=family)
    people.patient(name="Joan", lastname=family)
    found = record.search(PATIENT, ["name.name", "=", "Jo"], ["name.lastname", "=", family])
    assert found == [wanted.id]


def test_letters_that_stand_for_others_in_a_search_find_themselves(record, people):
    family = people.code()
    person = people.person(lastname=f"{family} 100%_")
    people.person(lastname=f"{family} 1000")
    assert record.search(PERSON, ["lastname", "=", f"{family} 100%_"]) == [person]


def test_all_reports_of_a_patient_are_found_newest_first(record, people):
    patient = people.patient()
    reports = [people.result(patient) for _ in range(3)]
    people.result(people.patient())
    found = record.search(RESULT, ["patient", "=", patient.id], order=[["id", "DESC"]])
    assert found == reports[::-1]


@pytest.mark.hazard("GNU-011")
def test_nothing_is_found_for_a_patient_who_is_not_there(record):
    assert record.search(PATIENT, ["name.ref", "=", "9999999999"]) == []
