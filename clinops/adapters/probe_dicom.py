"""DICOM probes: C-ECHO, C-FIND, C-GET and C-STORE (PS3.4, PS3.7)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import StoragePresentationContexts, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ

from clinops.adapters.answer_datasets import dataset_tree
from clinops.adapters.answer_trees import MAX_BYTES, tidy
from clinops.adapters.probe_images import image, put
from clinops.adapters.probe_runner import Answered, NoAnswerError, door, timed
from clinops.adapters.pytest_plugin.dicom import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    STUDY_ROOT_FIND,
    VERIFICATION,
    DicomClient,
    DicomError,
)
from clinops.domain.parameter import fill
from clinops.domain.probe_call import DicomCall

MAX_MATCHES = 10_000
_FIND = {
    "study-root": STUDY_ROOT_FIND,
    "patient-root": PATIENT_ROOT_FIND,
    "worklist": UID("1.2.840.10008.5.1.4.31"),
}
_GET = {"study-root": UID("1.2.840.10008.5.1.4.1.2.2.3"), "patient-root": PATIENT_ROOT_GET}
_UNCOMPRESSED: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_STORAGE = [str(each.abstract_syntax) for each in StoragePresentationContexts]
_CONTEXTS = 128
"""That an association can offer (PS3.8, 9.3.2.2)."""
_SUCCESS, _OUT_OF_RESOURCES = 0x0000, 0xA700


class _Association(NamedTuple):
    peer: Association
    stack: ExitStack
    received: list[Dataset]


class DicomProbes:
    """Talks to the application entities of one replica; an association for each purpose."""

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        """Nothing is opened before the first probe."""
        self._endpoints = endpoints
        self._associations: dict[tuple[str, ...], _Association] = {}
        self._asked: set[tuple[str, ...]] = set()
        """The associations that the probe before this one used."""

    def ask(self, call: DicomCall, values: Mapping[str, str], seconds: float) -> Answered:
        """Perform an operation; a failure status is an answer, and so is a rejection."""
        rejections: list[Any] = []
        started = time.perf_counter()
        try:
            identifier = _identifier(call, values)
            association = self._association(call, seconds, rejections)
            (status, datasets), milliseconds = timed(
                lambda: _perform(association, call, identifier, time.monotonic() + seconds)
            )
        except DicomError as error:
            if not rejections:
                raise NoAnswerError(str(error)) from None
            tree = {"association": _rejection(rejections[0])}
            return Answered(tree, (time.perf_counter() - started) * 1000)
        except ValueError as error:
            raise NoAnswerError(str(error)) from None
        if "Status" not in status:
            raise NoAnswerError(f"C-{call.verb.upper()}: the connection ended without an answer")
        return Answered(_tree(status, datasets), milliseconds)

    def forget(self) -> None:
        """Release what the last probe did not use.

        NOTE: pynetdicom looks after every open association a thousand times a second.
        """
        for key in self._associations.keys() - self._asked:
            self._associations.pop(key).stack.close()
        self._asked.clear()

    def close(self) -> None:
        """Release all associations."""
        self._asked.clear()
        self.forget()

    def _association(self, call: DicomCall, seconds: float, rejections: list[Any]) -> _Association:
        purpose = f"{call.verb} {call.model}" if call.verb == "get" else call.verb
        purpose = f"store {call.sample}" if call.verb == "store" else purpose
        key = (call.endpoint, call.called, call.calling, purpose)
        self._asked.add(key)
        known = self._associations.get(key)
        if known is None or not known.peer.is_established:
            known = self._associations[key] = self._associate(call, seconds, rejections)
        known.peer.acse_timeout = known.peer.dimse_timeout = seconds
        known.received.clear()
        return known

    def _associate(self, call: DicomCall, seconds: float, rejections: list[Any]) -> _Association:
        address, port = door(self._endpoints, call.endpoint)
        client = DicomClient(
            address, port, called=call.called, calling=call.calling, seconds=seconds
        )
        received: list[Dataset] = []
        stack = ExitStack()
        offer = _offer(call)
        options = {
            "ext_neg": [build_role(each, scp_role=True) for each in _stored(call)],
            "evt_handlers": [
                (evt.EVT_C_STORE, _keeping(received)),
                (evt.EVT_PDU_RECV, _noting(rejections)),
            ],
        }
        peer = stack.enter_context(client.association(offer, **options))
        return _Association(peer, stack, received)


def _stored(call: DicomCall) -> list[str]:
    return _STORAGE[: _CONTEXTS - 1] if call.verb == "get" else []


def _offer(call: DicomCall) -> list[Any]:
    if call.verb == "echo":
        return [build_context(VERIFICATION)]
    if call.verb == "find":
        return [build_context(model) for model in _FIND.values()]
    if call.verb == "store":
        return [build_context(image(call.sample, {}).SOPClassUID, ExplicitVRLittleEndian)]
    stored = [build_context(each, _UNCOMPRESSED) for each in _stored(call)]
    return [build_context(_GET[call.model]), *stored]


def _keeping(received: list[Dataset]) -> Any:
    size = 0

    def keep(event: evt.Event) -> int:
        nonlocal size
        request: Any = event.request
        size = (size if received else 0) + len(request.DataSet.getvalue())
        if size > MAX_BYTES:
            return _OUT_OF_RESOURCES
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        received.append(dataset)
        return _SUCCESS

    return keep


def _noting(rejections: list[Any]) -> Any:
    # NOTE: not `is_rejected`: a peer that rejects and hangs up at once may look aborted.
    def note(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(event.pdu)

    return note


def _rejection(pdu: Any) -> Any:
    return {"result": pdu.result_str, "source": pdu.source_str, "reason": pdu.reason_str}


def _identifier(call: DicomCall, values: Mapping[str, str]) -> Dataset:
    if call.verb == "store":
        return image(call.sample, {k: fill(v, values) for k, v in call.attributes.items()})
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    if call.model != "worklist":
        identifier.QueryRetrieveLevel = call.level
    for keyword, value in call.query.items():
        if isinstance(value, str):
            put(identifier, keyword, fill(value, values))
        else:
            setattr(identifier, keyword, [_item(each, values) for each in value])
    return identifier


def _item(keys: Mapping[str, str], values: Mapping[str, str]) -> Dataset:
    item = Dataset()
    for keyword, value in keys.items():
        put(item, keyword, fill(value, values))
    return item


def _perform(
    association: _Association, call: DicomCall, dataset: Dataset, deadline: float
) -> tuple[Dataset, list[Dataset]]:
    peer = association.peer
    if call.verb == "echo":
        return peer.send_c_echo(), []
    if call.verb == "store":
        return peer.send_c_store(dataset), []
    if call.verb == "find":
        return _collected(peer, peer.send_c_find(dataset, _FIND[call.model]), deadline)
    status, _ = _collected(peer, peer.send_c_get(dataset, _GET[call.model]), deadline)
    return status, association.received


def _collected(
    peer: Association, answers: Iterator[tuple[Dataset, Dataset | None]], deadline: float
) -> tuple[Dataset, list[Dataset]]:
    status, found = Dataset(), list[Dataset]()
    for status, identifier in answers:  # noqa: B007 - the last one is how it ended
        if identifier is not None:
            found.append(identifier)
        if len(found) > MAX_MATCHES or time.monotonic() > deadline:
            peer.abort()
            raise NoAnswerError(f"no end after {len(found)} matches; ask for less")
    return status, found


def _tree(status: Dataset, datasets: list[Dataset]) -> Any:
    said = dataset_tree(status)
    said.pop("Status")
    found = {"datasets": [_with_syntax(each) for each in datasets]} if datasets else {}
    return tidy({"status": f"0x{status.Status:04X}", **said, **found})


def _with_syntax(dataset: Dataset) -> dict[str, Any]:
    tree = dataset_tree(dataset)
    meta = getattr(dataset, "file_meta", None)
    syntax = {"TransferSyntaxUID": str(meta.TransferSyntaxUID)} if meta is not None else {}
    return {**syntax, **tree}
