"""Fixtures of the regression suite: images of people of one's own, removed afterwards."""

import hashlib

import httpx
import pytest
from archive import Archive
from images import sample
from pydicom.uid import generate_uid


@pytest.fixture(scope="session")
def archive(http: httpx.Client) -> Archive:
    return Archive(http)


@pytest.fixture
def make(request, archive):
    """A factory of images that no other test uses.

    Each belongs to a new patient, study and series unless attributes say otherwise. All identifiers
    are derived from the test's name: the same on every run, and on both versions.
    """
    test = request.node.nodeid
    patients = set()
    count = 0

    def make_image(name="MR_small.dcm", **attributes):
        nonlocal count
        count += 1
        image = sample(name)
        image.SpecificCharacterSet = "ISO_IR 192"
        image.PatientID = f"T{hashlib.sha256(test.encode()).hexdigest()[:12]}.{count}"
        image.PatientName = "Synthetic^Person"
        image.StudyInstanceUID = generate_uid(entropy_srcs=[test, "study", str(count)])
        image.SeriesInstanceUID = generate_uid(entropy_srcs=[test, "series", str(count)])
        image.SOPInstanceUID = generate_uid(entropy_srcs=[test, "instance", str(count)])
        for keyword, value in attributes.items():
            setattr(image, keyword, value)
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        patients.add(image.PatientID)
        return image

    yield make_image
    for patient in patients:
        archive.forget(patient)


@pytest.fixture
def series(make):
    """Three images of one series."""
    first = make(InstanceNumber=1)
    same = {
        keyword: first.get(keyword)
        for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
    }
    return [first, make(InstanceNumber=2, **same), make(InstanceNumber=3, **same)]
