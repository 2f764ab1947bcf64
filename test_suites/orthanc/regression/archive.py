"""The archive's REST interface, in the few words that the tests need."""

from __future__ import annotations

import io
from typing import Any

import httpx
from images import file_of
from pydicom import Dataset, dcmread


class Archive:
    """What a test does through REST; every call raises on an HTTP error status."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def json(self, path: str) -> Any:
        """Read JSON."""
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        """Send JSON and read JSON."""
        return self.http.post(path, json=body).raise_for_status().json()

    def upload(self, *images: Dataset) -> None:
        """Store images, as files."""
        for image in images:
            self.http.post("/instances", content=file_of(image)).raise_for_status()

    def found(self, level: str, **query: str) -> list[dict[str, Any]]:
        """Search by keywords; `level` is `Patient`, `Study`, `Series` or `Instance`."""
        return self.post("/tools/find", {"Level": level, "Query": query, "Expand": True})

    def patients(self) -> list[str]:
        """Identifiers of all patients, exactly as the archive keeps them."""
        found = self.json("/patients?expand")
        return [each["MainDicomTags"]["PatientID"] for each in found]

    def instances(self, image: Dataset) -> list[str]:
        """The archive's ids of everything stored under an image's SOP instance UID."""
        return self.ids_of(image.SOPInstanceUID)

    def ids_of(self, identifier: str) -> list[str]:
        """The archive's ids of what has a patient id or a unique id."""
        found = self.http.post("/tools/lookup", content=identifier).raise_for_status().json()
        return [each["ID"] for each in found]

    def fetch(self, image: Dataset) -> Dataset:
        """What the archive keeps of an image, as the file that it keeps."""
        (stored,) = self.instances(image)
        return self.file(stored)

    def file(self, instance: str) -> Dataset:
        """The file of an instance, by the archive's own id."""
        answer = self.http.get(f"/instances/{instance}/file").raise_for_status()
        return dcmread(io.BytesIO(answer.content))

    def delete(self, path: str) -> None:
        """Remove something that is there."""
        self.http.delete(path).raise_for_status()

    def forget(self, patient_id: str) -> None:
        """Remove whatever is kept for a patient, if anything."""
        for found in self.ids_of(patient_id):
            self.http.delete(f"/patients/{found}")
