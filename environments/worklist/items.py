"""Worklist items: what a radiology information system writes for the modalities to ask for.

DCMTK's worklist has no interface to write by: it serves the files of a folder. So this puts files
into that folder, as the system beside it would.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import docker
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from clinops.domain.replica import Replica

FOLDER = "/var/lib/worklist/REFERENCE"
OWNER = 970
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
UTF_8 = "ISO_IR 192"
LATIN_1 = "ISO_IR 100"
JAPANESE = ["", "ISO 2022 IR 87"]


class Patient(NamedTuple):
    """One synthetic person."""

    number: str
    name: str
    born: str
    sex: str
    charset: str | list[str] = UTF_8
    birth_time: str = ""
    weight: str = ""
    allergies: str = ""
    alerts: str = ""


class Item(NamedTuple):
    """One examination that is to be made."""

    accession: str
    patient: str
    start: str
    """Day and time of day, in local time, as DICOM writes them."""
    procedure: str
    code: str
    modality: str
    station: str
    zone: str = ""
    """Offset from UTC, where it is said."""


def dataset_of(item: Item, patient: Patient) -> Dataset:
    """Make the data set of an item (DICOM PS3.4, table K.6-1)."""
    number = item.accession.removeprefix("SYN")
    made = Dataset()
    made.SpecificCharacterSet = patient.charset
    made.TimezoneOffsetFromUTC = item.zone
    made.AccessionNumber = item.accession
    made.PatientName = patient.name
    made.PatientID = patient.number
    made.IssuerOfPatientID = "NHS"
    made.PatientBirthDate = patient.born
    made.PatientBirthTime = patient.birth_time
    made.PatientSex = patient.sex
    made.PatientWeight = patient.weight
    made.Allergies = patient.allergies
    made.MedicalAlerts = patient.alerts
    made.ReferringPhysicianName = "Referrer^Synthetic"
    made.RequestingPhysician = "Requester^Synthetic"
    made.StudyInstanceUID = f"2.25.{number}"
    made.RequestedProcedureID = f"RP{number}"
    made.RequestedProcedureDescription = item.procedure
    made.RequestedProcedureCodeSequence = [_code(item)]
    made.RequestedProcedurePriority = "ROUTINE"
    made.AdmissionID = f"ADM{number}"
    made.CurrentPatientLocation = "Ward 7"
    made.PregnancyStatus = 4
    made.ScheduledProcedureStepSequence = [_step(item, number)]
    return made


def _step(item: Item, number: str) -> Dataset:
    step = Dataset()
    step.ScheduledStationAETitle = item.station
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = item.start.split()
    step.Modality = item.modality
    step.ScheduledPerformingPhysicianName = "Performer^Synthetic"
    step.ScheduledProcedureStepDescription = item.procedure
    step.ScheduledProtocolCodeSequence = [_code(item)]
    step.ScheduledProcedureStepID = f"SPS{number}"
    step.ScheduledStationName = f"{item.modality} room"
    step.ScheduledProcedureStepLocation = "Radiology"
    return step


def _code(item: Item) -> Dataset:
    code = Dataset()
    code.CodeValue = item.code
    code.CodingSchemeDesignator = "SYN"
    code.CodeMeaning = item.procedure
    return code


def file_of(dataset: Dataset) -> bytes:
    """Write a data set as a DICOM file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = WORKLIST_FIND
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.StudyInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


def put(files: Mapping[str, bytes]) -> None:
    """Put files into the worklist's folder; those of the same names are replaced."""
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    engine = docker.from_env()
    container = engine.containers.get(replica.services[replica.under_test].container)
    if not container.put_archive(FOLDER, _archive(files)):
        raise OSError(f"{FOLDER} takes no files")
    engine.close()


def _archive(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o640
            entry.uid = entry.gid = OWNER
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def schedule(patients: Iterable[Patient], items: Iterable[Item]) -> None:
    """Put items on the worklist, each under its accession number."""
    known = {patient.number: patient for patient in patients}
    put({f"{item.accession}.wl": file_of(dataset_of(item, known[item.patient])) for item in items})
