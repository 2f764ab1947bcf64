"""Everything that is tried on replicas, each thing as soon as what it needs is there.

The suites of the version in use run beside the rehearsal of the upgrade; the candidate's, on what
the upgrade made of the data, beside the comparison and the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from clinops.domain.finding import Finding
from clinops.domain.plan import Plan
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import EstateTree, Pending, Stages
from clinops.wiring import Bench
from flows.compare import Compared, compare
from flows.faults import FaultTried, Grounds, fault_stages
from flows.in_order import in_order
from flows.rehearse import Rehearsed, rehearse_upgrade
from flows.replicas import Obtained, Tried, run_suite
from flows.snapshots import baseline_snapshot
from flows.way_back import rehearse_restore, rehearse_way_back

T = TypeVar("T")
Job = tuple[str, Callable[[], T]]
"""A stage, by the name that operations read."""


@dataclass(frozen=True)
class Trials:
    """What came of everything that was tried."""

    tried: tuple[Tried, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What kept something from being tried."""
    rehearsed: Rehearsed | None = None
    compared: Compared | None = None
    faults: tuple[FaultTried, ...] = ()


@dataclass(frozen=True)
class _Trial:
    plan: Plan
    obtained: Obtained
    tree: EstateTree
    bench: Bench

    def suites(self, role: Role, snapshot: Snapshot | None) -> list[Job[Tried]]:
        version = self.plan.version_of(role)
        return [
            (
                f"{suite} suite on {role} {version}",
                partial(
                    run_suite,
                    (suite, role),
                    self.plan,
                    self.obtained.images[role],
                    self.tree,
                    self.bench,
                    snapshot=snapshot,
                ),
            )
            for suite, wanted in self.plan.runs
            if wanted is role
        ]

    def faults(self, ground: Snapshot | None, offered: Snapshot | None) -> list[Job[FaultTried]]:
        snapshots = {Role.BASELINE: ground, Role.CANDIDATE: offered}
        grounds = Grounds(self.plan, self.obtained.images, snapshots, self.tree, self.bench)
        return [*fault_stages(grounds)]


def on_trial(
    plan: Plan, obtained: Obtained, tree: EstateTree, bench: Bench, stages: Stages
) -> Trials:
    """Try the candidate beside the version in use; a new system is tried by itself.

    Raises:
        BadInputError: Probes or noise rules can't be read.
        InfrastructureError: ClinOps failed.
    """
    trial = _Trial(plan, obtained, tree, bench)
    if obtained.findings:
        return Trials()
    if plan.baseline is None:
        return _alone(trial, stages)
    images = obtained.images[Role.BASELINE]
    what = f"snapshot of baseline {plan.baseline.version}"
    ground = stages.run(what, lambda: baseline_snapshot(plan, images, tree, bench))
    if isinstance(ground, Finding):
        return _alone(trial, stages, ground)
    return _held_against(ground, trial, stages)


def _alone(trial: _Trial, stages: Stages, *kept: Finding) -> Trials:
    """Try what can be tried where there is nothing that the candidate could start from."""
    with in_order(stages, trial.plan) as begin:
        tried = [begin(*job) for job in trial.suites(Role.CANDIDATE, None)]
        faults = [begin(*job) for job in trial.faults(None, None)]
    return Trials(_results(tried), findings=kept, faults=_results(faults))


def _held_against(ground: Snapshot, trial: _Trial, stages: Stages) -> Trials:
    plan, tree, bench = trial.plan, trial.tree, trial.bench
    images = trial.obtained.images[Role.CANDIDATE]
    with in_order(stages, trial.plan) as begin:
        up = begin(
            "rehearse the upgrade", lambda: rehearse_upgrade(plan, ground, images, tree, bench)
        )
        before = [begin(*job) for job in trial.suites(Role.BASELINE, ground)]
        in_use = partial(_results, before)
        restored = plan.manifest.rollback.strategy == "restore" and begin(
            "rehearse the restore",
            lambda: rehearse_restore(plan, ground, tree, bench, before=in_use),
        )
        upgraded = up.result()
        stages.progress(0.5, f"{plan.release.id}: the candidate, on the upgraded data")
        offered = upgraded.snapshot
        compared = offered and begin(
            "compare behaviour", lambda: compare(plan, ground, offered, tree, bench)
        )
        back = begin(
            "rehearse the way back",
            lambda: rehearse_way_back(
                upgraded,
                plan,
                ground,
                tree,
                bench,
                before=in_use,
                restored=restored.result if restored else None,
            ),
        )
        after = [begin(*job) for job in trial.suites(Role.CANDIDATE, offered)]
        faults = [begin(*job) for job in trial.faults(ground, offered)]
    return Trials(
        _results([*before, *after]),
        rehearsed=back.result(),
        compared=compared.result() if compared else None,
        faults=_results(faults),
    )


def _results(begun: Iterable[Pending[T]]) -> tuple[T, ...]:
    return tuple(stage.result() for stage in begun)
