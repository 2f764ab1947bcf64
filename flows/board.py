"""The board: what was commissioned, what comes first and why, and what is done.

Everything is derived from the protected branch and the ledger when it is asked; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clinops.adapters.estate import Estate
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.manifest import is_above
from clinops.domain.met import SUBJECT, Met, closings, met, still_met
from clinops.domain.rank import Ranking, rank
from clinops.domain.rank_case import Residual
from clinops.domain.release import Release
from clinops.domain.request import Request
from clinops.errors import ClinOpsError
from clinops.ports import Stages
from clinops.wiring import Wiring


@dataclass(frozen=True)
class Standing:
    """A request, and what closed it if anything did."""

    request: Request
    met: Met | None
    """What met it, with the evidence."""

    @property
    def is_open(self) -> bool:
        """Whether it waits: neither met by releases nor closed by a person."""
        return self.met is None and self.request.closed is None

    @property
    def said(self) -> str:
        """How it stands, in a word."""
        return "open" if self.is_open else "met" if self.met else "closed"

    def json_value(self) -> dict[str, object]:
        """Return all of it, plain."""
        request = self.request.model_dump(mode="json", by_alias=True)
        return {
            "state": self.said,
            "request": request,
            "met": self.met and self.met.json_value(),
        }


def ranking(wiring: Wiring) -> Ranking:
    """Rank every open request of the protected branch, by the board's policy, as of now.

    `ranking(wiring).of(id)` is one request's rank with its breakdown, `.ranked` all of them in
    order, `.sensitivity()` what the order of the first ten depends on.

    Raises:
        NotFoundError: The board has not decided anything: there is no `environments/board.yaml`.
        BadInputError: Its policy can't be read.
    """
    estate = wiring.estate(wiring.repository.head())
    policy = estate.board()
    waiting = [one.request for one in standings(wiring, estate) if one.is_open]
    return rank(waiting, policy, _residuals(estate), wiring.clock())


def is_asked_for(release: Release | ReleaseRecord, request: Request) -> bool:
    """Whether a request waits for a release: for its product, in this version or an older one."""
    awaited = request.awaited_of(release.product)
    return awaited is not None and not is_above(awaited, release.version)


def standings(wiring: Wiring, estate: Estate) -> Iterator[Standing]:
    """Yield what was commissioned, open or closed, and by what."""
    found = closings(wiring.ledger.entries(SUBJECT))
    for request in estate.requests():
        yield Standing(request, still_met(request, found))


def close_met(wiring: Wiring) -> list[Met]:
    """Close every request whose releases are live at all of their sites, once.

    Raises:
        LeaseLostError: Another process is at it.
    """
    estate = wiring.estate(wiring.repository.head())
    if not _met_now(wiring, estate):
        return []
    with wiring.lease("requests"):
        found = _met_now(wiring, estate)
        for one in found:
            wiring.ledger.append(Kind.REQUEST_MET, SUBJECT, one.json_value())
    return found


def close_after(wiring: Wiring, stages: Stages) -> None:
    """Close what a release has met, and say so; whatever is in the way, housekeeping does it.

    A release that is live stays so: nothing here may make its promotion look failed.
    """
    try:
        found = close_met(wiring)
    except ClinOpsError as error:
        stages.progress(1.0, f"requests are closed at the next housekeeping: {error}")
        return
    if found:
        stages.table("requests", [{"met": one.request, "title": one.title} for one in found])


def _met_now(wiring: Wiring, estate: Estate) -> list[Met]:
    waiting = [one.request for one in standings(wiring, estate) if one.is_open]
    if not any(request.awaits for request in waiting):
        return []
    sites = estate.sites()
    where = {product: sites.running(product) for product in estate.products}
    live = {(one.product, one.site): one for one in wiring.ledger.live()}
    found = (met(request, where, live, wiring.ledger.release) for request in waiting)
    return [one for one in found if one]


def _residuals(estate: Estate) -> Mapping[str, Mapping[str, Residual]]:
    return {
        product: {
            one.id: Residual(product, one.id, one.name, one.residual.risk_class)
            for one in estate.hazard_log(product).hazards
            if one.status == "open"
        }
        for product in estate.products
    }
