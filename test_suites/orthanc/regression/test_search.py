"""ORT-005: a search finds what matches it, all of it, and nothing else."""

import pytest

pytestmark = pytest.mark.hazard("ORT-005")


@pytest.mark.parametrize("pattern", ["Wildcard*", "*Query", "Wild?ard^Query", "wildcard^query"])
def test_patients_are_found_by_wildcards(make, dicom, archive, pattern):
    image = make(PatientName="Wildcard^Query")
    archive.upload(image, make(PatientName="Wildgoose^Chase"))
    found = dicom.find("PATIENT", PatientName=pattern, PatientID="")
    assert [each.PatientID for each in found] == [image.PatientID]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("20240229", ["20240229"]),
        ("20240201-20240229", ["20240201", "20240229"]),
        ("-20240131", ["20240131"]),
        ("20240301-", ["20240301"]),
        ("20240131-20240301", ["20240131", "20240201", "20240229", "20240301"]),
    ],
)
def test_studies_are_found_by_date(make, dicom, archive, asked, expected):
    first = make(StudyDate="20240131")
    others = [
        make(StudyDate=date, PatientID=first.PatientID)
        for date in ("20240201", "20240229", "20240301")
    ]
    archive.upload(first, *others)
    found = dicom.find("STUDY", PatientID=first.PatientID, StudyDate=asked, StudyInstanceUID="")
    assert sorted(each.StudyDate for each in found) == expected


def test_studies_are_found_by_accession_number(make, dicom, archive):
    wanted = make(AccessionNumber="SYN7700012345678")
    archive.upload(wanted, make(AccessionNumber="SYN7700012345679"))
    found = dicom.find("STUDY", AccessionNumber="SYN7700012345678", StudyInstanceUID="")
    assert [each.StudyInstanceUID for each in found] == [wanted.StudyInstanceUID]


def test_series_are_found_by_modality(make, dicom, archive):
    scan = make()
    report = make("test-SR.dcm", PatientID=scan.PatientID, StudyInstanceUID=scan.StudyInstanceUID)
    archive.upload(scan, report)
    found = dicom.find(
        "SERIES", StudyInstanceUID=scan.StudyInstanceUID, Modality="SR", SeriesInstanceUID=""
    )
    assert [each.SeriesInstanceUID for each in found] == [report.SeriesInstanceUID]


def test_instances_of_a_series_are_all_found(series, dicom, archive):
    archive.upload(*series)
    found = dicom.find(
        "IMAGE",
        StudyInstanceUID=series[0].StudyInstanceUID,
        SeriesInstanceUID=series[0].SeriesInstanceUID,
        SOPInstanceUID="",
    )
    assert {each.SOPInstanceUID for each in found} == {each.SOPInstanceUID for each in series}


def test_several_unique_ids_are_found_at_once(make, dicom, archive):
    images = [make(), make(), make()]
    archive.upload(*images)
    wanted = [each.StudyInstanceUID for each in images[:2]]
    found = dicom.find("STUDY", StudyInstanceUID=wanted)
    assert {each.StudyInstanceUID for each in found} == set(wanted)


@pytest.mark.hazard("ORT-009")
def test_nothing_is_found_for_a_patient_who_is_not_there(dicom):
    assert dicom.find("STUDY", PatientID="9999999999", StudyInstanceUID="") == []
