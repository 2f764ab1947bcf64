"""MLLP: HL7 v2 messages over TCP (HL7 v2 transport specification, release 1)."""

from __future__ import annotations

import select
import socket
import time
from types import TracebackType
from typing import Self

START, END = b"\x0b", b"\x1c\x0d"
_LONGEST = 16_000_000
_CHUNK = 65536


class MllpConnection:
    """One connection to a receiver of messages; opened with the first message."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Keep where the receiver listens."""
        self._address = address
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self, seconds: float) -> None:
        """Connect, unless there is a connection that is still good; raises OSError."""
        if self._socket is not None and _is_readable(self._socket):
            # Nothing is due: the receiver has hung up, or what comes belongs to no message.
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, message: bytes, seconds: float) -> bytes:
        """Send a message and return what is answered, without its frame.

        After an error the connection is closed: a late answer never matches the next message.

        Raises:
            OSError: The connection failed, the receiver hung up, or time ran out.
            ValueError: The answer has no frame, or is too long.
        """
        deadline = time.monotonic() + seconds
        self.open(seconds)
        try:
            return self._exchange(message, deadline)
        except (OSError, ValueError):
            self.close()
            raise

    def _exchange(self, message: bytes, deadline: float) -> bytes:
        if self._socket is None:
            raise ConnectionError("not connected")
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        self._socket.sendall(START + message + END)
        received = bytearray()
        while not received.endswith(END):
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise ConnectionError("the receiver hung up before it had answered")
            received += chunk
            if len(received) > _LONGEST:
                raise ValueError(f"the answer is longer than {_LONGEST} bytes")
        if not received.startswith(START):
            raise ValueError("the answer is no MLLP frame")
        return bytes(received[len(START) : -len(END)])

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _is_readable(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])
