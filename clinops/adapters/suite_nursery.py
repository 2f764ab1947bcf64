"""Suites and programs that start at once: forks of an interpreter that has their libraries.

Importing pytest and what speaks DICOM or HTTP costs each of them half a second of processor time, a
dozen times in a qualification. Here one process imports all that and forks for each: it has one
thread, none of ClinOps' connections and none of its secrets.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from clinops import lasting
from clinops.adapters.forked import see_to_its_end

_MESSAGE_BYTES: Final = 1024 * 1024
_WARM: Final = (
    "_pytest.junitxml",
    "_pytest.main",
    "_pytest.python",
    "_pytest.terminal",
    "clinops.domain.replica",
    "httpx",
    "pydicom",
    "pynetdicom",
    "pytest",
    "testinfra",
)
"""What most of them import; not our plugins, for pytest rewrites their assertions on import."""


class Forked:
    """A process that was started for somebody, in the way of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        """Follow a process to its end over the connection by which it was asked for."""
        self._connection = connection
        self.pid = pid
        self._exit_code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises `subprocess.TimeoutExpired`."""
        if self._exit_code is None:
            self._connection.settimeout(timeout)
            try:
                status = self._connection.recv(_MESSAGE_BYTES)
            except TimeoutError:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
            # Nobody is left to say how it ended: then it was ended.
            self._exit_code = os.waitstatus_to_exitcode(int(status)) if status else -signal.SIGKILL
            self._connection.close()
        return self._exit_code


class SuiteNursery:
    """The nursery, as whoever starts suites sees it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it; it imports while its starter goes on."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                env=dict(environment), pass_fds=[theirs.fileno()], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: IO[bytes],
    ) -> Forked | None:
        """Start a process that leads a group of its own; None where the nursery can't.

        Args:
            arguments: `-m MODULE …` or `FILE …`, as an interpreter takes them.
            folder: Where.
            environment: All its variables.
            output: Where both its outputs go.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        message = json.dumps([list(arguments), str(folder), dict(environment)]).encode()
        with theirs, suppress(OSError):
            socket.send_fds(self._control, [message], [theirs.fileno(), output.fileno()])
        pid = ours.recv(_MESSAGE_BYTES)
        if not pid:
            ours.close()
            return None
        return Forked(ours, int(pid))

    def close(self) -> None:
        """End it; what it has started ends by itself, or when nobody waits for it any more."""
        self._control.close()
        self._process.kill()
        self._process.wait()


def main(control: socket.socket) -> None:
    """Serve until whoever started this hangs up; in a fork, run what was asked for."""
    # The threads of a library for arithmetic would not be there in a fork.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with lasting.imports():
        for module in _WARM:
            importlib.import_module(module)
    # Attendants are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 2)
        if not message:
            return
        if not os.fork():
            control.close()
            _attend(message, *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _attend(message: bytes, connection: int, output: int) -> None:
    """Fork the process and see it to its end; only that fork returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asker = socket.socket(fileno=connection)
    if run := os.fork():
        see_to_its_end(run, asker, _end_group)
    os.setsid()
    # Only now is it the leader of a group, and can be ended with all that it starts.
    asker.send(str(os.getpid()).encode())
    asker.close()
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    _become(*json.loads(message))


def _end_group(run: int, number: int) -> None:
    # The process itself by its id: it may not lead its group yet.
    os.kill(run, number)
    os.killpg(run, number)


def _become(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run a module or a file as an interpreter does that was started for it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
