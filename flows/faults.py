"""Fault trials: while the writer program writes, something around the system breaks.

What the system had acknowledged must be there afterwards, and so must everything else. A fault
that the candidate does not survive is tried on the version in use as well: what happens to both
says nothing about the release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from time import monotonic, time
from typing import Final

from clinops.domain.attempt import Attempt, acknowledged
from clinops.domain.environment import FaultName
from clinops.domain.fault_trial import (
    IN_WORDS,
    FaultsTried,
    FaultTrial,
    Impossible,
    counted,
    lost,
    unknown,
)
from clinops.domain.inventory import Inventory
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import shown
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import BadInputError, InfrastructureError
from clinops.ports import EstateTree, StagedFault
from clinops.wiring import Bench
from flows.replicas import forked, started

_LASTS: Final = 3.0
"""Seconds that a fault goes on, unless the writer gives up sooner."""

_NEED_A_WRITE: Final = frozenset({"restarted-in-a-write", "disk-full", "network-cut"})
"""Faults that say nothing unless something is written while they go on."""


@dataclass(frozen=True)
class FaultTried:
    """One fault, on the candidate and where needed on the version in use."""

    trials: tuple[FaultTrial, ...]
    logs: Mapping[str, bytes] = field(default_factory=dict)
    """What the containers said, by fault, role and service."""


@dataclass(frozen=True)
class Grounds:
    """What faults are tried on, by role: a snapshot, or images to start and seed."""

    plan: Plan
    images: Mapping[Role, Mapping[str, str]]
    snapshots: Mapping[Role, Snapshot | None]
    tree: EstateTree
    bench: Bench

    def standing(self, role: Role) -> AbstractContextManager[Replica | ReplicaFailure]:
        """Stand one version up."""
        snapshot = self.snapshots.get(role)
        if snapshot is not None:
            return forked(self.plan, snapshot, role, self.bench)
        return started(self.plan, self.images[role], role, self.bench)

    def seed(self, replica: Replica) -> None:
        """Fill what did not come from a snapshot."""
        program = self.plan.environment.clinops.seed
        if self.snapshots.get(replica.role) is None and program is not None:
            self.bench.suites.seed(program, replica, self.tree)


def fault_stages(grounds: Grounds) -> list[tuple[str, Callable[[], FaultTried]]]:
    """Return a stage for each fault that the environment asks for."""
    plan = grounds.plan

    def stage(fault: FaultName) -> tuple[str, Callable[[], FaultTried]]:
        name = f"fault: {IN_WORDS[fault]} on candidate {plan.version_of(Role.CANDIDATE)}"
        return name, lambda: try_fault(fault, grounds)

    return [stage(fault) for fault in plan.environment.clinops.faults]


def try_fault(fault: FaultName, grounds: Grounds) -> FaultTried:
    """Try one fault on the candidate; on the version in use as well where it does harm."""
    candidate = _Trial(fault, Role.CANDIDATE, grounds)
    trials, logs = [candidate.run()], candidate.logs
    if not trials[0].survived and grounds.snapshots.get(Role.BASELINE) is not None:
        baseline = _Trial(fault, Role.BASELINE, grounds)
        trials.append(baseline.run())
        logs = {**logs, **baseline.logs}
    return FaultTried(tuple(trials), logs)


def all_faults(plan: Plan, came: Sequence[FaultTried]) -> FaultsTried | None:
    """Put the trials together; none where the environment asks for no fault."""
    asked = tuple(plan.environment.clinops.faults)
    trials = tuple(trial for one in came for trial in one.trials)
    return FaultsTried(asked=asked, trials=trials) if asked else None


class _Trial:
    """One fault on one version, as it goes on."""

    def __init__(self, fault: FaultName, role: Role, grounds: Grounds) -> None:
        self._grounds, self._bench = grounds, grounds.bench
        self._environment = grounds.plan.environment
        self.logs: dict[str, bytes] = {}
        self._found = FaultTrial(
            fault=fault, role=role, services=self._environment.struck_by(fault)
        )

    def run(self) -> FaultTrial:
        """Stand the version up, strike it while it is written to, and read what is left."""
        with self._grounds.standing(self._found.role) as replica:
            if isinstance(replica, ReplicaFailure):
                self._doubt(f"{replica.service} never got ready: {replica.reason}")
            else:
                self._on(replica)
            # Nothing above is believed where the engine went away under it.
            self._bench.replicas.ensure_engine_stayed()
        return self._found

    def _on(self, replica: Replica) -> None:
        staged = self._bench.faults.stage(self._found.fault, replica, self._environment)
        if isinstance(staged, Impossible):
            self._doubt(staged.why)
            return
        ready = staged.replica
        if isinstance(ready, ReplicaFailure):
            self._doubt(f"{ready.service} did not start for it: {ready.reason}")
            return
        before = self._read_before(ready)
        if before is not None:
            after, attempt = self._struck(staged, ready)
            self._judge(before, after, attempt)

    def _read_before(self, replica: Replica) -> Inventory | None:
        try:
            self._grounds.seed(replica)
            return self._read(replica)
        except (BadInputError, InfrastructureError) as error:
            self._bench.replicas.ensure_engine_stayed()
            self._doubt(f"what was there before can't be read: {error.diagnostics()}")
            return None

    def _struck(self, staged: StagedFault, replica: Replica) -> tuple[Inventory | None, Attempt]:
        """Strike as soon as the first record is acknowledged, and mend it again."""
        noticed = Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            writing = pool.submit(self._write, replica, noticed)
            noticed.wait(self._within)
            staged.strike()
            struck = time()
            self._note(struck=True)
            wait_for([writing], timeout=_LASTS)
            begun = monotonic()
            mended = staged.mend()
            self._bench.replicas.ensure_engine_stayed()
            seconds = monotonic() - begun
            # Only once it has ended: what it is told while records are read may be missed there.
            attempt = writing.result()
        if self._found.fault in _NEED_A_WRITE and not attempt.problem and attempt.last <= struck:
            self._doubt("nothing was written while it went on: let the writer write longer")
        return self._read_again(mended, seconds), attempt

    def _write(self, replica: Replica, noticed: Event) -> Attempt:
        writer = self._environment.clinops.writer
        assert writer is not None  # noqa: S101  # the environment was checked
        try:
            return self._bench.suites.attempt(
                writer, replica, self._grounds.tree, within=self._within, noticed=noticed.set
            )
        finally:
            noticed.set()

    @property
    def _within(self) -> float:
        return float(self._environment.clinops.ready_within)

    def _read_again(self, mended: Replica | ReplicaFailure, seconds: float) -> Inventory | None:
        """Read every record, as often as it takes for as long as a start may take."""
        if isinstance(mended, ReplicaFailure):
            elsewhere = mended.service != self._environment.clinops.under_test
            problem = f"{mended.service} never got ready: {mended.reason}\n{mended.log_tail}"
            self._note(problem=problem.rstrip(), elsewhere=elsewhere)
            return None
        begun = monotonic()
        while True:
            try:
                after = self._read(mended)
            except (BadInputError, InfrastructureError) as error:
                self._bench.replicas.ensure_engine_stayed()
                if monotonic() - begun >= self._within:
                    self._keep_logs(mended)
                    self._note(problem=f"its records can't be read: {error.diagnostics()}")
                    return None
            else:
                self._keep_logs(mended)
                self._note(seconds=round(seconds + monotonic() - begun, 1))
                return after

    def _judge(self, before: Inventory, after: Inventory | None, attempt: Attempt) -> None:
        program = f"environments/{self._grounds.plan.release.product}"
        try:
            written = acknowledged(attempt, f"{program}/{self._environment.clinops.writer}")
        except BadInputError as error:
            self._doubt(error.diagnostics())
            return
        self._note(reported=written is not None, acknowledged=counted(written))
        self._note(before=sum(counted(before).values()), hindered=bool(attempt.problem))
        if after is None:
            return
        if written is not None and (names := unknown(written, before, after)):
            self._doubt(f"no inventory has what the writer reports: {', '.join(names)}")
            written = None
        found = lost(before, written, after)
        self._note(losses=shown(found), lost=len(found))
        if not (self._found.before or self._found.acknowledged):
            self._doubt("nothing was there that could be lost")
        elif not self._found.acknowledged and (attempt.problem or self._found.reported):
            self._doubt(f"nothing was acknowledged: the writer {attempt.problem or 'says so'}")

    def _read(self, replica: Replica) -> Inventory:
        return self._bench.inventories.read(replica, self._environment, self._grounds.tree)

    def _keep_logs(self, replica: Replica) -> None:
        for service, log in self._bench.replicas.logs(replica).items():
            self.logs[f"{self._found.fault}-{self._found.role}-{service}"] = log

    def _doubt(self, why: str) -> None:
        if not self._found.doubt:
            self._note(doubt=why)

    def _note(self, **found: object) -> None:
        self._found = self._found.model_copy(update=found)
