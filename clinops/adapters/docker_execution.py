"""A command inside a container, with a time limit and a limit to what is kept of its output."""

from __future__ import annotations

import io
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

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


class _Connection(NamedTuple):
    line: socket.socket
    """For its time limit only."""
    reader: io.BufferedReader
    """NOTE: what came together with the head of the answer is here, and not on the line any more:
    the SDK hands out the line alone, and loses what a quick command says."""


@contextmanager
def _attached(client: DockerClient, execution: str) -> Iterator[_Connection]:
    stream: Any = client.api.exec_start(execution, socket=True)
    line, answer = stream._sock, stream._response  # noqa: SLF001
    try:
        yield _Connection(line, answer.raw._fp.fp)  # noqa: SLF001
    finally:
        # Closing what the SDK hands out would leave the connection below it open.
        answer.close()
        line.close()


def _output(connection: _Connection, until: float) -> Iterator[bytes]:
    while header := _read(connection, _HEADER.size, until):
        _, left = _HEADER.unpack(header)
        while left:
            chunk = _read(connection, min(left, _KEPT), until)
            if not chunk:
                return
            left -= len(chunk)
            yield chunk


def _read(connection: _Connection, count: int, until: float) -> bytes:
    """Read exactly so many bytes; fewer only at the end. Raises TimeoutError."""
    found = b""
    while len(found) < count:
        left = until - monotonic()
        if left <= 0:
            raise TimeoutError
        connection.line.settimeout(left)
        more = connection.reader.read1(count - len(found))
        if not more:
            return b""
        found += more
    return found
