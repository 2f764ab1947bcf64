"""Rehearse: the declared way back, once the candidate has written something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from clinops.domain.inventory import Inventory
from clinops.domain.loss import Readings, altered, appeared, judged, losses, written
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import Gap, Loss, Rehearsal, Step, WayBack, shown
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import BadInputError, SeedError
from clinops.ports import EstateTree
from clinops.wiring import Bench
from flows.rehearse import Rehearsed, Upgraded
from flows.rehearsing import PATIENCE, Rehearsing
from flows.replicas import Tried


@dataclass(frozen=True)
class _Return:
    """What came of the way back."""

    way_back: WayBack = WayBack.NOT_TRIED
    upgraded: bool = False
    lost: tuple[Loss, ...] = ()
    altered: tuple[Loss, ...] = ()
    written: Mapping[str, int] | None = None
    point_of_no_return: str = "Not known: the upgrade failed."


@dataclass(frozen=True)
class _Held:
    """What an old version came to, held against what was read before."""

    way_back: WayBack
    lost: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class Restored:
    """What came of starting the version in use from its backup."""

    going: Rehearsing
    back: Inventory | None
    """What it reads then; none where it does not work."""


def rehearse_restore(
    plan: Plan,
    backup: Snapshot,
    tree: EstateTree,
    bench: Bench,
    *,
    before: Callable[[], Sequence[Tried]],
) -> Restored:
    """Start the version in use from its backup, and read every record.

    It needs nothing of the candidate: the data that this one has written is gone by then.

    Args:
        plan: The plan; it has a baseline.
        backup: The baseline's snapshot.
        tree: The estate at the release's commit.
        bench: What it is done with.
        before: Waits for the suites on the version in use; asked only where a site check fails.
    """
    going = Rehearsing(plan, tree, bench, before)
    begun = monotonic()
    with going.forked(backup, Role.BASELINE) as old:
        going.downtime = monotonic() - begun
        problem = going.not_ready(old) if isinstance(old, ReplicaFailure) else ""
        name = f"{plan.version_of(Role.BASELINE)}: start from the backup"
        going.steps.append(Step(name=name, seconds=going.downtime, problem=problem))
        return Restored(going, None if isinstance(old, ReplicaFailure) else _working(going, old))


def rehearse_way_back(
    upgraded: Upgraded,
    plan: Plan,
    snapshot: Snapshot,
    tree: EstateTree,
    bench: Bench,
    *,
    before: Callable[[], Sequence[Tried]],
    restored: Callable[[], Restored] | None,
) -> Rehearsed:
    """Write new data on a fork of the candidate, go the declared way back, and read every record.

    Args:
        upgraded: What came of the way up.
        plan: The plan; it has a baseline.
        snapshot: The baseline's: what a backup holds.
        tree: The estate at the release's commit.
        bench: What it is done with.
        before: Waits for the suites on the version in use; asked only where a site check fails.
        restored: Waits for what came of a restore; none where another way is declared.
    """
    going = Rehearsing(plan, tree, bench, before)
    came = _Return()
    if upgraded.snapshot is not None and upgraded.before and upgraded.after:
        inventories = upgraded.before, upgraded.after
        came = _write_and_return(going, inventories, upgraded.snapshot, snapshot, restored)
    tried = came.way_back not in {WayBack.IMPOSSIBLE, WayBack.NOT_TRIED}
    rehearsal = Rehearsal(
        steps=(*upgraded.steps, *going.steps),
        upgraded=came.upgraded,
        strategy=plan.manifest.rollback.strategy,
        way_back=came.way_back,
        losses=shown(came.lost),
        lost=len(came.lost),
        altered=shown(came.altered),
        point_of_no_return=came.point_of_no_return,
        seconds_up=upgraded.seconds,
        seconds_back=going.downtime if tried else None,
        read=_counted(upgraded.before),
        written=dict(came.written or {}),
        gaps=(*upgraded.gaps, *going.gaps),
        path=upgraded.path,
    )
    return Rehearsed(
        rehearsal=rehearsal,
        differences=upgraded.differences,
        upgraded=upgraded.snapshot if came.upgraded else None,
        files={**upgraded.files, **going.files},
        logs={**upgraded.logs, **going.logs},
    )


def _write_and_return(
    going: Rehearsing,
    read: tuple[Inventory, Inventory],
    candidate: Snapshot,
    backup: Snapshot,
    restored: Callable[[], Restored] | None,
) -> _Return:
    before, upgraded = read
    with going.forked(candidate, Role.CANDIDATE) as replica:
        after = _write(going, replica, upgraded)
        if after is None or isinstance(replica, ReplicaFailure):
            return _Return()
        if restored is not None:
            started = _simply_started(going, replica, backup)
            back = _told(going, restored())
        else:
            started = back = _gone_back(going, replica, backup)
    came, simply = (
        _held(None if one is None else Readings(before, upgraded, after, one), restored=anew)
        for one, anew in ((back, restored is not None), (started, False))
    )
    wrote = written(upgraded, after)
    return _Return(
        came.way_back,
        upgraded=True,
        lost=came.lost,
        altered=tuple(altered(upgraded, after)),
        written=wrote,
        point_of_no_return=_point_of_no_return(going.plan, simply, wrote=bool(wrote)),
    )


def _held(readings: Readings | None, *, restored: bool) -> _Held:
    if readings is None:
        return _Held(WayBack.IMPOSSIBLE)
    lost = (*losses(readings), *appeared(readings))
    return _Held(judged(lost, readings, restored=restored), lost)


def _write(
    going: Rehearsing, replica: Replica | ReplicaFailure, upgraded: Inventory
) -> Inventory | None:
    """Write as users would; return what is there then, or nothing where the candidate failed."""
    if isinstance(replica, ReplicaFailure):
        _never_again(going, replica)
        return None
    writer = going.plan.environment.clinops.writer
    if writer is None:
        return upgraded
    begun, problem = monotonic(), ""
    try:
        going.bench.suites.run_program(writer, replica, going.tree)
    except (SeedError, BadInputError) as error:
        going.bench.replicas.ensure_engine_stayed()
        problem = error.diagnostics()
        what = "nothing new could be written on the candidate"
        going.gaps.append(Gap(kind="writer-failed", what=what, detail=problem))
    name = f"{replica.version}: write new data"
    going.steps.append(Step(name=name, seconds=monotonic() - begun, problem=problem))
    after = going.inventory("after writing", replica)
    going.keep_logs("writing", replica)
    if after is not None and not problem and not written(upgraded, after):
        what = "new data was written on the candidate, and none of it is to be read there"
        going.gaps.append(Gap(kind="nothing-written", what=what))
    return after


def _never_again(going: Rehearsing, failure: ReplicaFailure) -> None:
    name = f"{going.plan.release.version}: start again"
    going.steps.append(Step(name=name, seconds=0, problem=going.not_ready(failure)))
    if failure.service != going.under_test:
        what = f"{failure.service} did not start again beside the candidate: {failure.reason}"
        going.gaps.append(
            Gap(kind="replica-never-ready", what=what, detail=failure.log_tail, stopped=True)
        )


def _gone_back(going: Rehearsing, replica: Replica, backup: Snapshot) -> Inventory | None:
    """Go the declared way on the data that the candidate wrote; None where it does not work."""
    command = going.plan.manifest.rollback.command
    going.downtime = 0.0
    if command is not None:
        name = f"{replica.version}: the command of the way back"
        if not going.command(name, replica, command, PATIENCE):
            return None
    old = _moved_back(going, replica, backup)
    return _working(going, old) if old is not None else None


def _told(going: Rehearsing, restored: Restored) -> Inventory | None:
    """Write down how a restore went, and return what was read after it."""
    other = restored.going
    going.steps += other.steps
    going.gaps += other.gaps
    going.files |= other.files
    going.logs |= other.logs
    going.downtime = other.downtime
    return restored.back


def _simply_started(going: Rehearsing, replica: Replica, backup: Snapshot) -> Inventory | None:
    """Return what the old version reads without any backup; no site would go that way."""
    aside = Rehearsing(going.plan, going.tree, going.bench)
    old = _moved_back(aside, replica, backup)
    return aside.inventory("without the backup", old) if old is not None else None


def _moved_back(going: Rehearsing, replica: Replica, backup: Snapshot) -> Replica | None:
    version = going.plan.version_of(Role.BASELINE)
    old = going.move(replica, backup.bases, version, Role.BASELINE)
    return None if isinstance(old, ReplicaFailure) else old


def _working(going: Rehearsing, old: Replica) -> Inventory | None:
    """Return what the old version reads; nothing where it can't be read, or a check fails."""
    back = going.inventory("after the way back", old)
    working = back is not None and going.site_checks(old)
    going.keep_logs("way-back", old)
    return back if working else None


