"""A plan without a ledger: what a vendor's own check is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clinops.domain.manifest import Manifest
from clinops.domain.plan import Baseline, Plan
from clinops.domain.release import Release
from clinops.errors import BadInputError, NotFoundError
from clinops.ports import EstateTree
from clinops.wiring import checkout_history, estate_of
from flows.baseline import steps_among


@contextmanager
def plan_here(
    path: str, checkout: Path, tree: EstateTree
) -> Iterator[tuple[Plan, Callable[[str], EstateTree]]]:
    """Plan the qualification of a manifest in a checkout.

    Yields:
        The plan, and how to read the tree at a commit of the checkout's history.

    Raises:
        NotFoundError: The version that the manifest supersedes is not in the history.
    """
    estate = estate_of(tree)
    manifest, inputs, release_id = estate.inputs(path)
    with checkout_history(checkout, path) as trees:
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
            steps=steps_among(_described(path, trees), manifest),
        )
        by_commit = {one.commit: one for one in trees}
        yield plan, by_commit.__getitem__


def _superseded(manifest: Manifest, path: str, trees: list[EstateTree]) -> Baseline | None:
    if manifest.supersedes is None:
        return None
    for before in _described(path, trees):
        if before.version == manifest.supersedes:
            return before
    raise NotFoundError(
        f"{path}: no commit of this checkout describes {manifest.supersedes}",
        mend="qualify in a clone of the estate, with its history",
    )


def _described(path: str, trees: list[EstateTree]) -> Iterator[Baseline]:
    """Yield the versions that a manifest described, newest first."""
    for tree in trees:
        before = _manifest_at(path, tree)
        if before is not None:
            yield Baseline(version=before.version, package=before.package, commit=tree.commit)


def _manifest_at(path: str, tree: EstateTree) -> Manifest | None:
    """Return a manifest of the history; none where it had been deleted, or was broken."""
    try:
        return estate_of(tree).manifest(path)
    except BadInputError:
        return None
