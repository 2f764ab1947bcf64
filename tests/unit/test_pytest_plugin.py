"""The DICOM and DICOMweb clients of the plugin, against a small archive in this process."""

from __future__ import annotations

import io

import httpx
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt

from clinops.adapters.pytest_plugin.dicom import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    VERIFICATION,
    DicomClient,
    DicomError,
)
from clinops.adapters.pytest_plugin.dicomweb import DicomWebClient

OUT_OF_RESOURCES = 0xA700


def image():
    return dcmread(str(get_testdata_file("MR_small.dcm", download=False)))


class FakeArchive:
    """A DICOM archive in memory, that can be told to refuse."""

    def __init__(self):
        self.kept = []
        self.status = 0x0000
        entity = AE(ae_title="ARCHIVE")
        entity.require_called_aet = True
        for sop_class in (VERIFICATION, PATIENT_ROOT_FIND, PATIENT_ROOT_GET, PATIENT_ROOT_MOVE):
            entity.add_supported_context(sop_class)
        entity.add_supported_context(
            MRImageStorage, ExplicitVRLittleEndian, scu_role=True, scp_role=True
        )
        self.server = entity.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[
                (evt.EVT_C_ECHO, lambda _: self.status),
                (evt.EVT_C_STORE, self.store),
                (evt.EVT_C_FIND, self.find),
                (evt.EVT_C_GET, self.get),
                (evt.EVT_C_MOVE, self.move),
            ],
        )
        self.port = self.server.socket.getsockname()[1]

    def store(self, event):
        if self.status == 0:
            kept = event.dataset
            kept.file_meta = event.file_meta
            self.kept.append(kept)
        return self.status

    def find(self, event):
        for kept in self.kept:
            if kept.PatientID == event.identifier.PatientID:
                match = Dataset()
                match.PatientID = kept.PatientID
                yield 0xFF00 if self.status == 0 else self.status, match

    def get(self, event):
        yield len(self.kept)
        for kept in self.kept:
            yield 0xFF00 if self.status == 0 else self.status, kept

    def move(self, event):
        yield None, None


@pytest.fixture
def archive():
    archive = FakeArchive()
    yield archive
    archive.server.shutdown()


@pytest.fixture
def dicom(archive):
    return DicomClient("127.0.0.1", archive.port, called="ARCHIVE")


def test_what_was_stored_is_found_and_retrieved(dicom):
    dicom.echo()
    dicom.store(image())
    assert [each.PatientID for each in dicom.find("PATIENT", PatientID="4MR1")] == ["4MR1"]
    assert dicom.find("PATIENT", PatientID="4MR2") == []
    (received,) = dicom.get("PATIENT", [MRImageStorage], PatientID="4MR1")
    assert received.PixelData == image().PixelData


def test_a_refused_operation_is_an_error_with_its_status(dicom, archive):
    dicom.store(image())
    archive.status = OUT_OF_RESOURCES
    for operation in (
        dicom.echo,
        lambda: dicom.store(image()),
        lambda: dicom.find("PATIENT", PatientID="4MR1"),
        lambda: dicom.get("PATIENT", [MRImageStorage], PatientID="4MR1"),
    ):
        with pytest.raises(DicomError, match="0xA700") as raised:
            operation()
        assert raised.value.status == OUT_OF_RESOURCES


def test_a_move_returns_the_status_for_the_caller_to_judge(dicom):
    assert dicom.move("STRANGER", "PATIENT", PatientID="4MR1").status == 0xA801


def test_a_wrong_application_entity_is_an_error(archive):
    with pytest.raises(DicomError, match="refused the association"):
        DicomClient("127.0.0.1", archive.port, called="ELSEWHERE").echo()


def test_a_kind_of_object_that_was_not_accepted_is_an_error(dicom):
    other = image()
    other.SOPClassUID = "1.2.3"
    with pytest.raises(DicomError):
        dicom.store(image(), other)


def dicomweb(answer):
    """A DICOMweb client whose archive gives one answer; the requests are kept in `.asked`."""
    asked = []

    def handle(request):
        asked.append(request)
        return answer

    http = httpx.Client(base_url="http://archive/dicom-web", transport=httpx.MockTransport(handle))
    client = DicomWebClient(http)
    client.asked = asked
    return client


def test_dicomweb_reads_multipart_answers_byte_for_byte():
    hostile = b"\r\n--\r\n\n--END\r\n\nEND--\r\n\r\n"
    parts = b"".join(
        b"--END\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n"
        for file in (as_file(hostile), as_file(b"\r\n"))
    )
    client = dicomweb(
        httpx.Response(
            200,
            content=parts + b"--END--",
            headers={"Content-Type": 'multipart/related; boundary="END"; type=application/dicom'},
        )
    )
    assert [each.PixelData for each in client.retrieve("studies/1")] == [hostile, b"\r\n"]


def as_file(pixels):

    made = image()
    made.PixelData = pixels
    written = io.BytesIO()
    made.save_as(written)
    return written.getvalue()


def test_dicomweb_takes_no_content_for_no_match():
    assert dicomweb(httpx.Response(204)).search("studies", PatientID="1") == []


def test_dicomweb_sends_wildcards_as_they_are():
    client = dicomweb(httpx.Response(200, json=[]))
    client.search("studies", PatientName="Nú*&x=1")
    assert client.asked[0].url.raw_path.endswith(b"/studies?PatientName=N%C3%BA*%26x%3D1")


def test_dicomweb_raises_on_an_error_status():
    with pytest.raises(httpx.HTTPStatusError):
        dicomweb(httpx.Response(500)).search("studies")
