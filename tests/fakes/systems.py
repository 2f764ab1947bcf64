"""Systems with patients in them: what one version writes, another may read, alter or lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from clinops.domain.digest import digest_of
from clinops.domain.environment import Environment
from clinops.domain.inventory import Inventory
from clinops.domain.rehearsal import Step
from clinops.domain.replica import Executed, Moved, Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import ClinOpsError, SeedError
from clinops.ports import EstateTree
from tests.fakes.inventories import PATIENTS, inventory
from tests.fakes.replicas import FakeReplicas
from tests.fakes.wiring import ScriptedSuites

Records = Mapping[str, Mapping[str, str]]
NEW = {"9990000034": {"name": "Ñandú, Ana", "born": "2026-02-03"}}


class FakeSystems(FakeReplicas):
    """Implements Replicas; every replica has records, which go where its data goes."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, Records] = {}
        """By replica id."""
        self.frozen: dict[str, tuple[Snapshot, Records, str | None]] = {}
        """Snapshots with their records and leases, by key."""
        self.on_start: dict[str, Callable[[Records], Records]] = {}
        """What a version makes of the records that it is started on."""
        self.on_command: dict[str, Callable[[Records], Records]] = {}
        """What a command makes of them, by its first word."""
        self.exits: dict[str, int | None] = {}
        """How a command ends, by its first word."""
        self.move_fails: dict[str, ReplicaFailure] = {}
        """What a version ends with on data that it did not make."""
        self.undrained: set[str] = set()
        """Versions that never come to the end of their migrations."""
        self.fork_fails: dict[str, ReplicaFailure] = {}
        self.done: list[str] = []
        """Everything that was asked for, in order."""

    @contextmanager
    def start(
        self, environment: Environment, images: Mapping[str, str], **known: Any
    ) -> Iterator[Replica | ReplicaFailure]:
        with super().start(environment, images, **known) as replica:
            if isinstance(replica, Replica):
                self.done.append(f"start {replica.version}")
                self.records[replica.id] = {}
            yield replica

    @contextmanager
    def fork(
        self, environment: Environment, snapshot: Snapshot, **known: Any
    ) -> Iterator[Replica | ReplicaFailure]:
        self.done.append(f"fork {known['version']}")
        with super().start(environment, snapshot.bases, **known) as replica:
            if isinstance(replica, Replica):
                self.records[replica.id] = self.frozen[snapshot.key][1]
            yield self.fork_fails.get(known["version"], replica)

    def snapshot(self, key: str) -> Snapshot | None:
        found = self.frozen.get(key)
        return found[0] if found is not None and found[2] is None else None

    def freeze(
        self, replica: Replica, environment: Environment, key: str, *, lease: str | None
    ) -> Snapshot:
        self.done.append(f"freeze {replica.version}")
        images = {name: digest_of([key, name]) for name in replica.services}
        made = Snapshot(key=key, images=images, bases=replica.images)
        self.frozen[key] = made, self.records.pop(replica.id), lease
        return made

    def move(
        self,
        replica: Replica,
        environment: Environment,
        images: Mapping[str, str],
        *,
        version: str,
        role: Role,
        upgrade: bool,
    ) -> Moved:
        self.done.append(f"{'upgrade' if upgrade else 'move'} to {version}")
        steps = [Step(name="stop", seconds=1), Step(name="start", seconds=2)]
        services = {
            name: service.model_copy(update={"image": images[name]})
            for name, service in replica.services.items()
        }
        change = {"version": version, "role": role, "services": services}
        moved: Replica | ReplicaFailure = replica.model_copy(update=change)
        self.records[replica.id] = self.on_start.get(version, dict)(self.records[replica.id])
        if version in self.undrained:
            steps.append(Step(name="drain", seconds=300, problem="it did not end in time"))
        if version in self.move_fails:
            moved = self.move_fails[version]
        return Moved(replica=moved, seconds=3, steps=tuple(steps))

    def execute(
        self, replica: Replica, service: str, command: Sequence[str], *, within: float
    ) -> Executed:
        word = command[0]
        self.done.append(f"{word} in {service} {replica.version}")
        self.records[replica.id] = self.on_command.get(word, dict)(self.records[replica.id])
        return Executed(exit_code=self.exits.get(word, 0), output=b"it said \xff")


class SystemInventories:
    """Implements Inventories over the records of such systems."""

    def __init__(self, systems: FakeSystems) -> None:
        self._systems = systems
        self.reads: dict[str, Callable[[Records], Records]] = {}
        """What a version makes of the records that it is asked for."""
        self.fails: dict[str, ClinOpsError] = {}
        """Versions whose records can't be read."""

    def read(self, replica: Replica, environment: Environment, tree: EstateTree) -> Inventory:
        if replica.version in self.fails:
            raise self.fails[replica.version]
        records = self._systems.records[replica.id]
        seen = self.reads.get(replica.version, dict)(records)
        return inventory(patients={key: dict(fields) for key, fields in seen.items()})


class WritingSuites(ScriptedSuites):
    """Suites whose programs fill such systems."""

    systems: FakeSystems
    writer_fails = False
    writes: Callable[[Records], Records] = staticmethod(lambda records: {**records, **NEW})
    """What the writer program makes of the records."""

    def seed(self, program: str, replica: Replica, tree: EstateTree) -> None:
        super().seed(program, replica, tree)
        self.systems.records[replica.id] = PATIENTS

    def run_program(self, program: str, replica: Replica, tree: EstateTree) -> bytes:
        if self.writer_fails:
            raise SeedError(f"{program} ended with code 1")
        self.systems.records[replica.id] = self.writes(self.systems.records[replica.id])
        return b""
