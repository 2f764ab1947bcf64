"""Read what the archive must never lose: who is in it, their examinations, and every image.

`CLINOPS_REPLICA` names a file that says where the archive listens, `CLINOPS_RESULT` the file for
the result: collections of records, each record by what identifies it outside the archive. Nothing
is taken from the archive's own tables: patients and examinations as its REST interface lists them,
images from the files that it gives out.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from pydicom import Dataset, dcmread
from seed import SIGN_IN

from clinops.domain.inventory import Records, keyed
from clinops.domain.replica import Replica

AT_ONCE = 100
IDENTITY = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
TO_SHOW_IT = (
    *("SpecificCharacterSet", "PhotometricInterpretation", "WindowCenter", "WindowWidth"),
    *("RescaleSlope", "RescaleIntercept", "PixelSpacing", "Laterality"),
)
# What an object holds stands in one of these: pixels, a waveform, a report, a plan.
CONTENT = ("PixelData", "WaveformSequence", "ContentSequence", "BeamSequence")


def listed(archive: httpx.Client, level: str) -> Iterator[dict[str, Any]]:
    """Yield everything of one level (`patients`, `studies`, `instances`), page by page."""
    since = 0
    while page := archive.get(
        f"/{level}", params={"expand": "", "since": since, "limit": AT_ONCE}
    ).raise_for_status().json():  # fmt: skip
        yield from page
        since += len(page)


def patients(archive: httpx.Client) -> Records:
    """Return the demographics by patient id."""
    found = (each["MainDicomTags"] for each in listed(archive, "patients"))
    return keyed(
        (tags["PatientID"], {key: tags.get(key, "") for key in IDENTITY}) for tags in found
    )


def studies(archive: httpx.Client) -> Records:
    """Return whose examination it is, and when it took place, by study UID."""
    return keyed(
        (each["MainDicomTags"]["StudyInstanceUID"], _examination(each))
        for each in listed(archive, "studies")
    )


def _examination(study: dict[str, Any]) -> dict[str, str]:
    tags = study["MainDicomTags"]
    return {
        "PatientID": study["PatientMainDicomTags"]["PatientID"],
        **{key: tags.get(key, "") for key in ("AccessionNumber", "StudyDate", "StudyTime")},
    }


def instances(archive: httpx.Client) -> Records:
    """Return what each image says of itself, and the digest of what it shows, by SOP UID."""
    files = (
        archive.get(f"/instances/{each['ID']}/file").raise_for_status().content
        for each in listed(archive, "instances")
    )
    images = (dcmread(io.BytesIO(file)) for file in files)
    return keyed((str(image.SOPInstanceUID), _described(image)) for image in images)


def _described(image: Dataset) -> dict[str, str]:
    keywords = (*IDENTITY, "StudyInstanceUID", "SeriesInstanceUID", *TO_SHOW_IT)
    return {
        **{keyword: str(image.get(keyword, "")) for keyword in keywords},
        "TransferSyntaxUID": image.file_meta.TransferSyntaxUID,
        "content": hashlib.sha256(_content(image)).hexdigest(),
    }


def _content(image: Dataset) -> bytes:
    if "PixelData" in image:
        return bytes(image.PixelData)
    return "\n".join(str(image[each]) for each in CONTENT if each in image).encode()


def main() -> None:
    """Read everything and leave the result."""
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    address = f"http://{replica.endpoints['http']}"
    with httpx.Client(base_url=address, auth=SIGN_IN, trust_env=False, timeout=30) as archive:
        result = {read.__name__: read(archive) for read in (patients, studies, instances)}
    Path(os.environ["CLINOPS_RESULT"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
