"""What the candidate is held against: the version in use, and what changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from clinops.domain.circumstances import GATE, HAZARD_LOG, WAIVERS, document_of
from clinops.domain.ledger import Kind
from clinops.domain.manifest import Manifest
from clinops.domain.outcome import State
from clinops.domain.plan import Baseline
from clinops.domain.release import Release
from clinops.domain.site import LiveSystem
from clinops.domain.timeline import Timeline, timeline_of
from clinops.errors import BadInputError, NotFoundError
from clinops.wiring import Wiring

_RUNS: Final = 5
"""Past runs from which it is told how long stages take: machines and suites change."""
_LOOKED_AT: Final = 20
"""Releases among which they are looked for."""


def live_versions(wiring: Wiring) -> dict[str, str]:
    """Return the version in use by product: where rings differ, that of the last one."""
    products = {system.product for system in wiring.ledger.live()}
    found = {product: in_use(product, wiring) for product in products}
    return {product: live.version for product, live in found.items() if live is not None}


def in_use(product: str, wiring: Wiring) -> LiveSystem | None:
    """Return the system that is in use: where rings differ, that of the last one."""
    by_site = {live.site: live for live in wiring.ledger.live(product)}
    sites = wiring.estate(wiring.repository.head()).sites().running(product)
    return next((by_site[site] for site in reversed(sites) if site in by_site), None)


def changed_since(release: Release, wiring: Wiring) -> tuple[str, ...]:
    """Return what a release is stood up and tested with that changed since the version in use.

    What people decide about by signature, or two of them by commit, is not among it.
    """
    live = in_use(release.product, wiring)
    if live is None:
        return ()
    folders = [f"environments/{release.product}", f"test_suites/{release.product}"]
    decided = {document_of(release.product, name) for name in (GATE, HAZARD_LOG, WAIVERS)}
    changed = wiring.repository.changed(folders, live.commit, release.commit)
    return tuple(path for path in changed if path not in decided)


def live_baseline(product: str, wiring: Wiring) -> Baseline | None:
    """Return the version in use, by the ledger; none for a new system."""
    last = in_use(product, wiring)
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


def steps_to(manifest: Manifest, wiring: Wiring) -> tuple[Baseline, ...]:
    """Return the versions that a manifest's upgrade path passes through, as the ledger has them.

    The newest release of each, and never one that was refused or rejected.
    """
    return steps_among(_offered(manifest.product, wiring), manifest)


def steps_among(described: Iterable[Baseline], manifest: Manifest) -> tuple[Baseline, ...]:
    """Pick the versions that an upgrade path passes through, each where it comes first.

    Args:
        described: Versions of the product, newest first.
        manifest: The manifest of the version that the path leads to.
    """
    found: dict[str, Baseline] = {}
    for one in described if manifest.upgrade_path else ():
        found.setdefault(one.version, one)
    passed = (step.version for step in manifest.upgrade_path)
    return tuple(
        found[version] for version in passed if version in found and version != manifest.version
    )


def _offered(product: str, wiring: Wiring) -> Iterator[Baseline]:
    for record in wiring.ledger.releases(product):
        if record.state in {State.REFUSED, State.REJECTED}:
            continue
        release = Release.model_validate(record.release)
        estate = wiring.estate(wiring.repository.at(release.commit))
        try:
            package = estate.manifest(release.manifest_path).package
        except BadInputError:
            # What this version of ClinOps can't read any more is as if it were not known.
            continue
        yield Baseline(version=release.version, package=package, commit=release.commit)


def past_timelines(product: str, wiring: Wiring) -> list[Timeline]:
    """Return the timelines of the last runs of a product that came to a verdict, newest first."""
    found = (
        timeline_of(entry.body)
        for record in wiring.ledger.releases(product)[:_LOOKED_AT]
        for entry in wiring.ledger.recent(record.id)
        if entry.kind is Kind.VERDICT
    )
    return list(islice((timeline for timeline in found if timeline is not None), _RUNS))
