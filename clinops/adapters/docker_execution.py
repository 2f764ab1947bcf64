"""A command inside a container, with a time limit and a limit to what is kept of its output."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final

from docker import DockerClient
from docker.errors import APIError

from clinops.domain.replica import Executed

_KEPT: Final = 64 * 1024
_POLL: Final = 0.05
_CANNOT_RUN: Final = 126
_HEADER: Final = struct.Struct(">BxxxL")
"""Which stream, and how many bytes of it follow."""


def execute_within(
    client: DockerClient, container: str, command: Sequence[str], within: float
) -> Executed:
    """Run a command; after `within` seconds it is left to itself: its replica ends with it."""
    until = monotonic() + within
    kept = bytearray()
    try:
        execution = client.api.exec_create(container, list(command))["Id"]
        with _attached(client, execution) as connection:
            for chunk in _output(connection, until):
                kept.extend(chunk)
                del kept[:-_KEPT]
        code = _exit_code(client, execution, until)
    except TimeoutError:
        code = None
    except APIError:
        if client.containers.get(container).status == "running":
            raise
        # A service that ended by itself is the product's fault, not the engine's.
        return Executed(exit_code=_CANNOT_RUN, output=b"the service does not run any more")
    return Executed(exit_code=code, output=bytes(kept))


def _exit_code(client: DockerClient, execution: str, until: float) -> int:
    """Wait for the end of a command, which may go on long after it has closed its output."""
    while (state := client.api.exec_inspect(execution))["Running"]:
        if monotonic() >= until:
            raise TimeoutError
        sleep(_POLL)
    return int(state["ExitCode"])


@contextmanager
def _attached(client: DockerClient, execution: str) -> Iterator[socket.socket]:
    stream: Any = client.api.exec_start(execution, socket=True)
    # NOTE: closing what the SDK hands out would leave the connection below it open.
    connection = stream._sock  # noqa: SLF001
    try:
        yield connection
    finally:
        stream._response.close()  # noqa: SLF001
        connection.close()


def _output(connection: socket.socket, until: float) -> Iterator[bytes]:
    while header := _read(connection, _HEADER.size, until):
        _, left = _HEADER.unpack(header)
        while left:
            chunk = _read(connection, min(left, _KEPT), until)
            if not chunk:
                return
            left -= len(chunk)
            yield chunk


def _read(connection: socket.socket, count: int, until: float) -> bytes:
    """Read exactly so many bytes; fewer only at the end. Raises TimeoutError."""
    found = b""
    while len(found) < count:
        left = until - monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(count - len(found))
        if not more:
            return b""
        found += more
    return found
