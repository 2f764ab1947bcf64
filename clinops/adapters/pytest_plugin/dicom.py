"""A small DICOM client for suites: one association a call, and errors that say what was answered.

Statuses and operations are those of DICOM PS3.4 and PS3.7.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association

from clinops.errors import ClinOpsError

VERIFICATION = UID("1.2.840.10008.1.1")
PATIENT_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.1.1")
PATIENT_ROOT_MOVE = UID("1.2.840.10008.5.1.4.1.2.1.2")
PATIENT_ROOT_GET = UID("1.2.840.10008.5.1.4.1.2.1.3")
STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")

SUCCESS = 0x0000
_PENDING = {0xFF00, 0xFF01}
_CALLING = "CLINOPS"
_SECONDS = 10


class DicomError(ClinOpsError):
    """The other side refused an association or answered an operation with a failure.

    Attributes:
        status: The DIMSE status, or None where there was no answer to take one from.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message if status is None else f"{message}: status 0x{status:04X}")
        self.status = status


class Retrieved(NamedTuple):
    """How a retrieval ended: the final status and the count of sub-operations."""

    status: int
    completed: int
    failed: int


class DicomClient:
    """Talks to one application entity."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        called: str,
        calling: str = _CALLING,
        seconds: float = _SECONDS,
    ) -> None:
        self.address = address
        self.port = port
        self.called = called
        self.calling = calling
        self.seconds = seconds

    def echo(self) -> None:
        """Verify the connection (C-ECHO); raises DicomError."""
        with self.association([build_context(VERIFICATION)]) as peer:
            _require_success("C-ECHO", _status(peer.send_c_echo()))

    def store(self, *images: Dataset) -> None:
        """Store images over one association, each in its own transfer syntax (C-STORE).

        Raises:
            DicomError: An image was refused; those before it are stored.
        """
        contexts = {
            (image.SOPClassUID, image.file_meta.TransferSyntaxUID): build_context(
                image.SOPClassUID, image.file_meta.TransferSyntaxUID
            )
            for image in images
        }
        with self.association(list(contexts.values())) as peer:
            for image in images:
                try:
                    answer = peer.send_c_store(image)
                except ValueError as error:
                    raise DicomError(f"C-STORE: {error}") from None
                _require_success("C-STORE", _status(answer))

    def find(self, level: str, **keys: Any) -> list[Dataset]:
        """Search (C-FIND) at `PATIENT`, `STUDY`, `SERIES` or `IMAGE` level by DICOM keywords."""
        model = PATIENT_ROOT_FIND if level == "PATIENT" else STUDY_ROOT_FIND
        with self.association([build_context(model)]) as peer:
            return list(_matches(peer.send_c_find(_identifier(level, keys), model)))

    def get(self, level: str, sop_classes: Sequence[str], **keys: Any) -> list[Dataset]:
        """Retrieve images over the same association (C-GET).

        Args:
            level: Query level, as for `find`.
            sop_classes: SOP classes of the images that will be accepted.
            **keys: Unique keys of what is wanted.

        Raises:
            DicomError: The final status is not success.
        """
        received: list[Dataset] = []

        def keep(event: evt.Event) -> int:
            image = event.dataset
            image.file_meta = event.file_meta
            received.append(image)
            return SUCCESS

        with self.association(
            [build_context(PATIENT_ROOT_GET), *(build_context(each) for each in sop_classes)],
            ext_neg=[build_role(UID(each), scp_role=True) for each in sop_classes],
            evt_handlers=[(evt.EVT_C_STORE, keep)],
        ) as peer:
            _require_success(
                "C-GET", _retrieved(peer.send_c_get(_identifier(level, keys), PATIENT_ROOT_GET))
            )
        return received

    def move(self, destination: str, level: str, **keys: Any) -> Retrieved:
        """Have images sent to another application entity (C-MOVE); judging is the caller's."""
        with self.association([build_context(PATIENT_ROOT_MOVE)]) as peer:
            answers = peer.send_c_move(_identifier(level, keys), destination, PATIENT_ROOT_MOVE)
            return _retrieved(answers)

    @contextmanager
    def association(self, contexts: list[Any], **options: Any) -> Iterator[Association]:
        """Associate, and always take leave again.

        Args:
            contexts: Presentation contexts to offer.
            **options: Passed on to `pynetdicom.AE.associate`.

        Raises:
            DicomError: The association was refused, or no offered context was accepted.
        """
        entity = AE(ae_title=self.calling)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self.seconds
        entity.connection_timeout = self.seconds
        opened: list[socket.socket] = []

        def remember(event: evt.Event) -> None:
            transport: Any = event.assoc.dul.socket
            connection: socket.socket = transport.socket
            # What follows at once must not wait until the peer has acknowledged what came before.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.append(connection)

        handlers = [
            (evt.EVT_CONN_OPEN, remember),
            (evt.EVT_DATA_SENT, _acknowledge_at_once),
            (evt.EVT_DATA_RECV, _acknowledge_at_once),
            *options.pop("evt_handlers", []),
        ]
        peer = entity.associate(
            self.address,
            self.port,
            contexts=contexts,
            ae_title=self.called,
            evt_handlers=handlers,
            **options,
        )
        try:
            self._require_established(peer)
            yield peer
        finally:
            if peer.is_established:
                peer.release()
            for connection in opened:
                # NOTE: pynetdicom leaves it open where the peer has cut the connection.
                connection.close()

    def _require_established(self, peer: Association) -> None:
        if not peer.is_established:
            # NOTE: not `is_rejected`: a peer that rejects and hangs up at once may look aborted.
            how = "accepts nothing offered" if peer.rejected_contexts else "refused the association"
            raise DicomError(f"{self.called} at {self.address}:{self.port} {how}")


def _acknowledge_at_once(event: evt.Event) -> None:
    """Spare 40 ms an operation: peers with Nagle's algorithm wait for our delayed ACK (Linux)."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _identifier(level: str, keys: dict[str, Any]) -> Dataset:
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _status(answer: Dataset) -> int | None:
    return answer.Status if "Status" in answer else None


def _require_success(operation: str, answer: Retrieved | int | None) -> None:
    status = answer.status if isinstance(answer, Retrieved) else answer
    if status is None:
        raise DicomError(f"{operation}: the connection ended without an answer")
    if status != SUCCESS:
        raise DicomError(operation, status)


def _matches(answers: Iterator[tuple[Dataset, Dataset | None]]) -> Iterator[Dataset]:
    for answer, identifier in answers:
        status = _status(answer)
        if status in _PENDING and identifier is not None:
            yield identifier
        else:
            _require_success("C-FIND", status)


def _retrieved(answers: Iterator[tuple[Dataset, Dataset | None]]) -> Retrieved:
    final = Dataset()
    for answer, _ in answers:
        final = answer
    status = _status(final)
    if status is None:
        raise DicomError("the connection ended before the retrieval did")
    return Retrieved(
        status,
        final.get("NumberOfCompletedSuboperations") or 0,
        final.get("NumberOfFailedSuboperations") or 0,
    )
