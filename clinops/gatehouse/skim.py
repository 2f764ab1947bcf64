"""The skim: which of a hundred thousand entries pages must ask more about.

It reads on where it stopped, so that it costs what was added since and no more. It only says where
to look: what is owed, and whether a stop is in force, is for the gate to judge.
"""

from __future__ import annotations

from threading import Lock

from clinops.domain.ledger import Entry, Kind
from clinops.ports import Ledger


class Skim:
    """Releases that ever went live as emergencies, and products whose line was ever stopped."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = Lock()
        self._seen = 0
        self._emergencies: dict[str, None] = {}
        self._stopped: set[str] = set()

    def emergencies(self) -> list[str]:
        """Return the ids of releases that went live as emergencies, in order."""
        with self._lock:
            self._read_on()
            return list(self._emergencies)

    def ever_stopped(self) -> frozenset[str]:
        """Return the products whose line somebody has stopped at any time."""
        with self._lock:
            self._read_on()
            return frozenset(self._stopped)

    def _read_on(self) -> None:
        for entry in self._ledger.entries(after=self._seen):
            self._note(entry)
            self._seen = entry.sequence

    def _note(self, entry: Entry) -> None:
        if entry.kind is Kind.LINE_STOPPED:
            self._stopped.add(entry.subject)
        elif entry.kind is Kind.DEPLOYMENT_STARTED:
            gate = entry.body.get("gate")
            if isinstance(gate, dict) and gate.get("owed"):
                self._emergencies[entry.subject] = None
