"""WRK-006: what one modality does wrong, the others do not feel."""

import socket

import pytest
from asking import Worklist, keys_for
from pydicom import Dataset

from clinops.adapters.pytest_plugin.dicom import DicomClient, DicomError

pytestmark = pytest.mark.hazard("WRK-006")


def test_a_search_without_a_step_is_answered(schedule, worklist):
    accession = schedule()
    keys = Dataset()
    keys.AccessionNumber = accession
    keys.PatientID = None
    status, items = worklist.ask(keys)
    assert status == 0
    assert [each.PatientID for each in items] == [accession]


@pytest.mark.hazard("WRK-004")
def test_a_range_that_is_none_is_refused_or_finds_nobody(schedule, worklist):
    schedule()
    keys = keys_for({"ScheduledProcedureStepStartDate": "20290101"})
    keys.ScheduledProcedureStepSequence[0]["ScheduledProcedureStepStartDate"].value = "2029-01-01"
    status, items = worklist.ask(keys)
    assert status != 0 or items == []


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.0\r\n\r\n", b"\x01\x00\xff\xff\xff\xff", b"\x04\x00\x00\x00\x00\x00"]
)
def test_garbage_on_one_connection_leaves_the_next_alone(dicom, garbage):
    with socket.create_connection((dicom.address, dicom.port), timeout=5) as connection:
        connection.sendall(garbage)
    dicom.echo()


def test_a_connection_that_says_nothing_holds_the_others_up_for_seconds_only(dicom):
    # Connections are taken one by one; the environment sets the time that each is given.
    with socket.create_connection((dicom.address, dicom.port), timeout=5):
        dicom.echo()


@pytest.mark.hazard("WRK-008")
def test_items_are_given_to_a_known_title_only(schedule, dicom):
    schedule()
    with pytest.raises(DicomError):
        Worklist(DicomClient(dicom.address, dicom.port, called="REFERENCE2")).find()
