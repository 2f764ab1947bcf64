"""Read what the worklist must never lose: every item, as a modality is told of it.

`CLINOPS_REPLICA` names a file that says where the worklist listens, `CLINOPS_RESULT` the file for
the result. All of it is read by C-FIND: what a file on disk says and no modality is told is lost.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from items import WORKLIST_FIND
from pydicom import Dataset
from pynetdicom import build_context

from clinops.adapters.pytest_plugin.dicom import DicomClient
from clinops.domain.inventory import keyed
from clinops.domain.replica import Replica

OF_ITEM = (
    *("AccessionNumber", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate"),
    *("PatientBirthTime", "PatientSex", "PatientWeight", "Allergies", "MedicalAlerts"),
    *("PregnancyStatus", "ReferringPhysicianName", "RequestingPhysician", "StudyInstanceUID"),
    *("RequestedProcedureID", "RequestedProcedureDescription", "RequestedProcedurePriority"),
    *("AdmissionID", "CurrentPatientLocation", "TimezoneOffsetFromUTC"),
)
OF_STEP = (
    *("ScheduledStationAETitle", "ScheduledProcedureStepStartDate"),
    *("ScheduledProcedureStepStartTime", "Modality", "ScheduledPerformingPhysicianName"),
    *("ScheduledProcedureStepDescription", "ScheduledProcedureStepID", "ScheduledStationName"),
    "ScheduledProcedureStepLocation",
)
OF_CODE = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
PENDING = {0xFF00, 0xFF01}


def asking(*keywords: str, **sequences: Dataset) -> Dataset:
    """Return keys that ask for these attributes and match everything."""
    keys = Dataset()
    for keyword in keywords:
        setattr(keys, keyword, None)
    for keyword, item in sequences.items():
        setattr(keys, keyword, [item])
    return keys


def items(client: DicomClient) -> list[Dataset]:
    """Return all items of the worklist."""
    code = asking(*OF_CODE)
    step = asking(*OF_STEP, ScheduledProtocolCodeSequence=code)
    keys = asking(
        *OF_ITEM, ScheduledProcedureStepSequence=step, RequestedProcedureCodeSequence=code
    )
    keys.SpecificCharacterSet = "ISO_IR 192"
    found = []
    with client.association([build_context(WORKLIST_FIND)]) as peer:
        for status, item in peer.send_c_find(keys, WORKLIST_FIND):
            if "Status" not in status or status.Status not in {0x0000, *PENDING}:
                raise ValueError(f"the worklist answered a search with {status}")
            if item is not None:
                found.append(item)
    return found


def described(item: Dataset) -> dict[str, str]:
    """Return everything that an item says, each value as text."""
    (step,) = item.ScheduledProcedureStepSequence
    return {
        "character set": _text(item, "SpecificCharacterSet"),
        **{keyword: _text(item, keyword) for keyword in OF_ITEM},
        **{keyword: _text(step, keyword) for keyword in OF_STEP},
        **_code(item, "RequestedProcedureCodeSequence"),
        **_code(step, "ScheduledProtocolCodeSequence"),
    }


def _code(holder: Dataset, sequence: str) -> dict[str, str]:
    return {
        f"{sequence} {position} {keyword}": _text(code, keyword)
        for position, code in enumerate(holder.get(sequence) or (), 1)
        for keyword in OF_CODE
    }


def _text(holder: Dataset, keyword: str) -> str:
    value = holder.get(keyword)
    return "" if value is None else str(value)


def main() -> None:
    """Read everything and leave the result."""
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    address, _, port = replica.endpoints["dicom"].rpartition(":")
    client = DicomClient(address, int(port), called="REFERENCE", calling="INVENTORY")
    records = keyed((_text(item, "AccessionNumber"), described(item)) for item in items(client))
    result = json.dumps({"items": records})
    Path(os.environ["CLINOPS_RESULT"]).write_text(result, encoding="utf-8")


if __name__ == "__main__":
    main()
