"""ORT-004: what was sent is there once, whole, however the transfer went."""

import pytest
from pydicom.uid import MRImageStorage
from pynetdicom import build_context
from wire import wire_cut_after

from clinops.adapters.pytest_plugin.dicom import DicomClient, DicomError

pytestmark = pytest.mark.hazard("ORT-004")


def test_a_series_arrives_whole(series, dicom, archive):
    dicom.store(*series)
    assert [len(archive.instances(each)) for each in series] == [1, 1, 1]


def test_an_image_sent_twice_is_kept_once(make, dicom, archive):
    image = make()
    dicom.store(image, image)
    assert len(archive.instances(image)) == 1


@pytest.mark.hazard("ORT-003")
def test_a_second_image_under_the_same_id_does_not_replace_the_first(make, dicom, archive):
    image = make()
    dicom.store(image)
    first = image.PixelData
    image.PixelData = bytes(len(first))
    dicom.store(image)
    assert archive.fetch(image).PixelData == first


def test_a_transfer_that_was_cut_and_repeated_leaves_exactly_one_image(make, dicom, archive):
    image = make("examples_rgb_color.dcm")
    with wire_cut_after(40_000, (dicom.address, dicom.port)) as wire:
        sender = DicomClient(*wire, called=dicom.called)
        with pytest.raises(DicomError, match="ended without an answer"):
            sender.store(image)
    assert archive.instances(image) == []
    dicom.store(image)
    assert len(archive.instances(image)) == 1
    assert archive.fetch(image).PixelData == image.PixelData


def test_images_of_two_senders_at_once_all_arrive(make, dicom, archive):
    one, other = make(), make()
    contexts = [build_context(MRImageStorage)]
    with dicom.association(contexts) as first, dicom.association(contexts) as second:
        for sender, image in ((first, one), (second, other)):
            assert sender.send_c_store(image).Status == 0
    assert [len(archive.instances(each)) for each in (one, other)] == [1, 1]


def test_the_count_of_images_is_what_was_sent(series, dicom, archive):
    dicom.store(*series)
    (study,) = dicom.find(
        "STUDY",
        StudyInstanceUID=series[0].StudyInstanceUID,
        NumberOfStudyRelatedInstances="",
        NumberOfStudyRelatedSeries="",
    )
    assert int(study.NumberOfStudyRelatedInstances) == 3
    assert int(study.NumberOfStudyRelatedSeries) == 1
