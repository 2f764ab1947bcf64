"""One move of a replica to other images, on the data that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic

from docker import DockerClient
from docker.models.containers import Container

from clinops.adapters.docker_containers import (
    LABEL_LEASE,
    LABEL_PRODUCT,
    LABEL_RELEASE,
    LABEL_REPLICA,
    LABEL_ROLE,
    LABEL_SERVICE,
    Placement,
    create_container,
    remove_containers,
)
from clinops.adapters.docker_mounts import carry, wrote_elsewhere
from clinops.adapters.docker_snapshots import stop
from clinops.adapters.docker_startup import ServiceFailedError, Startup
from clinops.adapters.docker_upgrade import run_command, wait_until_drained
from clinops.domain.environment import Environment
from clinops.domain.rehearsal import Step
from clinops.domain.replica import Replica

_OURS = (LABEL_LEASE, LABEL_PRODUCT, LABEL_RELEASE, LABEL_REPLICA, LABEL_ROLE)


@dataclass
class Moving:
    """What is done, and how long each part of it took."""

    client: DockerClient
    environment: Environment
    images: Mapping[str, str]
    replica: Replica
    upgrade: bool
    steps: tuple[Step, ...] = field(default=())
    downtime: float = 0.0
    """Without carrying the data: a site's volumes stay where they are."""

    @property
    def network(self) -> str:
        """The replica's own network."""
        return f"clinops-{self.replica.id}"

    def run(self, before: Mapping[str, Container]) -> dict[str, Container]:
        """Stop everything, carry the data, and start the other images on it.

        Raises:
            ServiceFailedError: Something of the new version failed.
        """
        with self._step("stop", down=True):
            stop(before, self.environment)
        with self._step("carry the data over"):
            after = self._replaced(before)
        starting = "upgrade command, then start" if self._has_command else "start"
        with self._step(starting, down=True):
            containers = Startup(
                self.client, self.environment, after.__getitem__, self._prepare
            ).run()
        if self.upgrade:
            with self._step("wait for migrations"):
                under_test = self.environment.clinops.under_test
                wait_until_drained(self.client, self.environment, containers[under_test])
        return containers

    @property
    def _has_command(self) -> bool:
        return self.upgrade and self.environment.clinops.upgrade.command is not None

    def _replaced(self, before: Mapping[str, Container]) -> dict[str, Container]:
        """Put new containers in place of the old, but for those that it would make no odds to."""
        ours = next(iter(before.values())).labels
        labels = {label: ours[label] for label in _OURS}
        stay = {name for name, old in before.items() if self._may_stay(name, old)}
        after = {
            name: before[name]
            if name in stay
            else self._successor(name, before.get(name), {**labels, LABEL_SERVICE: name})
            for name in self.environment.services
        }
        remove_containers(old for name, old in before.items() if name not in stay)
        return after

    def _may_stay(self, name: str, old: Container) -> bool:
        """Whether all that a service has written is in its volumes, and its image stays as well.

        A deployment replaces every container: a database whose data lies in no volume loses it at
        the sites, so it must lose it here.
        """
        service = self.environment.services.get(name)
        same = service is not None and self.replica.services[name].image == self.images[name]
        return same and service is not None and not wrote_elsewhere(old, service.mounts)

    def _successor(self, name: str, old: Container | None, labels: Mapping[str, str]) -> Container:
        """Create the next container of a service, with the data of the one before if any."""
        service = self.environment.services[name]
        placement = Placement(
            name=f"{self.network}-{name}-{token_hex(3)}",
            network=self.network,
            labels=labels,
            fresh_volumes=service.mounts,
        )
        new = create_container(self.client, name, service, self.images[name], placement)
        if old is not None:
            for path in service.mounts:
                carry(old, path, new)
        return new

    def _prepare(self, name: str, container: Container) -> None:
        if self._has_command and name == self.environment.clinops.under_test:
            image = self.images[name]
            run_command(self.client, self.environment, container, image, self.network)

    @contextmanager
    def _step(self, name: str, *, down: bool = False) -> Iterator[None]:
        begun = monotonic()
        problem = ""
        try:
            yield
        except ServiceFailedError as error:
            problem = error.reason
            raise
        finally:
            done = Step(name=name, seconds=round(monotonic() - begun, 3), problem=problem)
            self.steps = (*self.steps, done)
            self.downtime += done.seconds if down else 0
