"""DICOM probes against an application entity of pynetdicom."""

from __future__ import annotations

import gc
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pynetdicom import AE, AllStoragePresentationContexts, evt

from clinops.adapters.answer_trees import tree_of
from clinops.adapters.probe_dicom import DicomProbes
from clinops.adapters.probe_images import image
from clinops.adapters.probe_runner import NoAnswerError
from clinops.domain.probe_call import DicomCall

VERIFICATION = "1.2.840.10008.1.1"
STUDY_FIND, WORKLIST = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.31"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
CT = Path(str(get_testdata_file("CT_small.dcm", download=False)))


class Archive:
    """Knows one image, keeps what it is sent, and answers with what a test sets."""

    def __init__(self) -> None:
        self.asked: list[Dataset] = []
        self.stored: list[Dataset] = []
        self.matches: list[Dataset] = []
        self.status = 0x0000
        self.associations = 0
        entity = AE("ARCHIVE")
        entity.require_called_aet = True
        for context in (VERIFICATION, STUDY_FIND, WORKLIST, STUDY_GET):
            entity.add_supported_context(context)
        for each in AllStoragePresentationContexts:
            entity.add_supported_context(each.abstract_syntax, scu_role=True, scp_role=True)
        self.server = entity.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[
                (evt.EVT_ACCEPTED, self._count),
                (evt.EVT_C_ECHO, lambda _: self.status),
                (evt.EVT_C_FIND, self._find),
                (evt.EVT_C_GET, self._get),
                (evt.EVT_C_STORE, self._store),
            ],
        )
        self.door = f"127.0.0.1:{self.server.socket.getsockname()[1]}"

    def _count(self, _: Any) -> None:
        self.associations += 1

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        self.asked.append(event.identifier)
        for match in self.matches:
            yield 0xFF00, match
        if self.status:
            failure = Dataset()
            failure.Status, failure.ErrorComment = self.status, "no"
            yield failure, None  # type: ignore[misc]

    def _get(self, event: Any) -> Iterator[Any]:
        self.asked.append(event.identifier)
        yield 1
        yield 0xFF00, dcmread(CT)

    def _store(self, event: Any) -> int:
        self.stored.append(event.dataset)
        return self.status


@pytest.fixture
def archive() -> Iterator[Archive]:
    made = Archive()
    yield made
    made.server.shutdown()


@pytest.fixture
def probes(archive: Archive) -> Iterator[DicomProbes]:
    made = DicomProbes({"dicom": archive.door})
    yield made
    made.close()


def call(**said: Any) -> DicomCall:
    return DicomCall(called="ARCHIVE", **said)


