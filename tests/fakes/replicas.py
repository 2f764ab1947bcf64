"""Replicas without an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count

from clinops.domain.environment import Environment
from clinops.domain.replica import Replica, ReplicaFailure, ServiceInstance
from clinops.domain.suite import Role
from clinops.errors import EngineError


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
        self.ensure_engine_stayed()
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
        self.started.append((version, role))
        self.present[replica.id] = lease
        try:
            yield self.failures.get(version, replica)
        finally:
            self.present.pop(replica.id, None)

    def logs(self, replica: Replica) -> dict[str, bytes]:
        return {name: f"the log of {name}\n".encode() for name in replica.services}

    def ensure_engine_stayed(self) -> None:
        if self.engine_gone:
            raise EngineError("the engine went away")

    def sweep(self, alive: Callable[[str], bool]) -> list[str]:
        orphaned = [replica for replica, lease in self.present.items() if not alive(lease)]
        for replica in orphaned:
            del self.present[replica]
        return orphaned


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
