"""Replicas as Docker containers on an internal network of their own."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Self

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from clinops.adapters import docker_snapshots as snapshots
from clinops.adapters.docker_containers import (
    LABEL_LEASE,
    LABEL_PRODUCT,
    LABEL_RELEASE,
    LABEL_REPLICA,
    LABEL_ROLE,
    LABEL_SERVICE,
    Filters,
    Placement,
    create_container,
    create_network,
    describe,
    log_tail,
    remove_containers,
    remove_network,
    with_labels,
)
from clinops.adapters.docker_engine import EngineWatch, connect, engine_errors
from clinops.adapters.docker_execution import ContainerCommands
from clinops.adapters.docker_mounts import carried, unpack
from clinops.adapters.docker_moving import Moving
from clinops.adapters.docker_startup import ServiceFailedError, Startup
from clinops.domain.digest import digest_of
from clinops.domain.environment import Environment, Service
from clinops.domain.replica import Executed, Moved, Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import EngineError, NotFoundError

_SILENCE = 1800
"""Seconds that the engine may be silent while it freezes or carries what may be large."""


class DockerReplicas:
    """Starts, describes, removes and sweeps replicas (port `Replicas`).

    It watches the engine from its construction on: make one for each qualification, and close it.
    """

    def __init__(self, host: str | None = None) -> None:
        self._host = host
        self._client = connect(host)
        try:
            self._watch = EngineWatch(self._client)
        except EngineError:
            self._client.close()
            raise
        self._commands = ContainerCommands(self._client)

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
        """Start a replica; on leaving the context it is removed, whatever happened."""
        planned = _planned(environment, product, version, role, release)
        with self._removed(planned):
            yield self._stand_up(planned, environment, images, lease, self._created)

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
        """Start a replica from a snapshot, otherwise like `start`."""
        planned = _planned(environment, product, version, role, release)
        with self._removed(planned):
            fork = self._stand_up(planned, environment, snapshot.images, lease, self._unpacked)
            yield fork if isinstance(fork, ReplicaFailure) else _naming(fork, snapshot.bases)

    @contextmanager
    def _removed(self, planned: Replica) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # An engine that is gone can't remove anything; the sweep will. What went wrong first
            # is what must be told.
            with suppress(EngineError):
                self._remove(with_labels(replica=planned.id))
            raise
        self._remove(with_labels(replica=planned.id))

    def _stand_up(
        self,
        planned: Replica,
        environment: Environment,
        images: Mapping[str, str],
        lease: str,
        making: Callable[[str, Service, str, Placement], Container],
    ) -> Replica | ReplicaFailure:
        network = f"clinops-{planned.id}"
        labels = {
            LABEL_REPLICA: planned.id,
            LABEL_LEASE: lease,
            LABEL_PRODUCT: planned.product,
            LABEL_RELEASE: planned.release,
            LABEL_ROLE: str(planned.role),
        }
        with engine_errors("create a network"):
            create_network(self._client, network, labels)

        def create(name: str) -> Container:
            placement = Placement(f"{network}-{name}", network, {**labels, LABEL_SERVICE: name})
            return making(name, environment.services[name], images[name], placement)

        try:
            containers = Startup(self._client, environment, create).run()
        except ServiceFailedError as error:
            return self._failure(error, planned.id)
        with engine_errors("describe a replica"):
            services, endpoints = describe(containers, network, environment.clinops.endpoints)
        return planned.model_copy(update={"services": services, "endpoints": endpoints})

    def _created(self, name: str, service: Service, image: str, placement: Placement) -> Container:
        return create_container(self._client, name, service, image, placement)

    def _unpacked(self, name: str, service: Service, image: str, placement: Placement) -> Container:
        """Create a container of a frozen image, with what that keeps for volumes in them.

        Of frozen images only: a vendor's may pretend to keep something.
        """
        with closing(self._patient()) as client:
            paths = carried(client.images.get(image))
            placement = replace(placement, fresh_volumes=paths)
            container = create_container(client, name, service, image, placement)
            unpack(container, paths)
        return self._client.containers.get(str(container.id))

    def freeze(
        self, replica: Replica, environment: Environment, key: str, *, lease: str | None
    ) -> Snapshot:
        """Stop a replica cleanly and freeze it as image layers; it is not usable afterwards."""
        with engine_errors("freeze a replica"), closing(self._patient()) as client:
            containers = _containers(client, replica)
            snapshots.stop(containers, environment)
            return snapshots.commit(
                client, containers, environment, replica.images, key, lease=lease
            )

    def snapshot(self, key: str) -> Snapshot | None:
        """Return the kept snapshot of a key, and note that it was used; None where it is not."""
        with engine_errors("look for a snapshot"):
            return snapshots.kept(self._client, key)

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
        """Put other images on the data of a replica, as a site would: every service is replaced."""
        self._commands.forget(instance.container for instance in replica.services.values())
        with engine_errors("move a replica"), closing(self._patient()) as client:
            going = Moving(client, environment, images, replica, upgrade=upgrade)
            try:
                containers = going.run(_containers(client, replica))
            except ServiceFailedError as error:
                failure = self._failure(error, replica.id)
                return Moved(replica=failure, seconds=going.downtime, steps=going.steps)
            services, endpoints = describe(containers, going.network, environment.clinops.endpoints)
        moved = replica.model_copy(
            update={
                "version": version,
                "role": role,
                "services": services,
                "endpoints": endpoints,
            }
        )
        return Moved(replica=moved, seconds=going.downtime, steps=going.steps)

    def execute(
        self, replica: Replica, service: str, command: Sequence[str], *, within: float
    ) -> Executed:
        """Run a command inside a service, at most that many seconds."""
        with engine_errors(f"run a command in {service}"):
            container = replica.services[service].container
            return self._commands.run(container, command, within=within)

    def archive(self, replica: Replica, service: str, path: str) -> Iterator[bytes]:
        """Yield a tar archive of a path inside a service; raises NotFoundError."""
        with engine_errors(f"read {path} in {service}"):
            try:
                container = self._client.containers.get(replica.services[service].container)
                chunks, _ = container.get_archive(path)
            except NotFound:
                raise NotFoundError(f"{service} has nothing at {path}") from None
            yield from chunks

    def collect(self, unused_for: dt.timedelta) -> list[str]:
        """Remove the kept snapshots that nothing has used for so long; name them."""
        with engine_errors("collect old snapshots"):
            return snapshots.unused(self._client, dt.datetime.now(dt.UTC) - unused_for)

    def _patient(self) -> DockerClient:
        return connect(self._host, timeout=_SILENCE)

    def _failure(self, error: ServiceFailedError, replica: str) -> ReplicaFailure:
        self.ensure_engine_stayed()
        with engine_errors("read the log of a container"):
            mine = with_labels(replica=replica, service=error.service)
            containers = self._client.containers.list(all=True, filters=mine)
            tail = "\n".join(log_tail(container) for container in containers)
        return ReplicaFailure(service=error.service, reason=error.reason, log_tail=tail)

    def _remove(self, which: Filters) -> list[str]:
        with engine_errors("remove a replica"):
            containers = self._client.containers.list(all=True, sparse=True, filters=which)
            networks = self._client.networks.list(filters=which)
            remove_containers(containers)
            self._commands.forget(str(container.id) for container in containers)
            for network in networks:
                remove_network(network)
        return sorted(
            [str(container.attrs["Names"][0]).lstrip("/") for container in containers]
            + [str(network.name) for network in networks]
        )

    def logs(self, replica: Replica) -> dict[str, bytes]:
        """Return the containers' logs by service."""
        with engine_errors("read the logs of a replica"):
            return {
                name: self._client.containers.get(instance.container).logs()
                for name, instance in replica.services.items()
            }

    def engine(self) -> str:
        """Digest what runs containers: the engine with its parts, the kernel, the machine."""
        with engine_errors("ask the Docker engine what it is"):
            return digest_of(self._client.version())

    def ensure_engine_stayed(self) -> None:
        """Raise EngineError if the engine went away at any time since this object was made."""
        self._watch.ensure_engine_stayed()

    def sweep(self, alive: Callable[[str], bool]) -> list[str]:
        """Remove every container and network of replicas whose lease is not alive; name them."""
        with engine_errors("look for orphaned replicas"):
            marked: Filters = {"label": LABEL_LEASE}
            containers = self._client.containers.list(all=True, sparse=True, filters=marked)
            networks = self._client.networks.list(filters=marked)
        leases = {str(found.attrs["Labels"][LABEL_LEASE]) for found in [*containers, *networks]}
        # An empty lease stands on what is no replica but has an image that pretends so.
        orphaned = sorted(lease for lease in leases if lease and not alive(lease))
        removed = [name for lease in orphaned for name in self._remove(with_labels(lease=lease))]
        with engine_errors("look for orphaned snapshots"):
            return [*removed, *snapshots.swept(self._client, alive)]

    def close(self) -> None:
        """Stop watching the engine and hang up."""
        self._commands.close()
        self._watch.close()
        self._client.close()

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()


def _planned(
    environment: Environment, product: str, version: str, role: Role, release: str
) -> Replica:
    return Replica(
        id=f"{product}-{role}-{secrets.token_hex(6)}",
        product=product,
        version=version,
        role=role,
        release=release,
        under_test=environment.clinops.under_test,
        services={},
        endpoints={},
    )


def _containers(client: DockerClient, replica: Replica) -> dict[str, Container]:
    return {
        name: client.containers.get(instance.container)
        for name, instance in replica.services.items()
    }


def _naming(replica: Replica, images: Mapping[str, str]) -> Replica:
    """Let each service name the image that evidence names, not the frozen one."""
    services = {
        name: instance.model_copy(update={"image": images[name]})
        for name, instance in replica.services.items()
    }
    return replica.model_copy(update={"services": services})
