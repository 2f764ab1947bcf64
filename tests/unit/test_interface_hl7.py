"""HL7 v2 for suites: the client and the receiver of the plugin, on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import hl7
import pytest

from clinops.adapters.mllp import END, START, MllpConnection
from clinops.adapters.pytest_plugin.hl7 import MllpClient, MllpReceiver, address_towards

ADT = "MSH|^~\\&|A|B|C|D|20260101||ADT^A08|{}|P|2.5\nPID|||1||Ñandú^Ada"


@pytest.fixture
def receiver() -> Iterator[MllpReceiver]:
    made = MllpReceiver()
    yield made
    made.close()
    made.close()


@pytest.fixture
def client(receiver: MllpReceiver) -> Iterator[MllpClient]:
    made = MllpClient(*receiver.address, seconds=1)
    yield made
    made.hang_up()


def test_a_message_arrives_as_it_was_sent_and_is_acknowledged(
    client: MllpClient, receiver: MllpReceiver
):
    for number in (1, 2):
        answer = client.send(ADT.format(number))
        assert str(answer.segment("MSA")) == f"MSA|AA|{number}"
    assert str(receiver.wait_for(2)[0].segment("PID")[5]) == "Ñandú^Ada"


def test_sends_what_the_library_made(client: MllpClient, receiver: MllpReceiver):
    client.send(hl7.parse(ADT.format(1).replace("\n", "\r")))
    assert len(receiver.messages) == 1


def test_a_receiver_can_refuse_and_can_be_silent(client: MllpClient, receiver: MllpReceiver):
    receiver.answer = lambda message: message.create_ack("AE")
    assert str(client.send(ADT.format(1)).segment("MSA")[1]) == "AE"
    receiver.answer = lambda _: None
    with pytest.raises(TimeoutError):
        client.send(ADT.format(2))
    assert len(receiver.wait_for(2)) == 2


def test_a_late_answer_never_matches_the_next_message(client: MllpClient, receiver: MllpReceiver):
    late = threading.Event()
    acknowledge = receiver.answer

    def answer_late(message: hl7.Message) -> hl7.Message | None:
        receiver.answer = acknowledge
        late.wait(1.5)
        return acknowledge(message)

    receiver.answer = answer_late
    with pytest.raises(TimeoutError):
        client.send(ADT.format("first"))
    late.set()
    assert str(client.send(ADT.format("second")).segment("MSA")[2]) == "second"


def test_says_how_many_messages_came_too_few(receiver: MllpReceiver):
    with pytest.raises(TimeoutError, match=r"0 of 1 messages came in 0\.05 seconds"):
        receiver.wait_for(1, seconds=0.05)


def test_finds_its_own_address_as_a_peer_sees_it():
    assert address_towards("127.0.0.1") == "127.0.0.1"


class Peer:
    """Answers each connection once with given bytes, and hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.answers = answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self.listener:
            for answer in self.answers:
                with self.listener.accept()[0] as connection:
                    connection.recv(1000)
                    connection.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"", ConnectionError, "hung up"),
        (START + b"MSA|", ConnectionError, "hung up"),
        (b"MSA|AA" + END, ValueError, "no MLLP frame"),
    ],
)
def test_what_is_no_frame_is_no_answer(answer: bytes, error: type[Exception], words: str):
    good = START + b"ok" + END
    with MllpConnection(Peer(answer, good, good).address) as connection:
        with pytest.raises(error, match=words):
            connection.exchange(b"MSH|", 10)
        assert connection.exchange(b"MSH|", 10) == b"ok"
        # The peer has hung up since: that is noticed before a message could be lost.
        assert connection.exchange(b"MSH|", 10) == b"ok"
