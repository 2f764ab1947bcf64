"""Asking a worklist as a modality does: C-FIND by the model of DICOM PS3.4, annex K."""

from __future__ import annotations

from typing import Any

from pydicom import Dataset
from pynetdicom import build_context

from clinops.adapters.pytest_plugin.dicom import DicomClient, DicomError

WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
OF_ITEM = (
    *("AccessionNumber", "PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("PatientWeight", "Allergies", "MedicalAlerts", "PregnancyStatus", "StudyInstanceUID"),
    *("RequestedProcedureID", "RequestedProcedureDescription"),
)
OF_STEP = (
    *("ScheduledStationAETitle", "ScheduledProcedureStepStartDate", "Modality"),
    *("ScheduledProcedureStepStartTime", "ScheduledProcedureStepDescription"),
)
OF_CODE = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")


def keys_for(step: dict[str, Any] | None = None, **item: Any) -> Dataset:
    """Return keys that match these values, of the item or of its step, and ask for all the rest."""
    code = _keys(OF_CODE, {})
    asked = _keys(OF_ITEM, item)
    asked.SpecificCharacterSet = "ISO_IR 192"
    asked.RequestedProcedureCodeSequence = [code]
    asked.ScheduledProcedureStepSequence = [_keys(OF_STEP, step or {})]
    asked.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence = [code]
    return asked


def _keys(keywords: tuple[str, ...], values: dict[str, Any]) -> Dataset:
    keys = Dataset()
    for keyword in dict.fromkeys((*keywords, *values)):
        setattr(keys, keyword, values.get(keyword))
    return keys


class Worklist:
    """Searches, each over an association of its own."""

    def __init__(self, client: DicomClient) -> None:
        self.client = client

    def ask(self, keys: Dataset) -> tuple[int, list[Dataset]]:
        """Search by keys as they are; return the final status and the items.

        Raises:
            DicomError: The association was refused, or ended without an answer.
        """
        items = []
        final = Dataset()
        with self.client.association([build_context(WORKLIST_FIND)]) as peer:
            for final, item in peer.send_c_find(keys, WORKLIST_FIND):  # noqa: B007 - how it ended
                if item is not None:
                    items.append(item)
        if "Status" not in final:
            raise DicomError("C-FIND: the connection ended without an answer")
        return final.Status, items

    def find(self, step: dict[str, Any] | None = None, **item: Any) -> list[Dataset]:
        """Return the items that match, in the order of their accession numbers."""
        status, items = self.ask(keys_for(step, **item))
        if status != 0:
            raise DicomError("C-FIND", status)
        return sorted(items, key=lambda each: str(each.AccessionNumber))

    def accessions(self, step: dict[str, Any] | None = None, **item: Any) -> list[str]:
        """Return the accession numbers of the items that match."""
        return [each.AccessionNumber for each in self.find(step, **item)]
