"""A plan without a ledger: what a vendor's own check is held against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clinops.domain.manifest import Manifest
from clinops.domain.plan import Baseline, Plan
from clinops.domain.release import Release
from clinops.errors import NotFoundError
from clinops.ports import EstateTree
from clinops.wiring import checkout_history, estate_of


def plan_here(
    path: str, checkout: Path, tree: EstateTree
) -> tuple[Plan, Callable[[str], EstateTree]]:
    """Plan the qualification of a manifest in a checkout.

    Returns:
        The plan, and how to read the tree at a commit of the checkout's history.

    Raises:
        NotFoundError: The version that the manifest supersedes is not in the history.
    """
    estate = estate_of(tree)
    manifest, inputs, release_id = estate.inputs(path)
    trees = checkout_history(checkout, path)
    plan = Plan(
        release=Release(
            id=release_id,
            product=manifest.product,
            vendor=manifest.vendor,
            version=manifest.version,
            commit=tree.commit,
            committer="nobody",
            manifest_path=path,
            inputs=inputs,
        ),
        manifest=manifest,
        environment=estate.environment(manifest.product),
        suites=tuple(estate.suites(manifest.product)),
        baseline=_superseded(manifest, path, trees),
    )
    by_commit = {one.commit: one for one in trees}
    return plan, by_commit.__getitem__


def _superseded(manifest: Manifest, path: str, trees: list[EstateTree]) -> Baseline | None:
    if manifest.supersedes is None:
        return None
    for tree in trees:
        before = estate_of(tree).manifest(path)
        if before.version == manifest.supersedes:
            return Baseline(version=before.version, package=before.package, commit=tree.commit)
    raise NotFoundError(
        f"{path}: no commit of this checkout describes {manifest.supersedes}",
        mend="qualify in a clone of the estate, with its history",
    )
