"""A command inside a container, with a time limit and a limit to what is kept of its output."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

from docker import DockerClient

from clinops.domain.replica import Executed

_KEPT: Final = 64 * 1024
_HEADER: Final = struct.Struct(">BxxxL")
"""Which stream, and how many bytes of it follow."""


def execute_within(
    client: DockerClient, container: str, command: Sequence[str], within: float
) -> Executed:
    """Run a command; after `within` seconds it is left to itself: its replica ends with it."""
    execution = client.api.exec_create(container, list(command))["Id"]
    kept = bytearray()
    with _attached(client, execution) as connection:
        try:
            for chunk in _output(connection, monotonic() + within):
                kept.extend(chunk)
                del kept[:-_KEPT]
        except TimeoutError:
            return Executed(exit_code=None, output=bytes(kept))
    code = client.api.exec_inspect(execution)["ExitCode"]
    return Executed(exit_code=int(code), output=bytes(kept))


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
