"""Processes that outlive the command that starts them, found again and ended by process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

POLL: Final = 0.05
"""Seconds between two looks at a process."""


class Processes:
    """Python modules that run in the background, each with its id and its log in one folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        self._home = home

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a module with its arguments; it leads a process group of its own."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self._home, env=environment, stdin=stdin, stdout=log, stderr=log,
                start_new_session=True,
                # NOTE: a shell's background job hands on an ignored SIGINT; the worker needs it.
                preexec_fn=_default_signals,  # noqa: PLW1509
            )  # fmt: skip
        (self._folder / f"{name}.pid").write_text(f"{process.pid} {born(process.pid)}")
        return process

    def running(self, name: str) -> bool:
        """Whether it runs."""
        return self._pid(name) is not None

    def stop(self, name: str) -> bool:
        """End it and its children, the hard way after 15 s; returns whether it ran."""
        pid = self._pid(name)
        if pid is None:
            return False
        for number, patience in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + patience
            while born(pid) and time.monotonic() < deadline:
                time.sleep(POLL)
            if not born(pid):
                break
        (self._folder / f"{name}.pid").unlink(missing_ok=True)
        return True

    def _pid(self, name: str) -> int | None:
        try:
            number, was_born = (self._folder / f"{name}.pid").read_text().split()
            pid = int(number)
        except (FileNotFoundError, ValueError):
            return None
        # A process id is used again after a restart of the machine: its birth is not.
        return pid if born(pid) == was_born else None


def born(pid: int) -> str:
    """Return when a process was started, in clock ticks since boot; empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
