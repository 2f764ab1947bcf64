"""Everything that is tried on replicas, each thing as soon as what it needs is there.

The suites of the version in use run beside the rehearsal of the upgrade; the candidate's, on what
the upgrade made of the data, beside the comparison and the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from clinops.domain.finding import Finding
from clinops.domain.measured import BEHAVIOUR, REHEARSAL, Measured, of_fault, of_suite
from clinops.domain.plan import Plan
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import Begin, EstateTree, Pending, Stages
from clinops.wiring import Bench
from flows.carrying import NOTHING, Carrying
from flows.compare import Compared, compare
from flows.faults import FaultTried, Grounds, fault_stages
from flows.in_order import in_order
from flows.rehearse import Rehearsed, rehearse_upgrade
from flows.replicas import Obtained, Tried, run_suite
from flows.snapshots import baseline_snapshot
from flows.way_back import rehearse_restore, rehearse_way_back

T = TypeVar("T")
Job = tuple[str, str, Callable[[], T]]
"""What a stage measures, the name that operations read, and the stage."""


@dataclass(frozen=True)
class Trials:
    """What came of everything that was tried."""

    tried: tuple[Tried, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What kept something from being tried."""
    rehearsed: Rehearsed | None = None
    compared: Compared | None = None
    faults: tuple[FaultTried, ...] = ()
    measured: tuple[Measured, ...] = ()
    """Which of it was measured now, and what was carried over."""


@dataclass(frozen=True)
class _Trial:
    plan: Plan
    obtained: Obtained
    tree: EstateTree
    bench: Bench
    carrying: Carrying

    def begin(self, begin: Begin, jobs: Iterable[Job[T]]) -> list[Pending[T]]:
        return [self.carrying.begin(begin, *job) for job in jobs]

    def suites(self, role: Role, snapshot: Snapshot | None) -> list[Job[Tried]]:
        version = self.plan.version_of(role)
        return [
            (
                of_suite(suite, role),
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
        faults = self.plan.environment.clinops.faults
        return [
            (of_fault(fault), *stage)
            for fault, stage in zip(faults, fault_stages(grounds), strict=True)
        ]


def on_trial(  # noqa: PLR0917  # what a qualification works with
    plan: Plan,
    obtained: Obtained,
    tree: EstateTree,
    bench: Bench,
    stages: Stages,
    carrying: Carrying = NOTHING,
) -> Trials:
    """Try the candidate beside the version in use; a new system is tried by itself.

    Raises:
        BadInputError: Probes or noise rules can't be read.
        InfrastructureError: ClinOps failed.
    """
    if obtained.findings:
        return Trials()
    trials = _tried(_Trial(plan, obtained, tree, bench, carrying), stages)
    return replace(trials, measured=carrying.measured)


def _tried(trial: _Trial, stages: Stages) -> Trials:
    plan, tree, bench = trial.plan, trial.tree, trial.bench
    if plan.baseline is None:
        return _alone(trial, stages)
    if trial.carrying.is_whole:
        return _carried_over(None, trial, stages)
    images = trial.obtained.images[Role.BASELINE]
    what = f"snapshot of baseline {plan.baseline.version}"
    ground = stages.run(what, lambda: baseline_snapshot(plan, images, tree, bench))
    if isinstance(ground, Finding):
        return _alone(replace(trial, carrying=NOTHING), stages, ground)
    if REHEARSAL in trial.carrying.kept:
        return _carried_over(ground, trial, stages)
    return _held_against(ground, trial, stages)


def _alone(trial: _Trial, stages: Stages, *kept: Finding) -> Trials:
    """Try what can be tried where there is nothing that the candidate could start from."""
    with in_order(stages, trial.plan) as begin:
        tried = trial.begin(begin, trial.suites(Role.CANDIDATE, None))
        faults = trial.begin(begin, trial.faults(None, None))
    return Trials(_results(tried), findings=kept, faults=_results(faults))


def _carried_over(ground: Snapshot | None, trial: _Trial, stages: Stages) -> Trials:
    """Carry all of the candidate over, and measure of the version in use what has to be."""
    with in_order(stages, trial.plan) as begin:
        before = trial.begin(begin, trial.suites(Role.BASELINE, ground))
        after = trial.begin(begin, trial.suites(Role.CANDIDATE, None))
        faults = trial.begin(begin, trial.faults(ground, None))
    return Trials(
        _results([*before, *after]),
        rehearsed=trial.carrying.carried(REHEARSAL),
        compared=trial.carrying.carried(BEHAVIOUR),
        faults=_results(faults),
    )


def _held_against(ground: Snapshot, trial: _Trial, stages: Stages) -> Trials:
    plan, tree, bench = trial.plan, trial.tree, trial.bench
    images = trial.obtained.images[Role.CANDIDATE]
    with in_order(stages, trial.plan) as begin:
        up = begin(
            "rehearse the upgrade", lambda: rehearse_upgrade(plan, ground, images, tree, bench)
        )
        before = trial.begin(begin, trial.suites(Role.BASELINE, ground))
        in_use = partial(_results, before)
        restored = plan.manifest.rollback.strategy == "restore" and begin(
            "rehearse the restore",
            lambda: rehearse_restore(plan, ground, tree, bench, before=in_use),
        )
        upgraded = up.result()
        stages.progress(0.5, f"{plan.release.id}: the candidate, on the upgraded data")
        offered = upgraded.snapshot
        compared = offered and trial.carrying.begin(
            begin,
            BEHAVIOUR,
            "compare behaviour",
            lambda: compare(plan, ground, offered, tree, bench),
        )
        back = trial.carrying.begin(
            begin,
            REHEARSAL,
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
        after = trial.begin(begin, trial.suites(Role.CANDIDATE, offered))
        faults = trial.begin(begin, trial.faults(ground, offered))
    return Trials(
        _results([*before, *after]),
        rehearsed=back.result(),
        compared=compared.result() if compared else None,
        faults=_results(faults),
    )


def _results(begun: Iterable[Pending[T]]) -> tuple[T, ...]:
    return tuple(stage.result() for stage in begun)
