"""A lease that renews itself while work goes on."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from pathlib import Path
from typing import Self

from clinops.errors import ClinOpsError, LeaseLostError
from clinops.ports import Ledger

SECONDS = 20.0
"""How long a lease outlives its last renewal: the time until a crash is noticed."""


def holder(estate: str) -> str:
    """Name a process and one piece of its work; the estate's id comes first."""
    return f"{estate}:{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


LOCAL = "local"
"""Stands for the estate where there is none: a vendor's own check."""


def local_alive(label: str) -> bool:
    """Whether the process behind a vendor's own check still runs, as far as can be told here."""
    estate, host, pid, _ = [*label.split(":"), "", "", ""][:4]
    if estate != LOCAL or host != socket.gethostname():
        return True
    return pid.isdecimal() and Path(f"/proc/{pid}").exists()


class HeldLease:
    """Holds a lease for as long as the block runs; raises LeaseLostError if it is taken."""

    def __init__(self, ledger: Ledger, name: str, holder_name: str) -> None:
        self.holder = holder_name
        self._ledger = ledger
        self._name = name
        self._done = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)

    def __enter__(self) -> Self:
        """Take the lease."""
        if not self._ledger.take_lease(self._name, self.holder, SECONDS):
            raise LeaseLostError(f"{self._name}: another process is at work on it")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lease back."""
        self._done.set()
        self._thread.join()
        if not self._lost:
            self._ledger.release_lease(self._name, self.holder)

    def ensure(self) -> None:
        """Raise LeaseLostError unless the lease is still held, and renew it."""
        if self._lost or not self._ledger.take_lease(self._name, self.holder, SECONDS):
            raise LeaseLostError(f"{self._name}: the lease was lost to another process")

    def _renew(self) -> None:
        while not self._done.wait(SECONDS / 4):
            try:
                self._lost = not self._ledger.take_lease(self._name, self.holder, SECONDS)
            except ClinOpsError:  # the database is busy or away: the next round tries again
                continue
            if self._lost:
                return
