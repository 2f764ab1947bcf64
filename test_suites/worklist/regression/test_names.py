"""WRK-002: names reach the modality to the letter, in whatever character set they were written."""

import pytest

pytestmark = pytest.mark.hazard("WRK-002")

UTF_8, LATIN_1, JAPANESE = "ISO_IR 192", "ISO_IR 100", ["", "ISO 2022 IR 87"]


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        pytest.param("Núñez^José María", UTF_8, id="spanish-utf-8"),
        pytest.param("Núñez^José María", LATIN_1, id="spanish-latin-1"),
        pytest.param("Müller^Jörg", LATIN_1, id="german-latin-1"),
        pytest.param("Ó Súilleabháin^Gráinne", UTF_8, id="irish"),
        pytest.param("O'Brien^Siobhán", UTF_8, id="apostrophe"),
        pytest.param("Şahin^Çağla", UTF_8, id="turkish"),
        pytest.param("Иванова^Жанна", UTF_8, id="russian"),
        pytest.param("Yamada^Tarou=山田^太郎=やまだ^たろう", JAPANESE, id="japanese"),
        pytest.param("Wang^Xiaodong=王^小东", UTF_8, id="chinese"),
        pytest.param("Wilhelmina" * 6 + "^Ann", UTF_8, id="64-characters"),
        pytest.param("von der Größe^Änne^Maria^Dr^FRCR", UTF_8, id="all-five-parts"),
    ],
)
def test_a_name_reaches_the_modality_as_it_was_written(schedule, worklist, name, charset):
    accession = schedule(PatientName=name, SpecificCharacterSet=charset)
    (found,) = worklist.find(AccessionNumber=accession)
    assert str(found.PatientName) == name
    assert found.SpecificCharacterSet == charset


@pytest.mark.hazard("WRK-007")
def test_an_allergy_is_told_in_the_letters_of_the_item(schedule, worklist):
    accession = schedule(Allergies="Röntgenkontrastmittel", SpecificCharacterSet=LATIN_1)
    (found,) = worklist.find(AccessionNumber=accession)
    assert found.Allergies == "Röntgenkontrastmittel"


def test_items_of_several_character_sets_stand_in_one_list(schedule, worklist):
    names = {
        schedule(PatientName=name, SpecificCharacterSet=charset, PatientID="T-MIXED"): name
        for name, charset in (("Peña^Ana", UTF_8), ("Peña^Eva", LATIN_1), ("Pena^Ida", ""))
    }
    found = worklist.find(PatientID="T-MIXED")
    assert {each.AccessionNumber: str(each.PatientName) for each in found} == names
