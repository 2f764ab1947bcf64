"""What the candidate is held against: the version in use."""

from __future__ import annotations

from clinops.domain.plan import Baseline
from clinops.errors import NotFoundError
from clinops.wiring import Wiring


def live_baseline(product: str, wiring: Wiring) -> Baseline | None:
    """Return the version that is live, by the ledger; none for a new system.

    Where sites differ (a ring is ahead), the version of the last ring is the one in use.
    """
    by_site = {live.site: live for live in wiring.ledger.live(product)}
    sites = wiring.estate(wiring.repository.head()).sites().running(product)
    last = next((by_site[site] for site in reversed(sites) if site in by_site), None)
    if last is None:
        return None
    estate = wiring.estate(wiring.repository.at(last.commit))
    _, manifest = estate.manifest_for(product)
    if manifest.version != last.version:
        raise NotFoundError(f"commit {last.commit} does not describe {product} {last.version}")
    under_test = estate.environment(product).clinops.under_test
    return Baseline(
        version=last.version,
        package=manifest.package,
        commit=last.commit,
        image=last.images.get(under_test),
    )
