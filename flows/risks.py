"""Risks before and after: the hazard logs of what went live, and of what was live before it."""

from __future__ import annotations

from collections.abc import Sequence

from clinops.domain.commissioning import asks_for
from clinops.domain.hazard import HazardLog
from clinops.domain.journey import Journey
from clinops.domain.ledger import Kind
from clinops.domain.period import Period
from clinops.domain.request import Request
from clinops.domain.risk import Risk, Step, risk
from clinops.errors import BadInputError
from clinops.wiring import Wiring


def risk_retired(
    found: Sequence[Journey], requests: Sequence[Request], period: Period, wiring: Wiring
) -> Risk:
    """Say what the releases that went live in a period did to residual risks.

    Args:
        found: Every release, in the order in which they became known.
        requests: Every request.
        period: The days that count.
        wiring: The estate.
    """
    steps, unread, commits = [], [], dict[str, str]()
    went_live = ((one, one.live) for one in found if one.live)
    for journey, live in sorted(went_live, key=lambda pair: pair[1].entry):
        product = journey.product
        before = commits.get(product) or _adopted(journey, wiring)
        commits[product] = journey.commit
        # A new system has no risk before it that it could lower.
        if before and period.holds(live.time):
            asked = [(one.id, one.hazards) for one in requests if asks_for(one, journey)]
            try:
                was, now = (_log(product, commit, wiring) for commit in (before, journey.commit))
            except BadInputError:
                unread.append(journey.release)
            else:
                steps.append(Step(journey.release, live.entry, was, now, asked))
    return risk(steps, unread)


def _adopted(journey: Journey, wiring: Wiring) -> str:
    """Return the commit of what was there before ClinOps came, where anything was."""
    for site in journey.sites:
        for entry in wiring.ledger.entries(f"{journey.product}@{site.word}"):
            if entry.kind is Kind.SYSTEM_ADOPTED:
                return str(entry.body["live"]["commit"])
    return ""


def _log(product: str, commit: str, wiring: Wiring) -> HazardLog:
    return wiring.estate(wiring.repository.at(commit)).hazard_log(product)
