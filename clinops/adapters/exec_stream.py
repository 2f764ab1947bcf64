"""One exec of the Docker engine with its standard input, and its two output streams apart."""

from __future__ import annotations

import math
import select
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from time import monotonic, sleep
from typing import Any, Final

from docker import DockerClient
from docker.models.containers import Container

STDOUT: Final = 1
STDERR: Final = 2

_CHUNK: Final = 64 * 1024
_POLL: Final = 0.05
_HEADER: Final = struct.Struct(">BxxxL")
"""Which stream, and how many bytes of it follow."""


class ExecStream:
    """An exec from its start until it is closed; whatever runs in it may go on after that."""

    def __init__(
        self,
        client: DockerClient,
        container: str,
        argv: Sequence[str],
        *,
        user: str = "",
        stdin: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; raises APIError."""
        self._api = client.api
        made = self._api.exec_create(
            container, list(argv), stdin=stdin, user=user, environment=dict(environment or {})
        )
        self._id = made["Id"]
        handed_out: Any = self._api.exec_start(self._id, socket=True)
        self._answer = handed_out._response  # noqa: SLF001
        # NOTE: a socket within its stream, a TLS socket, or a channel of SSH.
        self._line = getattr(handed_out, "_sock", handed_out)
        # NOTE: what came together with the head of the answer is here, and not on the line any
        # more: the SDK hands out the line alone, and loses what a quick command says.
        reader = self._answer.raw._fp.fp  # noqa: SLF001
        self._read = getattr(reader, "read1", reader.read)
        self._stream = self._left = 0
        """Of which stream how many bytes are still to come before the next header."""

    def send(self, data: bytes, until: float = math.inf) -> None:
        """Write to standard input.

        Raises:
            TimeoutError: Not all of it was taken in time.
            ConnectionError: Not all of it was taken.
        """
        with self._limited(until):
            self._line.sendall(data)

    def receive(self, until: float = math.inf) -> tuple[int, bytes]:
        """Return what comes next, and on which stream; nothing at the end of both.

        Raises:
            TimeoutError: At the time of `until` on the monotonic clock.
            ConnectionError: The connection broke, or the engine can't read on.
        """
        while not self._left:
            header = b""
            while len(header) < _HEADER.size:
                more = self._some(_HEADER.size - len(header), until)
                if not more:
                    return STDOUT, b""
                header += more
            self._stream, self._left = _HEADER.unpack(header)
        chunk = self._some(min(self._left, _CHUNK), until)
        self._left -= len(chunk)
        if self._stream not in {STDOUT, STDERR}:
            raise ConnectionError(f"the engine says: {chunk.decode(errors='replace')}")
        return self._stream, chunk

    def _some(self, count: int, until: float) -> bytes:
        with self._limited(until):
            return bytes(self._read(count))

    @contextmanager
    def _limited(self, until: float) -> Iterator[None]:
        left = until - monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            self._line.settimeout(None if left == math.inf else left)
            yield
        except (TimeoutError, ConnectionError):
            raise
        except OSError as error:
            raise ConnectionError(str(error)) from error

    def is_quiet(self) -> bool:
        """Whether nothing is there to be read, not even the end."""
        if not isinstance(self._line, socket.socket):
            return True
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        return not poll.poll(0)

    def exit_code(self, until: float = math.inf) -> int:
        """Wait until it has ended, which may be long after its output; raises TimeoutError."""
        while (state := self._api.exec_inspect(self._id))["Running"]:
            if monotonic() >= until:
                raise TimeoutError
            sleep(_POLL)
        return int(state["ExitCode"])

    def close(self) -> None:
        """Hang up: standard input ends."""
        # Closing what the SDK hands out would leave the connection below it open.
        with suppress(OSError):
            self._answer.close()
        with suppress(OSError):
            self._line.close()


def run_in(
    container: Container,
    argv: Sequence[str],
    *,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    silence: float = math.inf,
) -> tuple[int, bytes]:
    """Run a program in a container to its end; return its exit code and all that it said.

    The SDK's `exec_run` loses what comes together with the head of the answer, and has no exit
    code of a program that the engine does not know to have ended yet.

    Args:
        container: A container that runs.
        argv: The program and its arguments.
        user: As whom; the image's own user by default.
        environment: Variables beside the container's own.
        silence: Seconds for which it may say nothing.

    Raises:
        APIError: The engine refuses.
        TimeoutError: It was silent for longer.
        ConnectionError: The connection broke.
    """
    client = container.client
    assert client is not None  # noqa: S101 - for the type checker
    said = b""
    with closing(
        ExecStream(client, str(container.id), argv, user=user, environment=environment)
    ) as stream:
        while chunk := stream.receive(monotonic() + silence)[1]:
            said += chunk
        return stream.exit_code(monotonic() + silence), said
