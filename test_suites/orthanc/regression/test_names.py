"""ORT-002: names are kept whole, in every script."""

import pytest

pytestmark = pytest.mark.hazard("ORT-002")

NAMES = [
    pytest.param("ISO_IR 192", "Núñez^Begoña", id="spanish-utf8"),
    pytest.param("ISO_IR 100", "Núñez^Begoña", id="spanish-latin1"),
    pytest.param("ISO_IR 192", "Größmann^Jörg", id="german-utf8"),
    pytest.param("ISO_IR 100", "Größmann^Jörg", id="german-latin1"),
    pytest.param("ISO_IR 192", "Şahin^İpek", id="turkish-utf8"),
    pytest.param("ISO_IR 192", "Wang^XiaoDong=王^小东", id="chinese-utf8"),
    pytest.param("GB18030", "Wang^XiaoDong=王^小东", id="chinese-gb18030"),
    pytest.param("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう", id="japanese-utf8"),
    pytest.param(
        ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", id="japanese-iso2022"
    ),
    pytest.param("ISO_IR 144", "Иванова^Жанна", id="cyrillic"),
]


@pytest.mark.parametrize(("charset", "name"), NAMES)
def test_a_stored_name_is_kept(make, dicom, archive, charset, name):
    image = make(SpecificCharacterSet=charset, PatientName=name)
    dicom.store(image)
    assert archive.fetch(image).PatientName == name


@pytest.mark.parametrize(("charset", "name"), NAMES)
def test_a_name_is_shown_by_dicomweb(make, dicomweb, archive, charset, name):
    image = make(SpecificCharacterSet=charset, PatientName=name)
    archive.upload(image)
    (study,) = dicomweb.search("studies", StudyInstanceUID=image.StudyInstanceUID)
    assert str(study.PatientName) == name


def test_a_name_is_returned_by_c_find_in_the_character_set_it_declares(make, dicom, archive):
    image = make(PatientName="Núñez^Begoña")
    archive.upload(image)
    (study,) = dicom.find("STUDY", StudyInstanceUID=image.StudyInstanceUID, PatientName="")
    study.decode()
    assert str(study.PatientName) == "Núñez^Begoña"


@pytest.mark.hazard("ORT-005")
@pytest.mark.parametrize("typed", ["Núñez*", "NÚÑEZ*", "Núñez^Begoña"])
def test_a_name_with_accents_is_found_as_people_type_it(make, archive, typed):
    image = make(PatientName="Núñez^Begoña")
    archive.upload(image)
    found = archive.found("Study", PatientName=typed, PatientID=image.PatientID)
    assert len(found) == 1


def test_a_name_of_64_characters_is_kept_whole(make, dicom, archive):
    name = "W" * 40 + "^" + "x" * 23
    image = make(PatientName=name)
    dicom.store(image)
    (study,) = dicom.find("STUDY", StudyInstanceUID=image.StudyInstanceUID, PatientName="")
    assert [archive.fetch(image).PatientName, study.PatientName] == [name, name]


def test_all_parts_of_a_name_are_kept(make, archive):
    name = "Featherstonehaugh^Ann Mary^Jo^Dr^FRCR"
    image = make(PatientName=name)
    archive.upload(image)
    assert archive.fetch(image).PatientName == name


def test_a_person_is_found_by_a_name_of_64_characters_and_by_nothing_shorter(make, dicom, archive):
    name = "Featherstonehaugh-Cholmondeley-Marjoribanks^Wilhelmina Alexandra"
    image = make(PatientName=name)
    archive.upload(image)
    for asked, count in ((name, 1), (name[:-1], 0)):
        found = dicom.find("STUDY", PatientName=asked, PatientID=image.PatientID)
        assert len(found) == count


@pytest.mark.hazard("ORT-005")
@pytest.mark.parametrize("typed", ["O'Neill*", "O'Neill^Róisín", "o'neill^*"])
def test_a_name_with_an_apostrophe_is_found(make, dicom, archive, typed):
    image = make(PatientName="O'Neill^Róisín")
    archive.upload(image)
    found = dicom.find("STUDY", PatientName=typed, PatientID=image.PatientID)
    assert len(found) == len(archive.found("Study", PatientName=typed)) == 1
