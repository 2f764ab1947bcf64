"""ORT-001: every image stays with its own patient."""

import pytest

pytestmark = pytest.mark.hazard("ORT-001")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("9990101230", "9990102130", id="digits-swapped"),
        pytest.param("9990103330", "09990103330", id="leading-zero"),
        pytest.param("9990104450", "99901044500", id="digit-more"),
        pytest.param("REF-0a", "REF-0A", id="case"),
        pytest.param("REF 1 2", "REF 12", id="space"),
    ],
)
def test_near_identical_ids_stay_apart(make, dicom, archive, one, other):
    archive.upload(make(PatientID=one), make(PatientID=other))
    for patient in (one, other):
        assert archive.patients().count(patient) == 1
        # C-FIND may match ids in another case; what it returns must still name the right patient.
        studies = dicom.find("STUDY", PatientID=patient, StudyInstanceUID="")
        assert [each.PatientID for each in studies].count(patient) == 1


def test_twins_stay_apart(make, dicom, archive):
    twins = [
        make(PatientName=f"Twin^{name}", PatientBirthDate="20200229") for name in ("Ana", "Ava")
    ]
    archive.upload(*twins)
    for twin in twins:
        (study,) = dicom.find(
            "STUDY", PatientID=twin.PatientID, PatientName="", StudyInstanceUID=""
        )
        assert study.PatientName == twin.PatientName
        assert study.StudyInstanceUID == twin.StudyInstanceUID


def test_namesakes_born_on_one_day_are_two_patients(make, dicom, archive):
    same = {"PatientName": "Namesake^Jo", "PatientBirthDate": "19510423"}
    archive.upload(make(**same), make(**same))
    found = dicom.find("PATIENT", PatientID="", **same)
    assert len({each.PatientID for each in found}) == 2


def test_two_studies_of_one_patient_are_one_patient(make, dicom, archive):
    first = make()
    archive.upload(first, make(PatientID=first.PatientID))
    assert len(dicom.find("PATIENT", PatientID=first.PatientID)) == 1
    assert len(dicom.find("STUDY", PatientID=first.PatientID, StudyInstanceUID="")) == 2


def test_dicomweb_returns_only_the_patient_asked_for(make, dicomweb, archive):
    wanted, other = make(PatientID="9990105560"), make(PatientID="9990105561")
    archive.upload(wanted, other)
    found = dicomweb.search("studies", PatientID=wanted.PatientID)
    assert [each.StudyInstanceUID for each in found] == [wanted.StudyInstanceUID]


def test_demographics_survive_unchanged(make, archive):
    image = make(
        PatientBirthDate="19000101", PatientSex="O", PatientAge="120Y", PatientWeight="0.5"
    )
    archive.upload(image)
    kept = archive.fetch(image)
    for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight"):
        assert kept[keyword].value == image[keyword].value
