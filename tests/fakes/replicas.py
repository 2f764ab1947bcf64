"""Replicas without an engine: what one version writes, another may read, alter or lose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from clinops.domain.digest import digest_of
from clinops.domain.environment import Environment
from clinops.domain.rehearsal import Step
from clinops.domain.replica import Executed, Moved, Replica, ReplicaFailure, ServiceInstance
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import EngineError, NotFoundError
from tests.fakes.inventories import Records

Alter = Callable[[Records], Records]
"""What becomes of the records of a system."""


class FakeReplicas:
    """Implements Replicas in memory; every replica has records, which go where its data goes."""

    def __init__(self) -> None:
        self.failures: dict[str, ReplicaFailure] = {}
        """What a version ends with instead of getting ready, wherever it is started."""
        self.fork_fails: dict[str, ReplicaFailure] = {}
        """What only a fork of a version ends with."""
        self.move_fails: dict[str, ReplicaFailure] = {}
        """What a version ends with on data that it did not make."""
        self.exits: dict[str, int | None] = {"false": 1}
        """How a command ends, by its first word."""
        self.engine_gone = False
        self.engine_version = "29.1"
        self.present: dict[str, str] = {}
        """Leases of the replicas that are there now, by replica id."""
        self.started: list[tuple[str, Role]] = []
        """Version and role of every replica that was asked for afresh, without data."""
        self.records: dict[str, Records] = {}
        """What systems hold, by replica id."""
        self.frozen: dict[str, tuple[Snapshot, Records, str | None]] = {}
        """Snapshots with their records and leases, by key."""
        self.idle: dict[str, dt.timedelta] = {}
        """How long nothing has used a kept snapshot, by key; others were used just now."""
        self.on_start: dict[str, Alter] = {}
        """What a version makes of the records of another that it is started on."""
        self.on_command: dict[str, Alter] = {}
        """What a command makes of them, by its first word."""
        self.done: list[str] = []
        """Everything that was asked for, in order."""
        self._numbers = count(1)

    @contextmanager
    def start(
        self,
        environment: Environment,
        images: Mapping[str, str],
        *,
        product: str,
        version: str,
        role: Role,
        release: str,
        lease: str,
    ) -> Iterator[Replica | ReplicaFailure]:
        self.started.append((version, role))
        self.done.append(f"start {version}")
        made = product, version, role, release
        with self._standing(environment, images, made, lease, {}) as replica:
            yield self.failures.get(version, replica)

    @contextmanager
    def _standing(
        self,
        environment: Environment,
        images: Mapping[str, str],
        made: tuple[str, str, Role, str],
        lease: str,
        records: Records,
    ) -> Iterator[Replica]:
        self.ensure_engine_stayed()
        product, version, role, release = made
        number = next(self._numbers)
        replica = Replica(
            id=f"{product}-{role}-{number}",
            product=product,
            version=version,
            role=role,
            release=release,
            under_test=environment.clinops.under_test,
            services=instances(environment, images, number),
            endpoints=endpoints(environment, number),
        )
        self.present[replica.id] = lease
        self.records[replica.id] = records
        try:
            yield replica
        finally:
            self.present.pop(replica.id, None)

    @contextmanager
    def fork(
        self,
        environment: Environment,
        snapshot: Snapshot,
        *,
        product: str,
        version: str,
        role: Role,
        release: str,
        lease: str,
    ) -> Iterator[Replica | ReplicaFailure]:
        self.done.append(f"fork {version}")
        made, records = (product, version, role, release), self.frozen[snapshot.key][1]
        with self._standing(environment, snapshot.bases, made, lease, records) as replica:
            yield self.fork_fails.get(version) or self.failures.get(version, replica)

    def freeze(
        self, replica: Replica, environment: Environment, key: str, *, lease: str | None
    ) -> Snapshot:
        self.done.append(f"freeze {replica.version}")
        images = {name: digest_of([key, name]) for name in replica.services}
        made = Snapshot(key=key, images=images, bases=replica.images)
        self.frozen[key] = made, self.records[replica.id], lease
        return made

    def snapshot(self, key: str) -> Snapshot | None:
        found = self.frozen.get(key)
        return found[0] if found is not None and found[2] is None else None

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
        services = {
            name: service.model_copy(update={"image": images[name]})
            for name, service in replica.services.items()
        }
        change: dict[str, Any] = {"version": version, "role": role, "services": services}
        self.records[replica.id] = self.on_start.get(version, dict)(self.records[replica.id])
        failure = self.move_fails.get(version) or self.failures.get(version)
        failure = failure or self._unstarted(environment)
        start = Step(name="start", seconds=2, problem=failure.reason if failure else "")
        steps = (Step(name="stop", seconds=1), start)
        if upgrade and failure is None:
            failure = self._undrained(environment)
            problem = failure.reason if failure else ""
            steps = (*steps, Step(name="wait for migrations", seconds=4, problem=problem))
        moved = failure or replica.model_copy(update=change)
        return Moved(replica=moved, seconds=3, steps=steps)

    def _unstarted(self, environment: Environment) -> ReplicaFailure | None:
        under_test = environment.clinops.under_test
        command = environment.services[under_test].command or ["true"]
        code = self.exits.get(command[0], 0)
        reason = f"it exited with code {code}"
        return ReplicaFailure(service=under_test, reason=reason, log_tail="") if code else None

    def _undrained(self, environment: Environment) -> ReplicaFailure | None:
        upgrade = environment.clinops.upgrade
        if not upgrade.drained or not self.exits.get(upgrade.drained[0], 0):
            return None
        reason = f"its migrations had not ended after {upgrade.within} s"
        return ReplicaFailure(service=environment.clinops.under_test, reason=reason, log_tail="")

    def execute(
        self, replica: Replica, service: str, command: Sequence[str], *, within: float
    ) -> Executed:
        word = command[0]
        self.done.append(f"{word} in {service} {replica.version}")
        self.records[replica.id] = self.on_command.get(word, dict)(self.records[replica.id])
        return Executed(exit_code=self.exits.get(word, 0), output=b"it said \xff")

    def archive(self, replica: Replica, service: str, path: str) -> Iterator[bytes]:
        raise NotFoundError(f"{service} has nothing at {path}")
        yield b""

    def collect(self, unused_for: dt.timedelta) -> list[str]:
        kept = [key for key, (*_, lease) in self.frozen.items() if lease is None]
        old = [key for key in kept if self.idle.get(key, dt.timedelta()) > unused_for]
        for key in old:
            del self.frozen[key]
        return old

    def logs(self, replica: Replica) -> dict[str, bytes]:
        return {name: f"the log of {name}\n".encode() for name in replica.services}

    def engine(self) -> str:
        return digest_of(self.engine_version)

    def ensure_engine_stayed(self) -> None:
        if self.engine_gone:
            raise EngineError("the engine went away")

    def sweep(self, alive: Callable[[str], bool]) -> list[str]:
        orphaned = [replica for replica, lease in self.present.items() if not alive(lease)]
        for replica in orphaned:
            del self.present[replica]
        dead = [key for key, (*_, lease) in self.frozen.items() if lease and not alive(lease)]
        for key in dead:
            del self.frozen[key]
        return [*orphaned, *dead]


def instances(
    environment: Environment, images: Mapping[str, str], network: int
) -> dict[str, ServiceInstance]:
    """Make up a container for each service."""
    return {
        name: ServiceInstance(
            container=f"{network:032x}{index:032x}",
            address=_address(network, index),
            image=images[name],
        )
        for index, name in enumerate(environment.services)
    }


def endpoints(environment: Environment, network: int) -> dict[str, str]:
    """Resolve the doors of an environment to the made-up addresses."""
    index = {name: i for i, name in enumerate(environment.services)}
    doors = {door: target.split(":") for door, target in environment.clinops.endpoints.items()}
    return {door: f"{_address(network, index[name])}:{p}" for door, (name, p) in doors.items()}


def _address(network: int, index: int) -> str:
    return f"192.0.2.{(network * 8 + index) % 250 + 2}"
