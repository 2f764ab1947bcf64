"""The reader: what pages ask of ledger, evidence and estate, remembered for some seconds.

A dossier costs signature checks, hashing and git. What it says changes only with the ledger's
entries about the release, its product and its sites, with the estate's protected branch, and with
time: for that there is the limit. Whoever signs or promotes never asks the reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import merge
from itertools import islice

from clinops.adapters.estate import Estate
from clinops.domain.hazard import HazardLog
from clinops.domain.ledger import Entry, Kind, ReleaseRecord
from clinops.domain.site import LiveSystem
from clinops.domain.waiver import Waiver
from clinops.errors import BadInputError, NotFoundError
from clinops.gatehouse.line import Line, line_of
from clinops.gatehouse.remembered import Remembered
from clinops.wiring import Wiring
from flows.dossier import Dossier, dossier

DOSSIER_SECONDS = 15.0
_HEAD_SECONDS = 1.0


class Reader:
    """Reads for pages, in whatever thread; nothing that it returns may be acted upon."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._heads: Remembered[str] = Remembered(_HEAD_SECONDS, limit=1)
        self._estates: Remembered[Estate] = Remembered(3600.0, limit=2)
        self._dossiers: Remembered[Dossier] = Remembered(DOSSIER_SECONDS)
        self._emergencies: Remembered[list[ReleaseRecord]] = Remembered(3600.0, limit=1)
        self._lines: Remembered[Line] = Remembered(DOSSIER_SECONDS, limit=2000)

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

    def dossier(self, record: ReleaseRecord) -> Dossier:
        """Return everything about a release, at most some seconds old."""
        question = (record.id, record.state, self._newest_about(record), self._commit())
        return self._dossiers.get(question, lambda: dossier(record, self.wiring))

    def line(self, product: str) -> Line:
        """Return whether releases of a product may go on."""
        question = (product, self.wiring.ledger.last_sequence(product), self._commit())
        return self._lines.get(question, lambda: line_of(product, self.wiring))

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
        """Return what is live and went there as an emergency."""
        releases = {live.release for live in self.live() if live.release}
        question = (frozenset(releases), self.wiring.ledger.head().sequence)
        return self._emergencies.get(question, lambda: self._find_emergencies(releases))

    def _find_emergencies(self, releases: Iterable[str]) -> list[ReleaseRecord]:
        routes = {
            release: [
                entry.body.get("gate", {}).get("route")
                for entry in self.wiring.ledger.entries(release)
                if entry.kind is Kind.DEPLOYMENT_STARTED
            ]
            for release in releases
        }
        return [self.record(release) for release, found in routes.items() if "emergency" in found]

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
