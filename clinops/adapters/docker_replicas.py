"""Replicas as Docker containers on an internal network of their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Self

from docker.models.containers import Container

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
from clinops.adapters.docker_startup import ServiceFailedError, Startup
from clinops.domain.environment import Environment
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.suite import Role
from clinops.errors import EngineError


class DockerReplicas:
    """Starts, describes, removes and sweeps replicas (port `Replicas`).

    It watches the engine from its construction on: make one for each qualification, and close it.
    """

    def __init__(self, host: str | None = None) -> None:
        self._client = connect(host)
        try:
            self._watch = EngineWatch(self._client)
        except EngineError:
            self._client.close()
            raise

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
        planned = Replica(
            id=f"{product}-{role}-{secrets.token_hex(6)}",
            product=product,
            version=version,
            role=role,
            release=release,
            under_test=environment.clinops.under_test,
            services={},
            endpoints={},
        )
        try:
            yield self._stand_up(planned, environment, images, lease)
        except BaseException:
            # An engine that is gone can't remove anything; the sweep will. What went wrong first
            # is what must be told.
            with suppress(EngineError):
                self._remove(with_labels(replica=planned.id))
            raise
        self._remove(with_labels(replica=planned.id))

    def _stand_up(
        self, planned: Replica, environment: Environment, images: Mapping[str, str], lease: str
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
            service = environment.services[name]
            return create_container(self._client, name, service, images[name], placement)

        try:
            containers = Startup(self._client, environment, create).run()
        except ServiceFailedError as error:
            return self._failure(error, planned.id)
        with engine_errors("describe a replica"):
            services, endpoints = describe(containers, network, environment.clinops.endpoints)
        return planned.model_copy(update={"services": services, "endpoints": endpoints})

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
        return [name for lease in orphaned for name in self._remove(with_labels(lease=lease))]

    def close(self) -> None:
        """Stop watching the engine and hang up."""
        self._watch.close()
        self._client.close()

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()
