"""The service as modalities see it."""

import pytest
from asking import Worklist
from pynetdicom import build_context

from clinops.adapters.pytest_plugin.dicom import VERIFICATION, DicomClient, DicomError

pytestmark = pytest.mark.hazard("WRK-006")


def test_answers_c_echo(dicom):
    dicom.echo()


@pytest.mark.hazard("WRK-004")
def test_gives_every_item_of_its_folder(worklist, host):
    files = host.check_output("ls /var/lib/worklist/REFERENCE").split()
    items = sum(name.endswith(".wl") for name in files)
    assert len(worklist.find()) == items


@pytest.mark.hazard("WRK-001")
def test_gives_nobody_for_an_accession_number_that_is_not_there(worklist):
    assert worklist.find(AccessionNumber="NOT-THERE") == []


@pytest.mark.hazard("WRK-001", "WRK-003")
def test_every_item_has_what_a_modality_needs(worklist):
    for item in worklist.find():
        assert item.AccessionNumber
        assert item.PatientID
        assert item.StudyInstanceUID
        assert item.ScheduledProcedureStepSequence[0].Modality


@pytest.mark.hazard("WRK-008")
def test_serves_no_title_that_it_does_not_know(dicom):
    stranger = DicomClient(dicom.address, dicom.port, called="ELSEWHERE")
    with pytest.raises(DicomError, match="refused the association"):
        Worklist(stranger).find()


def test_answers_while_another_modality_is_connected(dicom):
    with dicom.association([build_context(VERIFICATION)]):
        dicom.echo()
