"""Rehearse: the way up, on a copy of the data, as a site would go it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clinops.domain.difference import Difference
from clinops.domain.digest import digest_of
from clinops.domain.inventory import Inventory, Source
from clinops.domain.inventory_change import changes, differences
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import Gap, Rehearsal, Step, Waypoint
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
    path: tuple[Waypoint, ...]
    """What was to be passed, the candidate last."""


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
    path = _path(going, images[going.under_test])
    if going.gaps:
        return _upgraded(going)
    with going.forked(snapshot, Role.BASELINE) as replica:
        before = _read_before(going, replica)
        if before is None or isinstance(replica, ReplicaFailure):
            return _upgraded(going, path, before)
        candidate = _pass(going, replica, path, images)
        after = going.inventory("after the upgrade", candidate) if candidate else None
        if candidate is None or after is None:
            return _upgraded(going, path, before)
        going.keep_logs("upgrade", candidate)
        key = digest_of([snapshot.key, dict(images), [one.json_value() for one in path]])
        frozen = bench.replicas.freeze(
            candidate, plan.environment, key.removeprefix("sha256:"), lease=bench.lease
        )
    return _upgraded(going, path, before, after, frozen)


def _upgraded(
    going: Rehearsing,
    path: Sequence[Waypoint] = (),
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
        path=tuple(path),
    )


def _path(going: Rehearsing, candidate: str) -> list[Waypoint]:
    """Return every version to pass; one whose package is not to be had is a gap."""
    version = going.plan.manifest.version
    path, last = [], Waypoint(version=version, image=candidate)
    for step in going.plan.waypoints:
        command = tuple(step.command or ())
        if step.version == version:
            last = Waypoint(version=version, image=candidate, command=command)
        elif image := _image_of(step.version, going):
            path.append(Waypoint(version=step.version, image=image, command=command))
    return [*path, last]


def _image_of(version: str, going: Rehearsing) -> str | None:
    known = next((step for step in going.plan.steps if step.version == version), None)
    why = ""
    if known is not None:
        tree, name = going.bench.tree_at(known.commit), f"{going.plan.manifest.product}-{version}"
        try:
            return going.bench.images.obtain(known.package, tree, name=name)
        except PackageError as error:
            why = error.diagnostics()
    what = f"the upgrade path passes through {version}, and no package of it is known"
    going.gaps.append(Gap(kind="step-unknown", what=what, detail=why, stopped=True))
    return None


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


def _pass(
    going: Rehearsing, replica: Replica, path: Sequence[Waypoint], images: Mapping[str, str]
) -> Replica | None:
    """Put one version after the other on the data, the candidate last."""
    within = going.plan.environment.clinops.upgrade.within
    for waypoint in path:
        version = waypoint.version
        exchanged = {**images, going.under_test: waypoint.image}
        moved = going.move(replica, exchanged, version, Role.CANDIDATE, upgrade=True)
        if isinstance(moved, ReplicaFailure):
            _record_whose_fault(going, moved)
            return None
        replica = moved
        name = f"{version}: the command of the upgrade path"
        if waypoint.command and not going.command(name, replica, waypoint.command, within):
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
