"""GNU-005: names are kept whole, in every script."""

import pytest
from people import PATIENT, PERSON

pytestmark = pytest.mark.hazard("GNU-005")

NAMES = [
    pytest.param("José María", "Núñez", id="spanish"),
    pytest.param("Jörg", "Müller-Lüdenscheidt", id="german"),
    pytest.param("Gráinne", "O'Súilleabháin", id="irish"),
    pytest.param("Çağla", "Şahin İpek", id="turkish"),
    pytest.param("Ngọc Ánh", "Đặng", id="vietnamese"),
    pytest.param("太郎", "山田", id="japanese"),
    pytest.param("Жанна", "Иванова", id="cyrillic"),
    pytest.param("Zoe\u0308", "Combining", id="combining"),
    pytest.param("Robert'); drop table party_party;--", 'O"Neil\\', id="quotes"),
    pytest.param("W" * 64, "x" * 200, id="long"),
]


@pytest.mark.parametrize(("given", "family"), NAMES)
def test_a_name_is_kept_to_the_letter(record, people, given, family):
    patient = people.patient(name=given, lastname=family)
    kept = record.read(PERSON, patient.person, "name", "lastname")
    assert (kept["name"], kept["lastname"]) == (given, family)


@pytest.mark.parametrize(("given", "family"), NAMES)
def test_a_patient_is_shown_by_their_whole_name(record, people, given, family):
    patient = people.patient(name=given, lastname=family)
    shown = record.read(PATIENT, patient.id, "rec_name")["rec_name"]
    assert given in shown
    assert family in shown


@pytest.mark.hazard("GNU-007")
@pytest.mark.parametrize("typed", ["Núñezcillo", "NÚÑEZCILLO", "núñez%llo"])
def test_a_name_with_accents_is_found_as_people_type_it(record, people, typed):
    patient = people.patient(lastname="Núñezcillo")
    found = record.search(PATIENT, ["name.lastname", "ilike", typed])
    assert patient.id in found


def test_a_changed_name_is_the_official_one_at_once(record, people):
    patient = people.patient(lastname="Before")
    record.write(PERSON, patient.person, lastname="After")
    (official,) = record.search(
        "gnuhealth.person_name", ["party", "=", patient.person], ["use", "=", "official"]
    )
    assert record.read("gnuhealth.person_name", official, "family")["family"] == "After"
