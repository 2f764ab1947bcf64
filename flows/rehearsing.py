"""What both ways of a rehearsal are made of: forks, moves, readings, and a log of it all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from clinops.domain.inventory import Inventory
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import Gap, Step
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.errors import BadInputError, InfrastructureError
from clinops.ports import EstateTree
from clinops.wiring import Bench
from flows.replicas import Tried, forked

PATIENCE: Final = 1800.0
"""Seconds that a vendor's command for the way back may take, as at a site."""
_NAMED = 5


@dataclass
class Rehearsing:
    """A rehearsal as it goes on: what it works with, and what has been written down."""

    plan: Plan
    tree: EstateTree
    bench: Bench
    before: Callable[[], Sequence[Tried]] = tuple
    """Tells how the version in use did before the upgrade, once that is known."""
    steps: list[Step] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    downtime: float = 0.0

    @property
    def under_test(self) -> str:
        """The service whose versions are exchanged."""
        return self.plan.environment.clinops.under_test

    def forked(
        self, snapshot: Snapshot, role: Role
    ) -> AbstractContextManager[Replica | ReplicaFailure]:
        """Fork a snapshot of one of the two versions."""
        return forked(self.plan, snapshot, role, self.bench)

    def not_ready(self, failure: ReplicaFailure) -> str:
        """Say why a system never got ready; not where the engine went away meanwhile."""
        self.bench.replicas.ensure_engine_stayed()
        return f"{failure.service} never got ready: {failure.reason}\n{failure.log_tail}".rstrip()

    def move(
        self,
        replica: Replica,
        images: Mapping[str, str],
        version: str,
        role: Role,
        *,
        upgrade: bool = False,
    ) -> Replica | ReplicaFailure:
        """Exchange the version on the data, as a site would."""
        moved = self.bench.replicas.move(
            replica, self.plan.environment, images, version=version, role=role, upgrade=upgrade
        )
        self.downtime += moved.seconds
        steps = [
            step.model_copy(update={"name": f"{version}: {step.name}"}) for step in moved.steps
        ]
        if isinstance(moved.replica, ReplicaFailure):
            problem = self.not_ready(moved.replica)
            steps[-1] = steps[-1].model_copy(update={"problem": problem})
        self.bench.replicas.ensure_engine_stayed()
        self.steps += steps
        return moved.replica

    def command(self, name: str, replica: Replica, command: Sequence[str], within: float) -> bool:
        """Run a vendor's command in the service under test; whether it ended with 0."""
        begun = monotonic()
        done = self.bench.replicas.execute(replica, self.under_test, command, within=within)
        self.bench.replicas.ensure_engine_stayed()
        how = "did not end in time" if done.exit_code is None else f"ended with {done.exit_code}"
        said = done.output.decode(errors="replace")[-2000:]
        seconds = monotonic() - begun
        self.downtime += seconds
        problem = "" if done.exit_code == 0 else f"it {how}\n{said}".rstrip()
        self.steps.append(Step(name=name, seconds=seconds, problem=problem))
        return not problem

    def inventory(self, when: str, replica: Replica) -> Inventory | None:
        """Read what a system holds; none where it can't be read, which the step then says."""
        begun, found, problem = monotonic(), None, ""
        try:
            found = self.bench.inventories.read(replica, self.plan.environment, self.tree)
        except (BadInputError, InfrastructureError) as error:
            self.bench.replicas.ensure_engine_stayed()
            problem = f"the records can't be read: {error.diagnostics()}"
        name = f"{replica.version}: read the records {when}"
        self.steps.append(Step(name=name, seconds=monotonic() - begun, problem=problem))
        if found is not None:
            file = f"rehearsal/inventory-{when.replace(' ', '-')}.json"
            self.files[file] = found.model_dump_json().encode()
        return found

    def site_checks(self, replica: Replica) -> bool:
        """Run the suites that a site is checked with; whether each does as well as before."""
        checks = self.plan.environment.clinops.site_checks
        return all(self._site_check(suite, replica) for suite in checks)

    def _site_check(self, suite: str, replica: Replica) -> bool:
        begun = monotonic()
        run = self.bench.suites.run(suite, replica, self.tree)
        self.bench.replicas.ensure_engine_stayed()
        file = f"rehearsal/{suite}-after-the-way-back.txt"
        self.files[file] = self.bench.evidence.get(run.log)
        failed = _not_passed(run)
        ended = run.completed and (run.exit_code == 0 or bool(failed))
        names = ", ".join([*failed][:_NAMED]) or "it did not run to its end"
        problem = f"failed: {names}" if failed or not ended else ""
        name = f"{replica.version}: the {suite} suite"
        self.steps.append(Step(name=name, seconds=monotonic() - begun, problem=problem))
        return not problem or self._no_worse(run, ended=ended)

    def _no_worse(self, run: SuiteRun, *, ended: bool) -> bool:
        """Whether a suite that fails after the way back fails as it did before the upgrade."""
        runs = [one.run for one in self.before() if one.suite == run.suite and one.run is not None]
        if not any(was.completed for was in runs):
            self._told_nothing(run.suite, "did not run to its end", "")
            return True
        failed, before = _not_passed(run), {name for was in runs for name in _not_passed(was)}
        for name in sorted(failed.keys() & before):
            self._told_nothing(f"{run.suite}: {name}", "does not pass", failed[name].message)
        return ended and failed.keys() <= before

    def _told_nothing(self, about: str, how: str, detail: str) -> None:
        what = f"{about} {how} on the version in use, so it can't tell whether the way back works"
        gap = Gap(kind="rollback-test-failed-on-both", what=what, detail=detail, about=about)
        self.gaps.append(gap)

    def keep_logs(self, when: str, replica: Replica) -> None:
        """Keep the containers' logs."""
        for service, log in self.bench.replicas.logs(replica).items():
            self.logs[f"{when}-{service}"] = log


def _not_passed(run: SuiteRun) -> dict[str, CaseResult]:
    return {case.name: case for case in run.cases if case.verdict is not Verdict.PASSED}
