"""The folder that the worklist serves: where a radiology information system puts its items."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import docker
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

FOLDER = "/var/lib/worklist/REFERENCE"
OWNER = 970
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"


def item_of(accession: str, step: dict[str, Any], item: dict[str, Any]) -> Dataset:
    """Make an item: a person and an examination, with these values in place of the usual ones."""
    code = _dataset(CodeValue="XRKNL", CodingSchemeDesignator="SYN", CodeMeaning="XR knee left")
    usual = _dataset(
        SpecificCharacterSet="ISO_IR 192",
        AccessionNumber=accession,
        PatientName="Synthetic^Person",
        PatientID=accession,
        PatientBirthDate="19500101",
        PatientSex="O",
        StudyInstanceUID=generate_uid(entropy_srcs=[accession]),
        RequestedProcedureID="RP1",
        RequestedProcedureDescription="XR knee left",
        RequestedProcedureCodeSequence=[code],
    )
    usual.update(_dataset(**item))
    usual.ScheduledProcedureStepSequence = [
        _dataset(
            ScheduledStationAETitle="TEST1",
            ScheduledProcedureStepStartDate="20290101",
            ScheduledProcedureStepStartTime="090000",
            Modality="DX",
            ScheduledPerformingPhysicianName="Performer^Synthetic",
            ScheduledProcedureStepDescription="XR knee left",
            ScheduledProtocolCodeSequence=[code],
            ScheduledProcedureStepID="SPS1",
        )
    ]
    usual.ScheduledProcedureStepSequence[0].update(_dataset(**step))
    return usual


def _dataset(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def file_of(dataset: Dataset) -> bytes:
    """Write an item as a DICOM file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = WORKLIST_FIND
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["item"])
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


class Folder:
    """Puts files into the folder of a container and takes them away."""

    def __init__(self, container: str) -> None:
        self._engine = docker.from_env()
        self._container = self._engine.containers.get(container)

    def put(self, name: str, content: bytes) -> None:
        """Put a file there, in place of one of that name."""
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o640, OWNER, OWNER
            archive.addfile(entry, io.BytesIO(content))
        assert self._container.put_archive(FOLDER, written.getvalue())

    def remove(self, *names: str) -> None:
        """Take files away, whether they are there or not."""
        self._container.exec_run(["rm", "-f", *(f"{FOLDER}/{name}" for name in names)])

    def close(self) -> None:
        """Take leave of the engine."""
        self._engine.close()
