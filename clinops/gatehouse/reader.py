"""The reader: what pages ask of ledger, evidence and estate, remembered for some seconds.

A dossier costs signature checks, hashing and git. What it says changes only with the ledger's
entries about the release, its product and its sites, with the estate's protected branch, and with
time: for that there is the limit. Whoever signs or promotes never asks the reader.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice

from clinops.adapters.estate import Estate
from clinops.adapters.git_keys import Keyring
from clinops.domain.calendar import PATH as CALENDAR
from clinops.domain.calendar import Calendar, Freeze
from clinops.domain.dossier import Dossier
from clinops.domain.fold import ReleaseRecord
from clinops.domain.handover import Handover
from clinops.domain.hazard import HazardLog
from clinops.domain.ledger import Entry
from clinops.domain.line import Stop
from clinops.domain.outcome import State
from clinops.domain.site import LiveSystem
from clinops.domain.waiver import Waiver
from clinops.errors import BadInputError, NotFoundError
from clinops.gatehouse.remembered import Remembered
from clinops.gatehouse.skim import Skim
from clinops.wiring import Wiring
from flows.dossier import dossier
from flows.gate import line_stop, owed_for
from flows.handover import handover

DOSSIER_SECONDS = 15.0
"""How old what is said of one release may be, where nothing but time went by."""

LIST_SECONDS = 600.0
"""The same in a list of many releases, where only the day of an expiry could be late."""


class Reader:
    """Reads for pages, in whatever thread; nothing that it returns may be acted upon.

    Args:
        wiring: The estate.
        head_seconds: How long the protected branch is taken not to have moved: to ask costs a
            process.
    """

    def __init__(self, wiring: Wiring, head_seconds: float = 1.0) -> None:
        self.wiring = wiring
        self._heads: Remembered[str] = Remembered(head_seconds, limit=1)
        self._estates: Remembered[Estate] = Remembered(3600.0, limit=2)
        self._dossiers: Remembered[Dossier] = Remembered(LIST_SECONDS, limit=128)
        self._handovers: Remembered[Handover] = Remembered(DOSSIER_SECONDS)
        self._keyrings: Remembered[Keyring] = Remembered(3600.0, limit=2)
        self._stops: Remembered[Stop | None] = Remembered(DOSSIER_SECONDS)
        self._skim = Skim(wiring.ledger)

    def estate(self) -> Estate:
        """Return the documents of the protected branch, parsed once a commit."""
        commit = self._heads.get("head", lambda: self.wiring.repository.head().commit)
        return self._estates.get(
            commit, lambda: self.wiring.estate(self.wiring.repository.at(commit))
        )

    def record(self, release_id: str) -> ReleaseRecord:
        """Return where a release stands; raises NotFoundError, and takes no prefix for an id."""
        record = self.wiring.ledger.release(release_id)
        if record is None:
            raise NotFoundError("there is no such release")
        return record

    def dossier(self, record: ReleaseRecord, within: float = DOSSIER_SECONDS) -> Dossier:
        """Return everything about a release, at most some seconds old."""
        question = (record.id, record.state, self._newest_about(record), self._commit())
        return self._dossiers.get(question, lambda: dossier(record, self.wiring), within)

    def handover(self, product: str) -> tuple[Handover | None, str]:
        """Return what a colleague who takes a system over needs, or why it can't be had."""
        question = (product, self._commit())
        try:
            return self._handovers.get(question, lambda: handover(product, self.wiring)), ""
        except (BadInputError, NotFoundError) as error:
            return None, str(error)

    def keyring(self) -> Keyring:
        """Return whose key is whose today, as it is judged at a push."""
        today = self.wiring.clock().date()
        tree = self.estate().tree
        return self._keyrings.get((tree.commit, today), lambda: Keyring.of(tree, today))

    def stop(self, product: str) -> Stop | None:
        """Return the stop of a product's line that is in force, if there is one."""
        if product not in self._skim.ever_stopped():
            return None
        question = (product, self.wiring.ledger.last_sequence(product), self._commit())
        return self._stops.get(question, lambda: line_stop(product, self.wiring))

    def freezes(self) -> list[Freeze]:
        """Return the freezes that are in force or to come, the first first."""
        if not self.estate().tree.exists(CALENDAR):
            return []
        try:
            found = self.estate().parsed(CALENDAR, Calendar).document.freezes
        except BadInputError:
            return []
        ahead = [freeze for freeze in found if freeze.until > self.wiring.clock()]
        return sorted(ahead, key=lambda freeze: freeze.since)

    def live(self) -> list[LiveSystem]:
        """Return what is live, everywhere."""
        return self.wiring.ledger.live()

    def hazard_log(self, product: str) -> HazardLog | None:
        """Return a product's hazard log as the protected branch has it; none where it has none."""
        try:
            return self.estate().hazard_log(product)
        except BadInputError:
            return None

    def waivers(self, product: str) -> list[Waiver]:
        """Return a product's waivers as the protected branch has them."""
        try:
            return list(self.estate().waivers(product))
        except BadInputError:
            return []

    def emergencies(self) -> list[ReleaseRecord]:
        """Return the releases that went live as emergencies and still owe sign-offs."""
        records = map(self.record, self._skim.emergencies())
        return [
            record
            for record in records
            if record.state in {State.LIVE, State.ROLLED_BACK} and owed_for(record, self.wiring)
        ]

    def history_of_system(self, product: str, before: int | None, limit: int) -> list[Entry]:
        """Return entries about a system, its sites and its releases, newest first."""
        ledger = self.wiring.ledger
        sites = [f"{live.product}@{live.site}" for live in ledger.live(product)]
        releases = [record.id for record in ledger.releases(product)]
        found = (
            ledger.recent(subject, before=before, limit=limit)
            for subject in (product, *sites, *releases)
        )
        newest_first = merge(*found, key=lambda entry: entry.sequence, reverse=True)
        return list(islice(newest_first, limit))

    def _newest_about(self, record: ReleaseRecord) -> int:
        product = record.product
        sites = [f"{live.product}@{live.site}" for live in self.wiring.ledger.live(product)]
        return max(map(self.wiring.ledger.last_sequence, (record.id, product, *sites)))

    def _commit(self) -> str:
        return self.estate().tree.commit
