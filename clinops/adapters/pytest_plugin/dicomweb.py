"""A small DICOMweb client for suites (DICOM PS3.18): search, retrieve, store."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
from pydicom import Dataset, dcmread

_DICOM = "application/dicom"
_BOUNDARY = "clinops-boundary-between-instances"


class DicomWebClient:
    """Talks to one DICOMweb service; an HTTP error status raises `httpx.HTTPStatusError`."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def search(self, path: str, **matching: str) -> list[Dataset]:
        """QIDO-RS: the matching datasets of `studies`, `studies/{uid}/series` and so on."""
        # NOTE: `*` is sent as it is: some archives take `%2A` for three characters of a name.
        answer = self.client.get(
            f"{path}?{urlencode(matching, safe='*')}", headers={"Accept": "application/dicom+json"}
        ).raise_for_status()
        # 204 is how the standard says that nothing matches.
        found = [] if answer.status_code == httpx.codes.NO_CONTENT else answer.json()
        return [Dataset.from_json(each) for each in found]

    def metadata(self, path: str) -> list[dict[str, Any]]:
        """WADO-RS metadata of a study, series or instance, as DICOM JSON."""
        answer = self.client.get(
            f"{path}/metadata", headers={"Accept": "application/dicom+json"}
        ).raise_for_status()
        metadata: list[dict[str, Any]] = answer.json()
        return metadata

    def retrieve(self, path: str) -> list[Dataset]:
        """WADO-RS: the instances below a path, in the transfer syntax they are stored in."""
        answer = self.client.get(
            path,
            headers={"Accept": f'multipart/related; type="{_DICOM}"; transfer-syntax=*'},
        ).raise_for_status()
        return [dcmread(io.BytesIO(part)) for part in _parts(answer)]

    def store(self, *images: bytes) -> httpx.Response:
        """STOW-RS: store DICOM files; the answer is returned as it is, for the caller to judge."""
        body = b"".join(
            b"--%b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (_BOUNDARY.encode(), _DICOM.encode(), image)
            for image in images
        )
        return self.client.post(
            "studies",
            content=body + b"--%b--\r\n" % _BOUNDARY.encode(),
            headers={
                "Content-Type": f'multipart/related; type="{_DICOM}"; boundary={_BOUNDARY}',
                "Accept": "application/dicom+json",
            },
        )


def _parts(answer: httpx.Response) -> Iterator[bytes]:
    """Split a multipart answer (RFC 2046, section 5.1); the e-mail parser is not binary-safe."""
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].split(";")[0].strip('" ')
    for part in (b"\r\n" + answer.content).split(b"\r\n--" + boundary.encode())[1:-1]:
        yield part.partition(b"\r\n\r\n")[2]
