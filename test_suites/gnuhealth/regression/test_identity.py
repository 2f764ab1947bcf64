"""GNU-001: nobody is taken for somebody else."""

import pytest
from people import ALLERGY, PATIENT, PERSON
from record import RefusedError

pytestmark = pytest.mark.hazard("GNU-001")


def found_by_number(record, number):
    return record.search(PATIENT, ["name.ref", "=", number])


@pytest.mark.parametrize(
    ("number", "other"),
    [("9990001022", "9990001200"), ("9990000077", "9990000085")],
    ids=["namesakes", "twins"],
)
def test_people_who_are_alike_are_found_by_their_own_number(record, number, other):
    (found,), (neighbour,) = found_by_number(record, number), found_by_number(record, other)
    assert found != neighbour
    assert record.read(PATIENT, found, "puid")["puid"] == number


@pytest.mark.parametrize("typed", ["999000102", "99900010220", "9990001022 ", "0009990001022"])
def test_a_number_that_is_nearly_right_finds_nobody(record, typed):
    assert found_by_number(record, typed) == []


def test_two_people_cannot_have_one_number(people):
    patient = people.patient()
    with pytest.raises(RefusedError, match="unique"):
        people.person(ref=patient.ref)


def test_nobody_is_registered_as_a_patient_twice(record, people):
    patient = people.patient()
    with pytest.raises(RefusedError, match="exists"):
        record.create(PATIENT, name=patient.person)


def test_what_is_written_for_one_twin_is_not_shown_for_the_other(record, people):
    one, other = people.patient(lastname="Twin"), people.patient(lastname="Twin")
    allergy = people.allergy(one)
    assert record.search(ALLERGY, ["name", "=", one.id]) == [allergy]
    assert record.search(ALLERGY, ["name", "=", other.id]) == []


def test_a_changed_number_finds_the_same_person_and_the_old_one_nobody(record, people):
    patient = people.patient()
    number = people.code()
    record.write(PERSON, patient.person, ref=number)
    assert found_by_number(record, number) == [patient.id]
    assert found_by_number(record, patient.ref) == []


def test_demographics_are_kept(record, people):
    patient = people.patient(gender="m", marital_status="w")
    kept = record.read(PERSON, patient.person, "ref", "gender", "marital_status")
    assert kept == {
        "id": patient.person,
        "ref": patient.ref,
        "gender": "m",
        "marital_status": "w",
    }
