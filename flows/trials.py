"""Everything that is tried on replicas, in the order in which one thing needs another.

What waits for nothing runs beside the rest: the suites of the version in use while the upgrade is
rehearsed, then the candidate's on what the upgrade made of the data, beside the way back and the
comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from clinops.domain.finding import Finding
from clinops.domain.plan import Plan
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import EstateTree, Stages
from clinops.wiring import Bench
from flows.compare import Compared, compare
from flows.faults import FaultTried, Grounds, fault_stages
from flows.rehearse import Rehearsed, Upgraded, rehearse_upgrade
from flows.replicas import Obtained, Tried, run_suite
from flows.snapshots import baseline_snapshot
from flows.way_back import rehearse_way_back

Came = Tried | Upgraded | Rehearsed | Compared | FaultTried | None
Job = tuple[str, Callable[[], Came]]
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

    def suites(self, role: Role, snapshot: Snapshot | None) -> list[Job]:
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

    def faults(self, ground: Snapshot | None, offered: Snapshot | None) -> list[Job]:
        snapshots = {Role.BASELINE: ground, Role.CANDIDATE: offered}
        grounds = Grounds(self.plan, self.obtained.images, snapshots, self.tree, self.bench)
        return [*fault_stages(grounds)]

    def alone(self, ground: Snapshot | None = None) -> list[Job]:
        """Return what is tried where there is nothing that the candidate could start from."""
        return [*self.suites(Role.CANDIDATE, None), *self.faults(ground, None)]


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
        return _sorted(stages.together(trial.alone()))
    images = obtained.images[Role.BASELINE]
    what = f"snapshot of baseline {plan.baseline.version}"
    ground = stages.run(what, lambda: baseline_snapshot(plan, images, tree, bench))
    if isinstance(ground, Finding):
        alone = _sorted(stages.together(trial.alone()))
        return Trials(tried=alone.tried, findings=(ground,), faults=alone.faults)
    return _held_against(ground, trial, stages)


def _held_against(ground: Snapshot, trial: _Trial, stages: Stages) -> Trials:
    plan, tree, bench = trial.plan, trial.tree, trial.bench
    images = trial.obtained.images[Role.CANDIDATE]
    way_up: Job = (
        "rehearse the upgrade",
        lambda: rehearse_upgrade(plan, ground, images, tree, bench),
    )
    before = stages.together([way_up, *trial.suites(Role.BASELINE, ground)])
    upgraded = next(one for one in before if isinstance(one, Upgraded))
    stages.progress(0.5, f"{plan.release.id}: the candidate, on the upgraded data")
    after: list[Job] = [
        ("rehearse the way back", lambda: rehearse_way_back(upgraded, plan, ground, tree, bench)),
        *trial.suites(Role.CANDIDATE, upgraded.snapshot),
        *trial.faults(ground, upgraded.snapshot),
    ]
    offered = upgraded.snapshot
    if offered is not None:
        after.append(("compare behaviour", lambda: compare(plan, ground, offered, tree, bench)))
    return _sorted([*before, *stages.together(after)])


def _sorted(came: list[Came]) -> Trials:
    return Trials(
        tried=tuple(one for one in came if isinstance(one, Tried)),
        rehearsed=next((one for one in came if isinstance(one, Rehearsed)), None),
        compared=next((one for one in came if isinstance(one, Compared)), None),
        faults=tuple(one for one in came if isinstance(one, FaultTried)),
    )
