"""HL7 v2 over MLLP for suites: a client, and a receiver that stands in for a system downstream."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import hl7
from hl7.mllp import start_hl7_server

from clinops.adapters.mllp import MllpConnection

Answer = Callable[[hl7.Message], hl7.Message | None]
_SECONDS = 10.0


def acknowledge(message: hl7.Message) -> hl7.Message:
    """Acknowledge a message as accepted: `AA` (HL7 v2.5.1, chapter 2.9)."""
    return message.create_ack("AA")


class MllpClient:
    """Sends messages to one receiver, over one connection that is opened when it is needed.

    `OSError` says that there was no answer; after it, the next message goes over a new connection.
    """

    def __init__(self, address: str, port: int, *, seconds: float = _SECONDS) -> None:
        self.address = address
        self.port = port
        self.seconds = seconds
        self._connection = MllpConnection((address, port))

    def send(self, message: str | hl7.Message) -> hl7.Message:
        """Send a message and return its acknowledgement; judging is the caller's.

        Args:
            message: One segment a line, or what the `hl7` library made.

        Raises:
            OSError: The receiver hung up, or did not answer in time.
            ValueError: What it answered is no HL7 message, or not UTF-8.
        """
        return hl7.parse(self.exchange(_encoded(message)).decode())

    def exchange(self, message: bytes) -> bytes:
        """Send bytes as they are, in a frame, and return what comes back in one."""
        return self._connection.exchange(message, self.seconds)

    def hang_up(self) -> None:
        """Close the connection."""
        self._connection.close()


class MllpReceiver:
    """Listens as a system downstream would, and keeps every message that it gets.

    Attributes:
        answer: What it answers to a message; None for nothing at all. May be set at any time.
        address: Host and port that it listens at.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, answer: Answer = acknowledge
    ) -> None:
        self.answer = answer
        self._messages: list[hl7.Message] = []
        self._arrival = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._talks: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(
            start_hl7_server(self._talk, host, port, encoding="utf-8")
        )
        self.address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def messages(self) -> Sequence[hl7.Message]:
        """Everything that has come so far, in order."""
        with self._arrival:
            return list(self._messages)

    def wait_for(self, count: int, seconds: float = _SECONDS) -> Sequence[hl7.Message]:
        """Return the messages once there are so many; raises TimeoutError."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self._messages) >= count, seconds):
                came = len(self._messages)
                raise TimeoutError(f"{came} of {count} messages came in {seconds:g} seconds")
            return list(self._messages)

    def close(self) -> None:
        """Stop to listen and hang up."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_SECONDS)
            self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: Any, writer: Any) -> None:
        talk = asyncio.current_task()
        assert talk is not None  # noqa: S101 - asyncio runs this as a task
        self._talks.add(talk)
        try:
            while True:
                await self._receive(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the sender has hung up
        finally:
            self._talks.discard(talk)
            writer.close()

    async def _receive(self, reader: Any, writer: Any) -> None:
        message = await reader.readmessage()
        with self._arrival:
            self._messages.append(message)
            self._arrival.notify_all()
        answer = self.answer(message)
        if answer is not None:
            writer.writemessage(answer)
            await writer.drain()


def address_towards(peer: str) -> str:
    """Return the address of this machine under which a peer can reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: a datagram socket only chooses its way.
        probe.connect((peer, 9))
        address: str = probe.getsockname()[0]
        return address


def _encoded(message: str | hl7.Message) -> bytes:
    lines = str(message).replace("\r\n", "\r").replace("\n", "\r")
    return (lines.strip("\r") + "\r").encode()
