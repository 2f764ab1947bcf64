"""The books: what the board reads, kept while the protected branch and the ledger stay as they are.

To rank thousands of requests, or to read a whole ledger, takes a second. Nothing that is kept here
is acted upon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from clinops.domain.board_plan import BoardPlan
from clinops.domain.evidence import Evidence
from clinops.domain.fixes import Fix
from clinops.domain.materials_change import Changes
from clinops.domain.patch_clock import Clocks
from clinops.domain.period import Period
from clinops.domain.rank import Ranking
from clinops.domain.scorecard import Scorecard
from clinops.domain.vulnerability import Vulnerabilities
from clinops.errors import EvidenceError, NotFoundError
from clinops.gatehouse.reader import DOSSIER_SECONDS, LIST_SECONDS, Reader
from clinops.gatehouse.remembered import Remembered
from clinops.wiring import Wiring
from flows import account, board, planning
from flows.account import Picture
from flows.board import Standing
from flows.materials import changes_of, clocks, vulnerabilities

T = TypeVar("T")


class MadeOf(NamedTuple):
    """What the image of a release holds."""

    changes: Changes | None
    """Against the version in use; none where one of the two was not listed."""
    known: Vulnerabilities | None
    """None where the evidence can't be read."""


class Books:
    """Reads accounts for pages, in whatever thread.

    Args:
        reader: Knows which commit and which entry are the newest.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: Remembered[object] = Remembered(LIST_SECONDS, limit=32)

    def ranking(self) -> Ranking | None:
        """Return every open request in order; none where the board has decided nothing yet."""
        return self._of("ranking", lambda: self._if_decided(board.ranking))

    def standings(self) -> list[Standing]:
        """Return what was commissioned, open or closed."""
        wiring = self._reader.wiring
        return self._of("standings", lambda: list(board.standings(wiring, self._reader.estate())))

    def fixes(self) -> list[Fix]:
        """Return what several requests need as one piece of work; nothing without a policy."""
        return self._of("fixes", lambda: self._if_decided(planning.fixes) or [])

    def plan(self) -> BoardPlan | None:
        """Return which fixes meet most, and what is left out; none without a policy."""
        return self._of("plan", lambda: self._if_decided(planning.plan))

    def materials(self, release: str, evidence: Evidence) -> MadeOf:
        """Return what a release is made of, and what is known of that."""
        return self._of(
            f"materials {release}",
            lambda: _made_of(release, evidence, self._reader.wiring),
            DOSSIER_SECONDS,
        )

    def clocks(self) -> Clocks:
        """Return by when each system that is live must be mended."""
        return self._of("clocks", lambda: clocks(self._reader.wiring), DOSSIER_SECONDS)

    def scorecard(self, vendor: str) -> Scorecard:
        """Return a vendor's scorecard of the last six months; raises NotFoundError."""
        return self._of(
            f"scorecard {vendor}", lambda: account.scorecard(vendor, self._reader.wiring)
        )

    def picture(self, month: Period) -> Picture:
        """Return the board's picture of a month."""
        return self._of(
            f"picture {month}",
            lambda: account.picture(self._reader.wiring, month.since, month.until),
        )

    def _if_decided(self, story: Callable[[Wiring], T]) -> T | None:
        try:
            return story(self._reader.wiring)
        except NotFoundError:
            return None  # there is no `environments/board.yaml`

    def _of(self, what: str, find_out: Callable[[], T], within: float = LIST_SECONDS) -> T:
        wiring = self._reader.wiring
        question = (what, self._reader.estate().tree.commit, wiring.ledger.head().sequence)
        return cast("T", self._kept.get(question, find_out, within))


def _made_of(release: str, evidence: Evidence, wiring: Wiring) -> MadeOf:
    try:
        (known,) = vulnerabilities(wiring, release)
        return MadeOf(changes_of(evidence, wiring.evidence), known)
    except EvidenceError:
        return MadeOf(None, None)
