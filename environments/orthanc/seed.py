"""Fill a fresh archive with synthetic patients, through its REST interface.

`CLINOPS_REPLICA` names a file that says where the archive listens. Everything here is made up: the
NHS numbers lie in the 999 range, which is never issued. Running it twice changes nothing, because
every identifier is derived from the patient's.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import httpx
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from clinops.domain.replica import Replica

SIGN_IN = ("reference", "synthetic-data-only")
UTF_8 = "ISO_IR 192"
LATIN_1 = "ISO_IR 100"
JAPANESE = ["", "ISO 2022 IR 87"]


class Patient(NamedTuple):
    """One synthetic person with one study."""

    nhs_number: str
    name: str
    born: str
    sex: str
    sample: str
    charset: str | list[str] = UTF_8


PATIENTS = [
    Patient("9990000018", "Adeyemi^Folasade", "19480305", "F", "CT_small.dcm"),
    Patient("9990000026", "Núñez^José María", "19611130", "M", "CT_small.dcm"),
    Patient("9990000034", "Müller^Jörg", "19700228", "M", "MR_small.dcm", LATIN_1),
    Patient("9990000042", "Ó Súilleabháin^Gráinne", "19821224", "F", "MR_small.dcm"),
    Patient(
        "9990000050",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "19550714",
        "M",
        "CT_small.dcm",
        JAPANESE,
    ),
    Patient("9990000069", "Wang^Xiaodong=王^小东", "19930801", "M", "MR_small.dcm"),
    Patient("9990000077", "Okafor^Chidi", "20190612", "M", "CT_small.dcm"),
    Patient("9990000085", "Okafor^Chika", "20190612", "F", "CT_small.dcm"),
    Patient("9990001022", "Smith^John", "19400101", "M", "CT_small.dcm"),
    Patient("9990001200", "Smith^John", "19400110", "M", "MR_small.dcm"),
    Patient(
        "9990000220", "Featherstonehaugh-Cholmondeley^Wilhelmina", "19370515", "F", "CT_small.dcm"
    ),
    Patient("9990000239", "Şahin^Çağla", "20001031", "F", "MR_small.dcm"),
]


def image_of(patient: Patient) -> bytes:
    """Make a patient's one image from a sample that pydicom carries."""
    number = patient.nhs_number
    image = dcmread(str(get_testdata_file(patient.sample, download=False)))
    image.SpecificCharacterSet = patient.charset
    image.PatientName = patient.name
    image.PatientID = number
    image.PatientBirthDate = patient.born
    image.PatientSex = patient.sex
    image.AccessionNumber = f"SYN{number[-4:]}"
    image.StudyInstanceUID = generate_uid(entropy_srcs=["study", number])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=["series", number])
    image.SOPInstanceUID = generate_uid(entropy_srcs=["instance", number])
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    written = io.BytesIO()
    image.save_as(written)
    return written.getvalue()


def main() -> None:
    """Store every patient; an archive that refuses one ends the program with an error."""
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    address = f"http://{replica.endpoints['http']}"
    with httpx.Client(base_url=address, auth=SIGN_IN, trust_env=False, timeout=10) as archive:
        for patient in PATIENTS:
            archive.post("/instances", content=image_of(patient)).raise_for_status()


if __name__ == "__main__":
    main()
