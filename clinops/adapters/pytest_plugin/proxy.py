"""A TCP proxy for suites: records what passes, and disturbs it as networks do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

_CHUNK = 65536
_SECONDS = 10.0


@dataclass(frozen=True)
class Disturbance:
    """What is done to everything that passes from now on."""

    delay: float = 0
    """Seconds that each piece waits, in either direction."""
    cut_sent_after: int | None = None
    """Bytes from client to server after which both sides see the connection reset."""
    cut_received_after: int | None = None
    """The same for bytes from server to client."""
    swallow_answers: bool = False
    """Whether nothing more reaches the client: acknowledgements are lost, requests are not."""
    half_open: bool = False
    """Whether the server is cut off with the next piece, while the client learns nothing of it."""


@dataclass
class Recording:
    """What passed over one connection."""

    sent: bytearray = field(default_factory=bytearray)
    """What reached the server."""
    received: bytearray = field(default_factory=bytearray)
    """What reached the client."""
    swallowed: bytearray = field(default_factory=bytearray)
    """What reached nobody, in either direction."""


class RecordingProxy:
    """Stands between a client and a server.

    Attributes:
        address: Host and port that clients connect to.
    """

    def __init__(self, target: tuple[str, int], host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen at once; nothing is sent to the target before a client comes."""
        self._target = target
        self._disturbance = Disturbance()
        self._listener = socket.create_server((host, port))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._closing = threading.Event()
        self._links: list[_Link] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def disturb(self, disturbance: Disturbance) -> None:
        """Disturb what passes from now on, on connections that are there as well."""
        self._disturbance = disturbance

    def calm(self) -> None:
        """Let everything pass again; what was cut stays cut."""
        self.disturb(Disturbance())

    @property
    def recordings(self) -> list[Recording]:
        """One for each connection so far, in order; they go on growing."""
        return [link.recording for link in self._links]

    def close(self) -> None:
        """Stop to listen, cut all connections and wait until nothing runs any more."""
        self._closing.set()
        with suppress(OSError):
            # NOTE: on Linux closing alone would leave `accept` waiting.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self._links):
            link.reset()
        for thread in list(self._threads):
            thread.join(_SECONDS)

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, _SECONDS)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        link = _Link(client, server, Recording())
        self._links.append(link)
        self._begin(self._forward, link)
        self._begin(self._return, link)
        if self._closing.is_set():
            link.reset()

    def _forward(self, link: _Link) -> None:
        passed = link.recording.sent
        for piece in _pieces(link.client):
            disturbance = self._disturbance
            self._closing.wait(disturbance.delay)
            if disturbance.half_open:
                # In this order: what returns answers must know why the server is gone.
                link.half_open = True
                _reset(link.server)
            if link.half_open:
                link.recording.swallowed += piece
            elif not link.pass_on(piece, link.server, passed, disturbance.cut_sent_after):
                return
        link.end(link.server)

    def _return(self, link: _Link) -> None:
        passed = link.recording.received
        for piece in _pieces(link.server):
            disturbance = self._disturbance
            self._closing.wait(disturbance.delay)
            if disturbance.swallow_answers:
                link.recording.swallowed += piece
            elif not link.pass_on(piece, link.client, passed, disturbance.cut_received_after):
                return
        if not link.half_open:
            link.end(link.client)


class _Link:
    """One connection of a client, and the one that was made to the server for it."""

    def __init__(self, client: socket.socket, server: socket.socket, recording: Recording) -> None:
        self.client, self.server, self.recording = client, server, recording
        self.half_open = False
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pass_on(
        self, piece: bytes, sink: socket.socket, passed: bytearray, cut_after: int | None
    ) -> bool:
        """Pass a piece on, as far as it may; False where that was the end of the connection."""
        left = len(piece) if cut_after is None else max(cut_after - len(passed), 0)
        # Before it is sent: whoever got it must find it recorded.
        passed += piece[:left]
        try:
            sink.sendall(piece[:left])
        except OSError:
            self.reset()
            return False
        if left < len(piece):
            self.recording.swallowed += piece[left:]
            self.reset()
            return False
        return True

    def end(self, sink: socket.socket) -> None:
        """Tell one side that the other has nothing more to say."""
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Cut both sides off at once."""
        _reset(self.client)
        _reset(self.server)


def _pieces(source: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while piece := source.recv(_CHUNK):
            yield piece


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        # Linger for no time: the peer sees a reset, not a polite end.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)
    end.close()
