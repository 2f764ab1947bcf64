"""The same archive by DICOMweb: store, search, retrieve."""

import pytest
from images import file_of

pytestmark = pytest.mark.hazard("ORT-005")


def path_of(image):
    return (
        f"studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}"
        f"/instances/{image.SOPInstanceUID}"
    )


@pytest.mark.hazard("ORT-004")
def test_stow_stores_every_image(series, dicomweb, archive):
    answer = dicomweb.store(*(file_of(each) for each in series))
    assert answer.status_code == 200
    assert [len(archive.instances(each)) for each in series] == [1, 1, 1]


@pytest.mark.hazard("ORT-009")
def test_stow_does_not_report_success_for_what_is_no_dicom(dicomweb):
    answer = dicomweb.store(b"this is no DICOM")
    # PS3.18, 10.5.3: failure by status, or by the sequence of what failed.
    assert answer.status_code >= 400 or "00081198" in answer.json()


def test_qido_finds_a_study_by_date_range(make, dicomweb, archive):
    image = make(StudyDate="20240229")
    archive.upload(image)
    for asked, count in (("20240201-20240229", 1), ("20240301-20240331", 0)):
        found = dicomweb.search("studies", PatientID=image.PatientID, StudyDate=asked)
        assert len(found) == count


def test_qido_finds_a_study_by_wildcard(make, dicomweb, archive):
    image = make(PatientName="Webquery^Person")
    archive.upload(image)
    found = dicomweb.search("studies", PatientName="Webq*")
    assert [each.StudyInstanceUID for each in found] == [image.StudyInstanceUID]


def test_qido_pages_without_loss_or_repetition(make, dicomweb, archive):
    first = make()
    images = [first, *(make(PatientID=first.PatientID) for _ in range(4))]
    archive.upload(*images)
    found = [
        each.StudyInstanceUID
        for offset in ("0", "2", "4")
        for each in dicomweb.search("studies", PatientID=first.PatientID, limit="2", offset=offset)
    ]
    assert sorted(found) == sorted(each.StudyInstanceUID for each in images)


def test_qido_lists_the_series_of_a_study(series, dicomweb, archive):
    archive.upload(*series)
    (found,) = dicomweb.search(f"studies/{series[0].StudyInstanceUID}/series")
    assert found.SeriesInstanceUID == series[0].SeriesInstanceUID


@pytest.mark.hazard("ORT-003")
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm"])
def test_wado_brings_pixels_byte_for_byte(make, dicomweb, archive, name):
    image = make(name)
    archive.upload(image)
    (received,) = dicomweb.retrieve(path_of(image))
    assert received.PixelData == image.PixelData
    assert received.file_meta.TransferSyntaxUID == image.file_meta.TransferSyntaxUID


@pytest.mark.hazard("ORT-004")
def test_wado_brings_every_image_of_a_study(series, dicomweb, archive):
    archive.upload(*series)
    received = dicomweb.retrieve(f"studies/{series[0].StudyInstanceUID}")
    assert {each.SOPInstanceUID for each in received} == {each.SOPInstanceUID for each in series}


@pytest.mark.hazard("ORT-010")
def test_wado_metadata_carries_geometry(make, dicomweb, archive):
    image = make()
    archive.upload(image)
    (metadata,) = dicomweb.metadata(path_of(image))
    for keyword, tag in (("PixelSpacing", "00280030"), ("ImageOrientationPatient", "00200037")):
        # PS3.18, F.2.2 allows decimal strings as JSON numbers and as strings.
        assert [float(each) for each in metadata[tag]["Value"]] == list(image[keyword].value)


@pytest.mark.hazard("ORT-009")
def test_wado_answers_404_for_a_study_that_is_not_there(dicomweb):
    answer = dicomweb.client.get("studies/1.2.3.4.5/metadata")
    assert answer.status_code == 404
