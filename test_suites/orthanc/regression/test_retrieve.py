"""ORT-004: a retrieval brings everything, or says that it did not."""

import pytest
from pydicom.uid import MRImageStorage, generate_uid

from clinops.adapters.pytest_plugin.dicom import SUCCESS, DicomError

pytestmark = pytest.mark.hazard("ORT-004")


@pytest.fixture
def destination(archive):
    """A factory of application entities that the archive may send to, at a port of its own."""
    names = []

    def known(name, port):
        archive.http.put(
            f"/modalities/{name}", json={"AET": name, "Host": "127.0.0.1", "Port": port}
        ).raise_for_status()
        names.append(name)
        return name

    yield known
    for name in names:
        archive.delete(f"/modalities/{name}")


def test_c_get_brings_every_image_of_a_study(series, dicom, archive):
    archive.upload(*series)
    received = dicom.get(
        "STUDY",
        [MRImageStorage],
        PatientID=series[0].PatientID,
        StudyInstanceUID=series[0].StudyInstanceUID,
    )
    sent = {each.SOPInstanceUID: each.PixelData for each in series}
    assert {each.SOPInstanceUID: each.PixelData for each in received} == sent


@pytest.mark.hazard("ORT-001")
def test_c_get_brings_no_other_patients_images(make, dicom, archive):
    wanted, other = make(), make()
    archive.upload(wanted, other)
    received = dicom.get("PATIENT", [MRImageStorage], PatientID=wanted.PatientID)
    assert [each.SOPInstanceUID for each in received] == [wanted.SOPInstanceUID]


def test_c_move_counts_every_image_that_it_sent(series, dicom, archive, destination):
    archive.upload(*series)
    moved = dicom.move(
        destination("REFERENCE", 4242),
        "STUDY",
        PatientID=series[0].PatientID,
        StudyInstanceUID=series[0].StudyInstanceUID,
    )
    assert (moved.status, moved.failed) == (0, 0)


@pytest.mark.hazard("ORT-009")
def test_c_move_to_a_dead_destination_is_not_reported_as_success(make, dicom, archive, destination):
    image = make()
    archive.upload(image)
    moved = dicom.move(destination("NOBODY", 9), "PATIENT", PatientID=image.PatientID)
    assert moved.status != 0 or moved.failed > 0


@pytest.mark.hazard("ORT-009")
def test_c_move_reports_the_image_that_was_not_taken(make, dicom, archive, destination):
    sent = make()
    same = {key: sent[key].value for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")}
    # REST takes any kind of object; by DICOM, nobody takes one of a kind that nobody knows.
    not_taken = make(SOPClassUID=generate_uid(entropy_srcs=["no kind of object"]), **same)
    archive.upload(sent, not_taken)
    moved = dicom.move(destination("REFERENCE", 4242), "PATIENT", PatientID=sent.PatientID)
    assert moved.status != SUCCESS
    assert moved.completed < 2


@pytest.mark.hazard("ORT-009")
def test_c_get_without_a_kind_of_image_is_not_reported_as_success(make, dicom, archive):
    image = make()
    other = make("CT_small.dcm", PatientID=image.PatientID, StudyInstanceUID=image.StudyInstanceUID)
    archive.upload(image, other)
    with pytest.raises(DicomError):
        dicom.get("PATIENT", [MRImageStorage], PatientID=image.PatientID)


@pytest.mark.hazard("ORT-008", "ORT-009")
def test_c_move_to_an_unknown_destination_is_refused(make, dicom, archive):
    image = make()
    archive.upload(image)
    try:
        moved = dicom.move("STRANGER", "PATIENT", PatientID=image.PatientID)
    except DicomError:
        return
    assert moved.status not in {0x0000, 0xB000}
    assert moved.completed == 0


def test_a_study_can_be_fetched_as_an_archive(series, archive):
    archive.upload(*series)
    (study,) = archive.ids_of(series[0].StudyInstanceUID)
    answer = archive.http.get(f"/studies/{study}/archive").raise_for_status()
    assert answer.content.startswith(b"PK")
    assert answer.content.count(b"PK\x01\x02") == 3
