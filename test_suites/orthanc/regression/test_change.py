"""ORT-007 and ORT-008: changing and deleting reach as far as asked, and no further."""

import pytest


@pytest.fixture
def anonymised(archive):
    """A factory of anonymised copies of studies; the copies are removed afterwards."""
    copies = []

    def anonymise(image, **request):
        (study,) = archive.ids_of(image.StudyInstanceUID)
        made = archive.post(f"/studies/{study}/anonymize", request)
        copies.append(made["PatientID"])
        (instance,) = archive.json(f"/studies/{made['ID']}/instances")
        return archive.file(instance["ID"])

    yield anonymise
    for copy in copies:
        archive.http.delete(f"/patients/{copy}")


@pytest.mark.hazard("ORT-008")
def test_an_anonymised_copy_tells_nothing_of_the_person(make, archive, anonymised):
    image = make(
        PatientName="Secret^Person",
        PatientBirthDate="19610203",
        PatientAddress="1 Synthetic Street",
        OtherPatientIDs="9990107770",
        ReferringPhysicianName="Secret^Doctor",
        AccessionNumber="SYN1234",
    )
    archive.upload(image)
    copy = anonymised(image)
    told = str(copy)
    for secret in ("Secret", "19610203", "Synthetic Street", "9990107770", "SYN1234"):
        assert secret not in told
    assert image.PatientID not in told
    assert copy.StudyInstanceUID != image.StudyInstanceUID


@pytest.mark.hazard("ORT-003", "ORT-010")
def test_an_anonymised_copy_keeps_pixels_and_geometry(make, archive, anonymised):
    image = make()
    archive.upload(image)
    copy = anonymised(image)
    assert copy.PixelData == image.PixelData
    assert copy.PixelSpacing == image.PixelSpacing
    assert copy.PatientIdentityRemoved == "YES"


@pytest.mark.hazard("ORT-007")
def test_anonymising_leaves_the_original_alone(make, archive, anonymised):
    image = make()
    archive.upload(image)
    anonymised(image)
    assert archive.fetch(image).PatientName == image.PatientName


@pytest.mark.hazard("ORT-001", "ORT-007")
def test_images_merged_into_the_right_patients_study_stay_whole(make, archive):
    wrong, right = make(), make("CT_small.dcm", PatientName="Right^Person")
    archive.upload(wrong, right)
    (source,) = archive.ids_of(wrong.StudyInstanceUID)
    (target,) = archive.ids_of(right.StudyInstanceUID)
    archive.post(f"/studies/{target}/merge", {"Resources": [source], "KeepSource": False})
    kept = [archive.file(each["ID"]) for each in archive.json(f"/studies/{target}/instances")]
    assert {(each.PatientID, each.PatientName) for each in kept} == {
        (right.PatientID, right.PatientName)
    }
    assert {each.PixelData for each in kept} == {wrong.PixelData, right.PixelData}
    assert wrong.PatientID not in archive.patients()


@pytest.mark.hazard("ORT-001", "ORT-007")
def test_merging_a_patient_registered_twice_moves_every_study(make, archive):
    right = make(PatientName="Right^Person")
    first = make("CT_small.dcm", AccessionNumber="SYN7701")
    second = make(PatientID=first.PatientID, AccessionNumber="SYN7702")
    archive.upload(right, first, second)
    (wrong,) = archive.ids_of(first.PatientID)
    archive.post(
        f"/patients/{wrong}/modify",
        {
            "Replace": {"PatientID": right.PatientID, "PatientName": "Right^Person"},
            "Force": True,
            "KeepSource": False,
        },
    )
    (merged,) = archive.ids_of(right.PatientID)
    kept = [archive.file(each["ID"]) for each in archive.json(f"/patients/{merged}/instances")]
    assert {each.AccessionNumber for each in kept} >= {"SYN7701", "SYN7702"}
    assert {str(each.PatientName) for each in kept} == {"Right^Person"}
    assert sorted(each.PixelData for each in kept) == sorted(
        each.PixelData for each in (right, first, second)
    )
    assert archive.ids_of(first.PatientID) == []


@pytest.mark.hazard("ORT-007")
def test_deleting_an_image_leaves_the_others_of_its_series(series, archive):
    archive.upload(*series)
    (second,) = archive.instances(series[1])
    archive.delete(f"/instances/{second}")
    assert [len(archive.instances(each)) for each in series] == [1, 0, 1]


@pytest.mark.hazard("ORT-007")
def test_deleting_a_study_leaves_the_patients_other_study(make, archive):
    first = make()
    other = make(PatientID=first.PatientID)
    archive.upload(first, other)
    (study,) = archive.ids_of(first.StudyInstanceUID)
    archive.delete(f"/studies/{study}")
    assert (archive.instances(first), len(archive.instances(other))) == ([], 1)


@pytest.mark.hazard("ORT-004", "ORT-007")
def test_a_deleted_image_can_be_stored_again(make, dicom, archive):
    image = make()
    dicom.store(image)
    archive.delete(f"/instances/{archive.instances(image)[0]}")
    dicom.store(image)
    assert archive.fetch(image).PixelData == image.PixelData
