"""Replicas without an engine."""

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


class FakeReplicas:
    """Implements Replicas in memory."""

    def __init__(self) -> None:
        self.failures: dict[str, ReplicaFailure] = {}
        """What the replica of a version ends with instead of getting ready."""
        self.engine_gone = False
        self.present: dict[str, str] = {}
        """Leases of the replicas that are there now, by replica id."""
        self.started: list[tuple[str, Role]] = []
        """Version and role of every replica that was asked for."""
        self.forked: list[tuple[str, Role]] = []
        """Version and role of every fork that was asked for."""
        self.snapshots: dict[str, tuple[Snapshot, str | None]] = {}
        """Snapshots with their leases, by key."""
        self.executed: list[tuple[str, ...]] = []
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
        made = product, version, role, release
        with self._standing(environment, images, made, lease) as replica:
            yield replica

    @contextmanager
    def _standing(
        self,
        environment: Environment,
        images: Mapping[str, str],
        made: tuple[str, str, Role, str],
        lease: str,
    ) -> Iterator[Replica | ReplicaFailure]:
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
        try:
            yield self.failures.get(version, replica)
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
        self.forked.append((version, role))
        made = product, version, role, release
        with self._standing(environment, snapshot.bases, made, lease) as replica:
            yield replica

    def freeze(
        self, replica: Replica, environment: Environment, key: str, *, lease: str | None
    ) -> Snapshot:
        images = {name: digest_of([key, name]) for name in replica.services}
        made = Snapshot(key=key, images=images, bases=replica.images)
        self.snapshots[key] = made, lease
        return made

    def snapshot(self, key: str) -> Snapshot | None:
        found = self.snapshots.get(key)
        return found[0] if found is not None and found[1] is None else None

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
        steps = (Step(name="stop", seconds=1), Step(name="start", seconds=2))
        services = {
            name: service.model_copy(update={"image": images[name]})
            for name, service in replica.services.items()
        }
        change: dict[str, Any] = {"version": version, "role": role, "services": services}
        moved = self.failures.get(version) or replica.model_copy(update=change)
        return Moved(replica=moved, seconds=3, steps=steps)

    def execute(
        self, replica: Replica, service: str, command: Sequence[str], *, within: float
    ) -> Executed:
        self.executed.append(tuple(command))
        return Executed(exit_code=int(command[0] == "false"), output=b"")

    def archive(self, replica: Replica, service: str, path: str) -> Iterator[bytes]:
        raise NotFoundError(f"{service} has nothing at {path}")
        yield b""

    def collect(self, unused_for: dt.timedelta) -> list[str]:
        # Nothing here is old, unless nothing may be kept at all.
        old = [key for key, (_, lease) in self.snapshots.items() if lease is None]
        old = [] if unused_for else old
        for key in old:
            del self.snapshots[key]
        return old

    def logs(self, replica: Replica) -> dict[str, bytes]:
        return {name: f"the log of {name}\n".encode() for name in replica.services}

    def ensure_engine_stayed(self) -> None:
        if self.engine_gone:
            raise EngineError("the engine went away")

    def sweep(self, alive: Callable[[str], bool]) -> list[str]:
        orphaned = [replica for replica, lease in self.present.items() if not alive(lease)]
        for replica in orphaned:
            del self.present[replica]
        dead = [key for key, (_, lease) in self.snapshots.items() if lease and not alive(lease)]
        for key in dead:
            del self.snapshots[key]
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