def _point_of_no_return(plan: Plan, simply: _Held, *, wrote: bool) -> str:
    """Say from when on the old version can't simply be started again, as far as it was tried.

    Args:
        plan: The plan.
        simply: What came of starting it again on what the candidate has written.
        wrote: Whether anything that the candidate wrote is to be read there.
    """
    old, new = plan.version_of(Role.BASELINE), plan.version_of(Role.CANDIDATE)
    if plan.manifest.rollback.strategy == "script":
        return f"Not known: {old} was started again only after the command of the way back."
    if simply.way_back is WayBack.UNPROVEN:
        return f"Not known: no interface of {old} was asked what it reads on the data of {new}."
    if simply.way_back is WayBack.CLEAN and wrote:
        return f"None was found: {old} reads every record again on the data of {new}."
    if simply.way_back is WayBack.CLEAN:
        return (
            f"Until {new} writes something, {old} can simply be started again; "
            "whether it can afterwards was not tried."
        )
    return _since_when(plan, simply, old, new)


def _since_when(plan: Plan, simply: _Held, old: str, new: str) -> str:
    if simply.lost and all(loss.new for loss in simply.lost):
        return f"The first record that {new} writes: {old} reads only what is older as before."
    how = "reads some records otherwise" if simply.lost else "does not work on the data"
    if plan.environment.clinops.writer is None:
        return f"The first start of {new}: from then on, {old} {how}."
    since = f"The first start of {new} or the first record that it writes"
    return f"{since}: from then on, {old} {how}. Which of the two was not tried."


def _counted(inventory: Inventory | None) -> dict[str, int]:
    collections = inventory.collections if inventory is not None else {}
    return {name: len(collection.records) for name, collection in collections.items()}
