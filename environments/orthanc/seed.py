"""Fill a fresh archive with synthetic patients, through its REST interface.

`CLINOPS_REPLICA` names a file that says where the archive listens. Everything here is made up: the
NHS numbers lie in the 999 range, which is never issued. Running it twice changes nothing, because
every identifier is derived from the accession number.

What is chosen here is what archives get wrong: people who are easily taken for one another, names
beyond ASCII in several character sets, a name as long as a name may be, and examinations in the
hours that the clock change gives twice or not at all.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import httpx
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from clinops.domain.replica import Replica

SIGN_IN = ("reference", "synthetic-data-only")
UTF_8 = "ISO_IR 192"
LATIN_1 = "ISO_IR 100"
JAPANESE = ["", "ISO 2022 IR 87"]
CT, MR, US = "CT_small.dcm", "MR_small.dcm", "examples_rgb_color.dcm"
CINE = "examples_ybr_color.dcm"


class Patient(NamedTuple):
    """One synthetic person."""

    number: str
    name: str
    born: str
    sex: str
    charset: str | list[str] = UTF_8


class Study(NamedTuple):
    """One examination. Equal samples that follow each other are one series."""

    accession: str
    patient: str
    taken: str
    """Day and time of day, in local time, as DICOM writes them."""
    samples: Sequence[str]
    side: str = ""
    zone: str = ""
    """Offset from UTC, where the modality says it."""


PATIENTS = [
    Patient("9990000018", "Adeyemi^Folasade", "19480305", "F"),
    Patient("9990000026", "Núñez^José María", "19611130", "M"),
    # The same name, as a modality writes it that knows no UTF-8.
    Patient("9990000107", "Núñez^José Mario", "19611130", "M", LATIN_1),
    Patient("9990000034", "Müller^Jörg", "19700228", "M", LATIN_1),
    Patient("9990000042", "Ó Súilleabháin^Gráinne", "19821224", "F"),
    Patient("9990000115", "O'Brien^Siobhán", "19560229", "F"),
    Patient("9990000050", "Yamada^Tarou=山田^太郎=やまだ^たろう", "19550714", "M", JAPANESE),
    Patient("9990000069", "Wang^Xiaodong=王^小东", "19930801", "M"),
    # Twins, and namesakes whose numbers and dates differ by a slip of the finger.
    Patient("9990000077", "Okafor^Chidi", "20190612", "M"),
    Patient("9990000085", "Okafor^Chika", "20190612", "F"),
    Patient("9990001022", "Smith^John", "19400101", "M"),
    Patient("9990001200", "Smith^John", "19400110", "M"),
    # Numbers of an old system: they differ by a letter's case, and by a zero in front.
    Patient("LEG-0012a", "Jones^Mary", "19350401", "F"),
    Patient("LEG-0012A", "Jones^Marie", "19350401", "F"),
    Patient("09990000018", "Adeyemi^Folarin", "19480305", "M"),
    # 64 characters, the most that DICOM allows in one form of a name (PS3.5, 6.2).
    Patient(
        "9990000220",
        "Featherstonehaugh-Cholmondeley-Marjoribanks^Wilhelmina Alexandra",
        "19370515",
        "F",
    ),
    Patient("9990000239", "Şahin^Çağla", "20001031", "F"),
    Patient("9990000123", "Иванова^Жанна", "18991231", "F"),
    # Nobody knows yet who this is.
    Patient("9990000131", "Unknown^Trauma Seven", "", "O"),
    Patient("9990000158", "von der Größe^Änne^Maria^Dr^FRCR", "20251026", "F"),
]
STUDIES = [
    Study("SYN1001", "9990000018", "20240229 101500", [CT]),
    Study("SYN1002", "9990000018", "20250131 235959", [MR, MR, MR]),
    Study("SYN1003", "9990000026", "20241231 235959", [CT, CT]),
    Study("SYN1004", "9990000107", "20241231 235959", [CT]),
    Study("SYN1005", "9990000034", "20250301 080000", [MR]),
    Study("SYN1006", "9990000042", "20250301 080000", [MR, "test-SR.dcm"]),
    Study("SYN1007", "9990000115", "20250317 120000", [CT]),
    Study("SYN1008", "9990000050", "20250401 000000", [CT]),
    Study("SYN1009", "9990000069", "20250401 000000", [MR]),
    Study("SYN1010", "9990000077", "20250612 091000", [CT]),
    Study("SYN1011", "9990000085", "20250612 091000", [CT]),
    Study("SYN1012", "9990001022", "20250702 141500", [CT]),
    Study("SYN1013", "9990001200", "20250702 141500", [MR]),
    Study("SYN1014", "LEG-0012a", "19991231 120000", [MR]),
    Study("SYN1015", "LEG-0012A", "19991231 120000", [MR]),
    Study("SYN1016", "09990000018", "20240229 101500", [CT]),
    Study("SYN1017", "9990000220", "20250815 160000", [CT]),
    Study("SYN1018", "9990000239", "20250815 160000", [MR]),
    Study("SYN1019", "9990000123", "20250816 093000", ["MR_small_RLE.dcm"]),
    Study("SYN1020", "9990000131", "20250817 033000", [CT, "SC_rgb_jpeg_dcmtk.dcm"]),
    Study("SYN1021", "9990000158", "20251026 000100", [US, CINE]),
    # 01:30 comes twice on the night of the autumn change, and not at all on that of spring.
    Study("SYN1022", "9990000077", "20251026 013000", [CT], zone="+0100"),
    Study("SYN1023", "9990000085", "20251026 013000", [CT], zone="+0000"),
    Study("SYN1024", "9990000018", "20260329 013000", [CT]),
    # Both hands of one person within one minute.
    Study("SYN1025", "9990000115", "20250902 110000", [MR], side="L"),
    Study("SYN1026", "9990000115", "20250902 110100", [MR], side="R"),
    Study("SYN1027", "9990000034", "20251003 100000", ["rtdose.dcm", "rtplan.dcm"]),
]


@cache
def _sample(name: str) -> bytes:
    return Path(str(get_testdata_file(name, download=False))).read_bytes()


def images_of(study: Study, patient: Patient) -> list[bytes]:
    """Make the images of an examination from samples that pydicom carries."""
    images = []
    for series, (name, same) in enumerate(groupby(study.samples), start=1):
        for number, _ in enumerate(same, start=1):
            image = dcmread(io.BytesIO(_sample(name)))
            image.remove_private_tags()
            _name(image, study, patient)
            image.StudyInstanceUID = f"2.25.{study.accession.removeprefix('SYN')}"
            image.SeriesInstanceUID = f"{image.StudyInstanceUID}.{series}"
            image.SOPInstanceUID = f"{image.SeriesInstanceUID}.{number}"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            image.SeriesNumber, image.InstanceNumber = series, number
            images.append(_file_of(image))
    return images


def _name(image: Dataset, study: Study, patient: Patient) -> None:
    image.SpecificCharacterSet = patient.charset
    image.PatientName = patient.name
    image.PatientID = patient.number
    image.PatientBirthDate = patient.born
    image.PatientSex = patient.sex
    image.AccessionNumber = study.accession
    # The samples of one examination come from several: what describes it must be the same in all.
    image.StudyID = study.accession.removeprefix("SYN")
    image.StudyDescription = f"Examination {study.accession}"
    image.ReferringPhysicianName = "Referrer^Synthetic"
    image.StudyDate, image.StudyTime = study.taken.split()
    if study.side:
        image.Laterality = study.side
    image.TimezoneOffsetFromUTC = study.zone


def _file_of(image: Dataset) -> bytes:
    written = io.BytesIO()
    image.save_as(written)
    return written.getvalue()


def store(patients: Sequence[Patient], studies: Sequence[Study]) -> None:
    """Store examinations; an archive that refuses an image ends the program with an error."""
    known = {patient.number: patient for patient in patients}
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    address = f"http://{replica.endpoints['http']}"
    with httpx.Client(base_url=address, auth=SIGN_IN, trust_env=False, timeout=10) as archive:
        for study in studies:
            for image in images_of(study, known[study.patient]):
                archive.post("/instances", content=image).raise_for_status()


if __name__ == "__main__":
    store(PATIENTS, STUDIES)