def match(**values: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_echoes_over_one_association(archive: Archive, probes: DicomProbes):
    answers = [probes.ask(call(verb="echo"), {}, 5).tree for _ in range(3)]
    assert answers == [{"status": "0x0000"}] * 3
    assert archive.associations == 1


def test_a_new_association_is_made_where_the_peer_has_ended_the_last(
    archive: Archive, probes: DicomProbes
):
    probes.ask(call(verb="echo"), {}, 5)
    for association in archive.server.active_associations:
        association.abort()
    assert probes.ask(call(verb="echo"), {}, 5).tree == {"status": "0x0000"}
    assert archive.associations == 2


def test_finds_by_keywords_with_parameters_and_items(archive: Archive, probes: DicomProbes):
    archive.matches = [match(PatientID="1", PatientName="Ñandú^Ada", StudyDate="20260101")]
    archive.matches[0].SpecificCharacterSet = "ISO_IR 192"
    query = {"PatientID": "{p}", "StudyInstanceUID": ""}
    tree: Any = probes.ask(call(verb="find", query=query), {"p": "1"}, 5).tree
    assert tree["status"] == "0x0000"
    assert tree["datasets"][0]["PatientName"] == {"vr": "PN", "Value": ["Ñandú^Ada"]}
    asked = archive.asked[0]
    assert (asked.PatientID, asked.QueryRetrieveLevel, asked.StudyInstanceUID) == ("1", "STUDY", "")


def test_asks_a_worklist_with_the_keys_of_its_steps(archive: Archive, probes: DicomProbes):
    query = {"PatientID": "", "ScheduledProcedureStepSequence": [{"Modality": "{m}"}]}
    probes.ask(call(verb="find", model="worklist", query=query), {"m": "CT"}, 5)
    assert archive.asked[0].ScheduledProcedureStepSequence[0].Modality == "CT"
    assert "QueryRetrieveLevel" not in archive.asked[0]


def test_a_failure_status_is_an_answer(archive: Archive, probes: DicomProbes):
    archive.status = 0xA900
    answered = probes.ask(call(verb="find", query={"PatientID": "1"}), {}, 5)
    assert answered.tree == {
        "status": "0xA900",
        "ErrorComment": {"vr": "LO", "Value": ["no"]},
    }


def test_a_rejected_association_is_an_answer(probes: DicomProbes):
    elsewhere = DicomCall(verb="echo", called="ELSEWHERE")
    answered: Any = probes.ask(elsewhere, {}, 5)
    assert answered.tree["association"]["reason"] == "Called AE title not recognised"


# pynetdicom 3.0 leaves a socket that could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_port_where_nobody_listens_does_not_answer():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        probes = DicomProbes({"dicom": f"127.0.0.1:{unused.getsockname()[1]}"})
        with pytest.raises(NoAnswerError):
            probes.ask(call(verb="echo"), {}, 2)
    gc.collect()


def test_retrieves_images_with_a_digest_of_their_pixels(archive: Archive, probes: DicomProbes):
    query = {"StudyInstanceUID": "1.2"}
    trees: list[Any] = [probes.ask(call(verb="get", query=query), {}, 5).tree for _ in range(2)]
    assert trees[0]["NumberOfCompletedSuboperations"]["Value"] == [1]
    expected: Any = tree_of(CT.read_bytes(), "application/dicom")
    assert [each["PixelData"]["pixels"] for each in trees[0]["datasets"]] == [
        expected["PixelData"]["pixels"]
    ]
    assert trees[1] == trees[0]


def test_stores_the_same_image_each_time(archive: Archive, probes: DicomProbes):
    store = call(verb="store", sample="mr", attributes={"PatientID": "{p}"})
    for patient in ("1", "1", "2"):
        assert probes.ask(store, {"p": patient}, 5).tree["status"] == "0x0000"
    first, again, other = archive.stored
    assert first == again
    assert (first.PatientID, first.Modality) == ("1", "MR")
    assert first.SOPInstanceUID != other.SOPInstanceUID


@pytest.mark.parametrize("sample", ["ct", "mr", "cr", "sc"])
def test_samples_are_sound_images(sample: str):
    made = image(sample, {"Rows": "16", "WindowCenter": "40", "AccessionNumber": ""})
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    tree: Any = tree_of(file.getvalue(), "application/dicom")
    assert tree["PixelData"]["shape"] == "16x16 uint16"
    assert tree["AccessionNumber"] == {"vr": "SH"}


@pytest.mark.parametrize("query", [{"Nonsense": "1"}, {"Rows": "many"}])
def test_keys_that_can_not_be_written_are_no_answer(probes: DicomProbes, query: Any):
    with pytest.raises(NoAnswerError):
        probes.ask(call(verb="find", query=query), {}, 5)


def test_more_matches_than_anybody_compares_are_no_answer(
    archive: Archive, probes: DicomProbes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clinops.adapters.probe_dicom.MAX_MATCHES", 3)
    archive.matches = [match(PatientID=str(n)) for n in range(9)]
    find = call(verb="find", query={"PatientID": ""})
    with pytest.raises(NoAnswerError, match="ask for less"):
        probes.ask(find, {}, 5)
    archive.matches = []
    assert probes.ask(find, {}, 5).tree == {"status": "0x0000"}
