"""Flow runs that start at once: forks of a process that has imported everything already.

Prefect's worker starts an interpreter or two for each flow run, and each spends seconds of
processor time on imports. Here the worker's process forks a nursery once it has imported Prefect
and before it has done anything else. What the worker then starts is `flow_start`, which hands its
environment and its output over and waits, as if it were the run itself.

The nursery has one thread, and listens to nobody but its own user. For each flow run it forks an
attendant, and that one the run.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import select
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from clinops import lasting
from clinops.adapters.flow_start import MESSAGE_BYTES, NOT_HERE
from clinops.adapters.forked import see_to_its_end

_HOME: Final = Path(__file__).parents[2]
_WARM: Final = (
    "prefect.flow_engine",
    "prefect.futures",
    "flows.deployed",
    "clinops.adapters.docker_faults",
    "clinops.adapters.docker_images",
    "clinops.adapters.docker_replicas",
    "clinops.adapters.docker_sites",
    "clinops.adapters.inventories",
    "clinops.adapters.probe_command",
    "clinops.adapters.probe_dicom",
    "clinops.adapters.probe_http",
    "clinops.adapters.probe_sql",
    "clinops.adapters.pytest_suites",
    "scipy.stats",
)
"""What flow runs import, much of it only when they need it."""


class Request(NamedTuple):
    """What a flow run is started with."""

    folder: str | None
    """Where; without one it is started as by the worker, and nobody waits for it."""
    environment: dict[str, str]

    def fits(self, settings: Mapping[str, str]) -> bool:
        """Whether it wants these settings of Prefect, which reads them only once."""
        return _settings(self.environment) == _settings(settings)

    def take_effect(self) -> None:
        """Make this process look like one that was started for the flow run."""
        if self.folder is not None:
            os.chdir(self.folder)
            os.environ.clear()
        os.environ.update(self.environment)
        random.seed()


def warm() -> None:
    """Import what flow runs import."""
    # The threads of a library for arithmetic would not be there in a fork.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with lasting.imports():
        for module in _WARM:
            importlib.import_module(module)


def serve(path: Path, parent: int, settings: Mapping[str, str]) -> Request | None:
    """Serve until the worker ends, which gives None; in a fork, return what that one is to run.

    Args:
        path: Where to listen.
        parent: A descriptor that ends when the worker does.
        settings: The variables that a worker hands on to its flow runs.
    """
    made = _last_change()
    # Attendants are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with _listening(path) as listener:
        while True:
            ready, _, _ = select.select([listener.fileno(), parent], [], [])
            if parent in ready:
                return None
            connection, _ = listener.accept()
            with connection:
                if os.fork():
                    continue
                listener.close()
                os.close(parent)
                return _attend(connection, settings, made)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen()
    return listener


def _attend(connection: socket.socket, settings: Mapping[str, str], made: int) -> Request:
    """Fork a flow run and see it to its end; return only in that fork."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 3)
    # Whoever hangs up at once needs nothing any more.
    request = Request(*json.loads(message)) if message else os._exit(0)
    if request.folder is None:
        request = Request(None, {**settings, **request.environment})
    if not request.fits(settings) or _last_change() != made:
        connection.send(NOT_HERE)
        os._exit(0)
    if run := os.fork():
        with suppress(OSError):
            connection.send(str(run).encode())
        see_to_its_end(run, connection, waited_for=request.folder is not None)
    _take_over(descriptors)
    return request


def _take_over(descriptors: Sequence[int]) -> None:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.setsid()


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return those of Prefect that are not of one flow run alone."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }


def _last_change() -> int:
    """Return when our code was changed last: what was imported before that is out of date."""
    files = (file for name in ("clinops", "flows") for file in (_HOME / name).rglob("*.py"))
    return max((file.stat().st_mtime_ns for file in files), default=0)
