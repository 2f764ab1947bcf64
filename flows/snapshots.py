"""The baseline's snapshot: seeded once, then forked for as long as it would come out the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clinops.domain.circumstances import GATE, HAZARD_LOG, WAIVERS, document_of
from clinops.domain.digest import digest_of, digest_tree
from clinops.domain.finding import Finding
from clinops.domain.plan import Plan
from clinops.domain.replica import ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import SeedError
from clinops.ports import EstateTree
from clinops.wiring import Bench
from flows.replicas import fault, never_ready, started

NOISE: Final = "noise.yaml"


def baseline_snapshot(
    plan: Plan, images: Mapping[str, str], tree: EstateTree, bench: Bench
) -> Snapshot | Finding:
    """Find the version in use with its synthetic data, or start, seed and freeze it.

    Args:
        plan: The plan; it has a baseline.
        images: The baseline's image digests by service.
        tree: The estate at the release's commit, with the seed.
        bench: What it is done with.

    Returns:
        The snapshot, or why there is none: then nothing is known about the release.
    """
    key = snapshot_key(plan, images, tree)
    kept = bench.replicas.snapshot(key)
    # Whatever else lies under that key, it is not what this release is held against.
    if kept is not None and kept.bases == dict(images):
        return kept
    with started(plan, images, Role.BASELINE, bench) as replica:
        if isinstance(replica, ReplicaFailure):
            bench.replicas.ensure_engine_stayed()
            under_test = plan.environment.clinops.under_test
            return never_ready("a snapshot", Role.BASELINE, replica, under_test)
        try:
            if plan.environment.clinops.seed is not None:
                bench.suites.seed(plan.environment.clinops.seed, replica, tree)
        except SeedError as error:
            bench.replicas.ensure_engine_stayed()
            what = "could not be seeded for a snapshot"
            return fault(Role.BASELINE, "seed-failed", what, str(error))
        return bench.replicas.freeze(replica, plan.environment, key, lease=None)


def snapshot_key(plan: Plan, images: Mapping[str, str], tree: EstateTree) -> str:
    """Digest everything that a snapshot is made from, as 64 hex digits."""
    environment = plan.environment.model_dump(mode="json")
    files = environment_digest(plan.release.product, tree)
    return digest_of([dict(images), environment, files]).removeprefix("sha256:")


def environment_digest(product: str, tree: EstateTree) -> str:
    """Digest what a product is stood up with.

    The seed may read any file beside it, so all of them count, but for what people decide by.
    """
    decided = {document_of(product, name) for name in (GATE, HAZARD_LOG, WAIVERS, NOISE)}
    paths = tree.paths(f"environments/{product}")
    return digest_tree({path: tree.read(path) for path in paths if path not in decided})
