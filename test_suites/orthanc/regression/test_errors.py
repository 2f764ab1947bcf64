"""ORT-009: what goes wrong is answered as such."""

import socket

import httpx
import pytest
from images import file_of
from pydicom.uid import generate_uid

from clinops.adapters.pytest_plugin.dicom import DicomClient, DicomError

pytestmark = pytest.mark.hazard("ORT-009")


@pytest.mark.parametrize("path", ["patients", "studies", "series", "instances"])
def test_what_is_not_there_is_answered_404(archive, path):
    absent = "-".join(["00000000"] * 5)
    assert archive.http.get(f"/{path}/{absent}").status_code == 404


@pytest.mark.hazard("ORT-004")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"this is no DICOM", id="text"),
        pytest.param(bytes(128) + b"DICM", id="header-only"),
    ],
)
def test_what_is_no_dicom_is_refused(archive, body):
    before = archive.json("/statistics")["CountInstances"]
    assert 400 <= archive.http.post("/instances", content=body).status_code < 500
    assert archive.json("/statistics")["CountInstances"] == before


def test_an_image_without_an_instance_id_is_refused(make, archive):
    image = make()
    del image.SOPInstanceUID
    assert 400 <= archive.http.post("/instances", content=file_of(image)).status_code < 500


def test_a_broken_search_is_refused(archive):
    answer = archive.http.post("/tools/find", content=b'{"Level": "Study", "Query"')
    assert answer.status_code == 400


def test_a_caller_of_another_archive_is_refused(dicom):
    stranger = DicomClient(dicom.address, dicom.port, called="ELSEWHERE")
    with pytest.raises(DicomError, match="refused the association"):
        stranger.echo()


def test_an_object_of_an_unknown_kind_is_not_accepted(make, dicom):
    image = make(SOPClassUID=generate_uid(entropy_srcs=["no kind of object"]))
    with pytest.raises(DicomError, match="accepts nothing offered"):
        dicom.store(image)


@pytest.mark.hazard("ORT-008")
def test_a_wrong_password_is_refused(archive):
    answer = httpx.get(
        archive.http.base_url.join("/patients"), auth=("reference", "wrong"), trust_env=False
    )
    assert answer.status_code == 401


@pytest.mark.hazard("ORT-006")
def test_still_answers_after_a_caller_who_speaks_no_dicom(dicom, address_of):

    with socket.create_connection(address_of("dicom"), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
    dicom.echo()


@pytest.mark.hazard("ORT-007")
def test_the_archive_cannot_be_told_to_run_a_script(archive):
    answer = archive.http.post("/tools/execute-script", content=b"print(1)")
    assert answer.status_code in {403, 404}
