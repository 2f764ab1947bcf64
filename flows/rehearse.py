"""Rehearse: the way up, on a copy of the data, as a site would go it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clinops.domain.difference import Difference
from clinops.domain.digest import digest_of
from clinops.domain.inventory import Inventory, Source
from clinops.domain.inventory_change import changes, differences
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import Gap, Rehearsal, Step
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import PackageError
from clinops.ports import EstateTree
from clinops.wiring import Bench
from flows.rehearsing import Rehearsing


@dataclass(frozen=True)
class Upgraded:
    """What came of the way up."""

    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...]
    seconds: float
    """Downtime."""
    before: Inventory | None
    """On the version in use; none where it could not be read."""
    after: Inventory | None
    """On the candidate; none where the upgrade failed or its records can't be read."""
    snapshot: Snapshot | None
    """The candidate on the upgraded data; none where there is none."""
    differences: tuple[Difference, ...]
    """What the upgrade made of the records."""
    files: Mapping[str, bytes]
    """For the evidence: inventories, by name."""
    logs: Mapping[str, bytes]
    """What the containers said, by moment and service."""


@dataclass(frozen=True)
class Rehearsed:
    """What came of both ways."""

    rehearsal: Rehearsal
    differences: tuple[Difference, ...]
    """What the upgrade made of the records."""
    upgraded: Snapshot | None
    """The candidate on the upgraded data; none where the upgrade failed."""
    files: Mapping[str, bytes]
    """For the evidence, by name."""
    logs: Mapping[str, bytes]
    """What the containers said, by moment and service."""


@dataclass(frozen=True)
class _Hop:
    """One version that is passed, the candidate last."""

    version: str
    images: Mapping[str, str]
    command: Sequence[str] | None


def rehearse_upgrade(
    plan: Plan, snapshot: Snapshot, images: Mapping[str, str], tree: EstateTree, bench: Bench
) -> Upgraded:
    """Upgrade a fork of the version in use along the declared path, and read every record again.

    Args:
        plan: The plan; it has a baseline.
        snapshot: The baseline's.
        images: The candidate's image digests by service.
        tree: The estate at the release's commit.
        bench: What it is done with.
    """
    going = Rehearsing(plan, tree, bench)
    hops = _hops(going, images)
    if going.gaps:
        return _upgraded(going)
    with going.forked(snapshot, Role.BASELINE) as replica:
        before = _read_before(going, replica)
        if before is None or isinstance(replica, ReplicaFailure):
            return _upgraded(going, before)
        candidate = _hop_by_hop(going, replica, hops)
        after = going.inventory("after the upgrade", candidate) if candidate else None
        if candidate is None or after is None:
            return _upgraded(going, before)
        going.keep_logs("upgrade", candidate)
        key = digest_of([snapshot.key, [dict(hop.images) for hop in hops]])
        frozen = bench.replicas.freeze(
            candidate, plan.environment, key.removeprefix("sha256:"), lease=bench.lease
        )
    return _upgraded(going, before, after, frozen)


def _upgraded(
    going: Rehearsing,
    before: Inventory | None = None,
    after: Inventory | None = None,
    snapshot: Snapshot | None = None,
) -> Upgraded:
    found = differences(changes(before, after)) if before and after else ()
    return Upgraded(
        steps=tuple(going.steps),
        gaps=tuple(going.gaps),
        seconds=going.downtime,
        before=before,
        after=after,
        snapshot=snapshot,
        differences=tuple(found),
        files=going.files,
        logs=going.logs,
    )


def _hops(going: Rehearsing, images: Mapping[str, str]) -> list[_Hop]:
    """Return every version to pass; one whose package is not to be had is a gap."""
    manifest = going.plan.manifest
    packages = {step.version: step for step in going.plan.steps}
    hops, last = [], None
    for step in going.plan.waypoints:
        if step.version == manifest.version:
            last = step.command
            continue
        known = packages.get(step.version)
        what = f"the upgrade path passes through {step.version}, and no package of it is known"
        if known is None:
            going.gaps.append(Gap(kind="step-unknown", what=what, stopped=True))
            continue
        try:
            image = going.bench.images.obtain(
                known.package,
                going.bench.tree_at(known.commit),
                name=f"{manifest.product}-{known.version}",
            )
        except PackageError as error:
            why = error.diagnostics()
            going.gaps.append(Gap(kind="step-unknown", what=what, detail=why, stopped=True))
            continue
        hops.append(_Hop(step.version, {**images, going.under_test: image}, step.command))
    return [*hops, _Hop(manifest.version, images, last)]


def _read_before(going: Rehearsing, replica: Replica | ReplicaFailure) -> Inventory | None:
    if isinstance(replica, ReplicaFailure):
        why = going.not_ready(replica)
        what = "the version in use did not start again from its own data"
        going.gaps.append(Gap(kind="replica-never-ready", what=what, detail=why, stopped=True))
        return None
    before = going.inventory("before the upgrade", replica)
    if before is None:
        what = "the records of the version in use can't be read"
        why = going.steps[-1].problem
        going.gaps.append(Gap(kind="inventory-failed", what=what, detail=why, stopped=True))
    elif _proves_nothing(before, going.plan):
        what = "no record was read on the version in use, though it was seeded"
        going.gaps.append(Gap(kind="inventory-empty", what=what))
    return before


def _proves_nothing(before: Inventory, plan: Plan) -> bool:
    section = plan.environment.clinops
    mounted = any(service.volumes for service in plan.environment.services.values())
    if section.seed is None or not (mounted or section.databases or section.inventory):
        return False
    return not any(
        collection.records
        for collection in before.collections.values()
        if section.inventory is None or collection.source is Source.PROGRAM
    )


def _hop_by_hop(going: Rehearsing, replica: Replica, hops: Sequence[_Hop]) -> Replica | None:
    within = going.plan.environment.clinops.upgrade.within
    for hop in hops:
        moved = going.move(replica, hop.images, hop.version, Role.CANDIDATE, upgrade=True)
        if isinstance(moved, ReplicaFailure):
            _record_whose_fault(going, moved)
            return None
        replica = moved
        name = f"{hop.version}: the command of the upgrade path"
        if hop.command and not going.command(name, replica, hop.command, within):
            going.keep_logs("upgrade", replica)
            return None
    return replica


def _record_whose_fault(going: Rehearsing, failure: ReplicaFailure) -> None:
    if failure.log_tail:
        going.logs[f"upgrade-{failure.service}"] = failure.log_tail.encode()
    if failure.service != going.under_test:
        what = f"{failure.service} did not get ready beside the candidate: {failure.reason}"
        going.gaps.append(
            Gap(kind="replica-never-ready", what=what, detail=failure.log_tail, stopped=True)
        )
