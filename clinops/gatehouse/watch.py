"""The watch over the ledger: it is audited in the background, never while somebody waits.

A whole audit takes seconds where there are a hundred thousand entries. Pages say when the last one
was and what it found; whatever acts on the ledger (a signature, a promotion) audits it itself.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import anyio
from anyio.to_thread import run_sync

from clinops.errors import ClinOpsError
from clinops.wiring import Wiring

SECONDS_BETWEEN = 300.0
_MOST_PROBLEMS = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Audited:
    """What the last audit of the ledger found, and when."""

    at: dt.datetime
    problems: tuple[str, ...]


class LedgerWatch:
    """Audits the ledger at the start and every few minutes."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self.last: Audited | None = None

    def audit(self) -> Audited:
        """Walk the whole ledger now. One that can't be read is a problem like any other."""
        try:
            problems = tuple(islice(self._wiring.ledger.problems(), _MOST_PROBLEMS))
        except ClinOpsError as error:
            problems = (f"the ledger can't be read: {error}",)
        self.last = Audited(self._wiring.clock(), problems)
        if problems:
            _log.error("the ledger does not hold: %s", "; ".join(problems))
        return self.last

    async def keep(self) -> None:
        """Audit for as long as the gatehouse runs."""
        await every(SECONDS_BETWEEN, self.audit)


async def every(seconds: float, work: Callable[[], object]) -> None:
    """Do some work in a thread now and again; what fails is logged and done the next time.

    Whatever fails: one release that nobody foresaw must not end the gatehouse for all others.
    """
    while True:
        try:
            await run_sync(work)
        except ClinOpsError as error:
            _log.warning("%s", error.diagnostics())
        except Exception:  # noqa: BLE001 - it is logged, and tried again
            _log.exception("work in the background failed")
        await anyio.sleep(seconds)
