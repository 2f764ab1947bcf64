"""The recording proxy: what passes it, and what it does to protocols on top."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from clinops.adapters.mllp import END, START
from clinops.adapters.pytest_plugin.dicom import DicomClient, DicomError
from clinops.adapters.pytest_plugin.hl7 import MllpClient, MllpReceiver
from clinops.adapters.pytest_plugin.proxy import Disturbance, RecordingProxy
from tests.unit.test_probe_dicom import CT, Archive

ADT = "MSH|^~\\&|A|B|C|D|20260101||ADT^A08|{}|P|2.5"


@pytest.fixture
def receiver() -> Iterator[MllpReceiver]:
    made = MllpReceiver()
    yield made
    made.close()


@pytest.fixture
def proxy(receiver: MllpReceiver) -> Iterator[RecordingProxy]:
    made = RecordingProxy(receiver.address)
    yield made
    made.close()


@pytest.fixture
def client(proxy: RecordingProxy) -> Iterator[MllpClient]:
    made = MllpClient(*proxy.address, seconds=1)
    yield made
    made.hang_up()


def test_records_both_directions_byte_by_byte(client: MllpClient, proxy: RecordingProxy):
    client.send(ADT.format(1))
    (recording,) = proxy.recordings
    assert bytes(recording.sent) == START + ADT.format(1).encode() + b"\r" + END
    assert b"\rMSA|AA|1" in recording.received
    assert not recording.swallowed


def test_delays_each_piece(client: MllpClient, proxy: RecordingProxy):
    proxy.disturb(Disturbance(delay=0.1))
    started = time.monotonic()
    client.send(ADT.format(1))
    assert time.monotonic() - started >= 0.2


def test_a_message_that_is_cut_never_arrives(
    client: MllpClient, proxy: RecordingProxy, receiver: MllpReceiver
):
    proxy.disturb(Disturbance(cut_sent_after=20))
    with pytest.raises(ConnectionError):
        client.send(ADT.format(1))
    assert len(proxy.recordings[0].sent) == 20
    proxy.calm()
    client.send(ADT.format(2))
    assert len(receiver.messages) == 1


def test_a_cut_on_the_way_back_comes_after_the_message_has_arrived(
    client: MllpClient, proxy: RecordingProxy, receiver: MllpReceiver
):
    proxy.disturb(Disturbance(cut_received_after=5))
    with pytest.raises(ConnectionError):
        client.send(ADT.format(1))
    assert len(receiver.messages) == 1
    assert len(proxy.recordings[0].received) == 5


def test_acknowledgements_can_be_lost_while_messages_are_not(
    client: MllpClient, proxy: RecordingProxy, receiver: MllpReceiver
):
    proxy.disturb(Disturbance(swallow_answers=True))
    with pytest.raises(TimeoutError):
        client.send(ADT.format(1))
    assert len(receiver.messages) == 1
    assert b"MSA|AA|1" in proxy.recordings[0].swallowed
    proxy.calm()
    client.send(ADT.format(1))
    assert len(receiver.messages) == 2


def test_half_open_the_client_believes_that_it_is_connected(
    client: MllpClient, proxy: RecordingProxy, receiver: MllpReceiver
):
    client.send(ADT.format(1))
    proxy.disturb(Disturbance(half_open=True))
    # No error but silence: nobody told the client.
    with pytest.raises(TimeoutError):
        client.send(ADT.format(2))
    assert b"|2|P|2.5" in proxy.recordings[0].swallowed
    assert len(receiver.messages) == 1


def test_where_nobody_listens_behind_it_the_client_is_reset():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = RecordingProxy(unused.getsockname())
        with socket.create_connection(proxy.address) as connection:
            connection.settimeout(5)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        proxy.close()


def test_the_end_of_one_direction_leaves_the_other_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = RecordingProxy(server.getsockname())
        with socket.create_connection(proxy.address) as client:
            client.shutdown(socket.SHUT_WR)
            with server.accept()[0] as accepted:
                assert accepted.recv(1) == b""
                accepted.sendall(b"still here")
            assert client.recv(100) == b"still here"
            assert client.recv(100) == b""
        proxy.close()


def test_closing_it_cuts_what_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = RecordingProxy(server.getsockname())
        with socket.create_connection(proxy.address) as client, server.accept()[0]:
            client.sendall(b"a")
            client.settimeout(5)
            proxy.close()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address)


def test_a_store_that_is_cut_and_sent_again_leaves_one_image():
    from pydicom import dcmread

    archive = Archive()
    host, _, port = archive.door.rpartition(":")
    proxy = RecordingProxy((host, int(port)))
    client = DicomClient(*proxy.address, called="ARCHIVE", seconds=5)
    proxy.disturb(Disturbance(cut_sent_after=20_000))
    with pytest.raises(DicomError):
        client.store(dcmread(CT))
    assert archive.stored == []
    proxy.calm()
    client.store(dcmread(CT))
    assert len(archive.stored) == 1
    proxy.close()
    archive.server.shutdown()
