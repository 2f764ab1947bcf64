"""Store what a hospital would store between an upgrade and its way back: two new patients.

The first is as close to a seeded patient as can be, so that an image filed under the wrong one of
the two shows in the inventory. Writing twice changes nothing.

`CLINOPS_RESULT` names the file for what the archive has acknowledged so far: what a fault may not
take away again.
"""

import io
import json
import os
from pathlib import Path

from pydicom import dcmread
from seed import CT, LATIN_1, MR, Patient, Study, images_of, store

PATIENTS = [
    Patient("9990000166", "Adeyemi^Folasade", "19480305", "F"),
    Patient("9990000174", "Peña^Íñigo", "20260301", "M", LATIN_1),
]
STUDIES = [
    Study("SYN2001", "9990000166", "20260401 090000", [CT, CT]),
    Study("SYN2002", "9990000174", "20260401 091500", [MR], side="L"),
]


def main() -> None:
    """Store one examination after the other, and note the images of each once it is stored."""
    known = {patient.number: patient for patient in PATIENTS}
    result = Path(os.environ["CLINOPS_RESULT"])
    stored: dict[str, dict[str, str]] = {}
    for study in STUDIES:
        store(PATIENTS, [study])
        for file in images_of(study, known[study.patient]):
            image = dcmread(io.BytesIO(file), stop_before_pixels=True)
            stored[str(image.SOPInstanceUID)] = {"PatientID": study.patient}
        # In one step, so that whoever looks meanwhile finds it whole.
        result.with_suffix(".new").write_text(json.dumps({"instances": stored}), encoding="utf-8")
        result.with_suffix(".new").replace(result)


if __name__ == "__main__":
    main()
