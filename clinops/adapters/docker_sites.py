"""Products as they run at sites: containers that stay, with their data in named volumes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from docker import DockerClient
from docker.models.containers import Container

from clinops.adapters.docker_containers import (
    LABEL_PRODUCT,
    LABEL_RELEASE,
    LABEL_SERVICE,
    LABEL_SITE,
    Placement,
    create_container,
    create_network,
    describe,
    log_tail,
    remove_containers,
    remove_network,
    with_labels,
)
from clinops.adapters.docker_engine import connect, engine_errors, last_lines, plain
from clinops.adapters.docker_startup import ServiceFailedError, Startup
from clinops.adapters.docker_upgrade import UPGRADING, run_command, wait_until_drained
from clinops.adapters.docker_volumes import Volumes
from clinops.adapters.exec_stream import run_in
from clinops.domain.digest import digest_of
from clinops.domain.environment import Environment
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.site import Backup, LiveSystem
from clinops.domain.suite import Role
from clinops.errors import BadInputError, DeploymentError, NotFoundError
from clinops.ports import Clock

_VERSION = "clinops.version"
_UNDER_TEST = "clinops.under-test"
_DOORS = "clinops.doors"
_SPECIFICATION = "clinops.specification"
_GRACE = 10
_SILENCE = 1800
"""Seconds that the engine may be silent while a vendor's command runs."""


class DockerSites:
    """Deploys, backs up and restores the systems of sites (port `SiteSystems`)."""

    def __init__(self, engines: Mapping[str, str | None], clock: Clock) -> None:
        """Connect to nothing yet.

        Args:
            engines: `DOCKER_HOST` by site; none for the local engine.
            clock: Says when a backup was taken.
        """
        self._engines = dict(engines)
        self._clock = clock
        self._clients: dict[str, DockerClient] = {}

    def running(self, product: str, site: str) -> Replica | None:
        """Describe what runs at a site now, for checks; None where nothing does."""
        with engine_errors(f"look at {product} at {site}"):
            found = self._containers(product, site)
            up = {name: c for name, c in found.items() if c.status == "running"}
            if not up:
                return None
            labels = next(iter(up.values())).labels
            services, endpoints = describe(up, _name(site, product), json.loads(labels[_DOORS]))
        return Replica(
            id=f"{site}-{product}",
            product=product,
            version=labels[_VERSION],
            role=Role.CANDIDATE,
            release=labels[LABEL_RELEASE],
            under_test=labels[_UNDER_TEST],
            services=services,
            endpoints=endpoints,
            site=site,
        )

    def deploy(
        self,
        environment: Environment,
        images: Mapping[str, str],
        live: LiveSystem,
        *,
        upgrade: bool = False,
    ) -> Replica | ReplicaFailure:
        """Replace what runs at a site, keeping its data; idempotent.

        An upgrade runs `x-clinops.upgrade.command` on the data first, and waits for `drained`;
        one that a crash cut short runs the command again. A system that does not get ready is
        stopped again, not left half alive.

        Raises:
            BadInputError: Where an image keeps data that no named volume covers: it would be lost.
        """
        client = self._client(live.site)
        with engine_errors(f"deploy {live.product} at {live.site}"):
            self._refuse_uncovered_data(client, environment, images)
            self._end_upgrade(live.product, live.site)
            found = self._containers(live.product, live.site)
            if not _as_wanted(found, _specification(environment, images, live)):
                self._stop(found, environment)
                remove_containers(found.values())
        try:
            self._start(client, environment, images, live, upgrade=upgrade)
        except ServiceFailedError as error:
            return self._failure(error, environment, live)
        replica = self.running(live.product, live.site)
        if replica is None:
            return ReplicaFailure(
                service=environment.clinops.under_test, reason="ended once ready", log_tail=""
            )
        return replica

    def back_up(self, live: LiveSystem, environment: Environment, name: str) -> Backup:
        """Stop the system and copy its volumes; the same name twice returns the first backup."""
        volumes = self._volumes(live.product, live.site)
        with engine_errors(f"back up {live.product} at {live.site}"):
            if (kept := volumes.backup(name)) is not None:
                return kept
            self._end_upgrade(live.product, live.site)
            self._stop(self._containers(live.product, live.site), environment)
            return volumes.back_up(live, environment, name, self._clock().isoformat())

    def execute(self, product: str, site: str, service: str, command: Sequence[str]) -> None:
        """Run a vendor's command inside a service; raises DeploymentError unless it exits 0."""
        with engine_errors(f"run a command in {service} of {product} at {site}"):
            container = self._containers(product, site).get(service)
            if container is None or container.status != "running":
                raise DeploymentError(f"{product} at {site} runs no {service} to act in")
            status, said = run_in(container, command, silence=_SILENCE)
        if status != 0:
            raise DeploymentError(
                f"{plain(command[0])} in {service} ended with exit code {status}: "
                + last_lines(said, 20)
            )

    def restore(self, backup: Backup, environment: Environment) -> None:
        """Stop the system and put the data of a backup back; `deploy` starts it again."""
        with engine_errors(f"restore {backup.product} at {backup.site}"):
            self._end_upgrade(backup.product, backup.site)
            found = self._containers(backup.product, backup.site)
            self._stop(found, environment)
            remove_containers(found.values())
            self._volumes(backup.product, backup.site).restore(backup, environment)

    def remove(self, product: str, site: str) -> None:
        """Remove a system from a site with all its data and its backups."""
        client = self._client(site)
        with engine_errors(f"remove {product} at {site}"):
            self._end_upgrade(product, site)
            remove_containers(self._containers(product, site).values())
            for network in client.networks.list(filters=with_labels(site=site, product=product)):
                remove_network(network)
            self._volumes(product, site).remove_all()

    def close(self) -> None:
        """Hang up on every engine."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, site: str) -> DockerClient:
        if site not in self._engines:
            raise NotFoundError(f"no site is called {site!r}", mend="see environments/sites.yaml")
        if site not in self._clients:
            self._clients[site] = connect(self._engines[site], timeout=_SILENCE)
        return self._clients[site]

    def _volumes(self, product: str, site: str) -> Volumes:
        return Volumes(self._client(site), product, site)

    def _containers(self, product: str, site: str) -> dict[str, Container]:
        mine = with_labels(site=site, product=product)
        found = self._client(site).containers.list(all=True, filters=mine)
        # A container of an image build carries whatever labels its Dockerfile claims; only a name
        # can't be claimed twice.
        return {
            container.labels[LABEL_SERVICE]: container
            for container in found
            if container.name == f"{_name(site, product)}-{container.labels.get(LABEL_SERVICE)}"
        }

    def _end_upgrade(self, product: str, site: str) -> None:
        """Remove what runs an upgrade command whose deployment was killed: it still writes."""
        mine = with_labels(site=site, product=product)
        found = self._client(site).containers.list(all=True, filters=mine)
        start = f"{_name(site, product)}-"
        remove_containers(
            container
            for container in found
            if container.name == f"{start}{container.labels.get(LABEL_SERVICE)}{UPGRADING}"
        )

    def _start(
        self,
        client: DockerClient,
        environment: Environment,
        images: Mapping[str, str],
        live: LiveSystem,
        *,
        upgrade: bool,
    ) -> None:
        """Start what is not there yet, and let it survive a reboot only once it was ready."""
        network = _name(live.site, live.product)
        specification = _specification(environment, images, live)
        volumes = self._volumes(live.product, live.site)
        with engine_errors("create a network"):
            present = self._containers(live.product, live.site)
            mine = _identity(live.product, live.site)
            if not client.networks.list(filters=with_labels(site=live.site, product=live.product)):
                create_network(client, network, mine)

        def create(name: str) -> Container:
            if name in present:
                return present[name]
            service = environment.services[name]
            placement = Placement(
                name=f"{network}-{name}",
                network=network,
                labels={
                    **mine,
                    LABEL_SERVICE: name,
                    LABEL_RELEASE: live.release or "",
                    _VERSION: live.version,
                    _UNDER_TEST: environment.clinops.under_test,
                    _DOORS: json.dumps(environment.clinops.endpoints),
                    _SPECIFICATION: specification[name],
                },
                volumes={path: volumes.ensure(name) for path, name in service.mounts.items()},
            )
            return create_container(client, name, service, images[name], placement)

        def prepare(name: str, container: Container) -> None:
            if upgrade and name == environment.clinops.under_test and name not in present:
                run_command(client, environment, container, images[name], network)

        started = Startup(client, environment, create, prepare).run()
        if upgrade:
            with engine_errors("wait for migrations"):
                wait_until_drained(client, environment, started[environment.clinops.under_test])
        for container in started.values():
            with engine_errors("set a restart policy"):
                # NOTE: the published type stubs do not know this policy.
                container.update(restart_policy={"Name": "unless-stopped"})  # type: ignore[arg-type]

    def _failure(
        self, error: ServiceFailedError, environment: Environment, live: LiveSystem
    ) -> ReplicaFailure:
        with engine_errors(f"stop {live.product} at {live.site}"):
            found = self._containers(live.product, live.site)
            tail = log_tail(found[error.service]) if error.service in found else ""
            self._stop(found, environment)
        return ReplicaFailure(service=error.service, reason=error.reason, log_tail=tail)

    @staticmethod
    def _stop(found: Mapping[str, Container], environment: Environment) -> None:
        """Stop dependants before what they depend on, each with its grace period."""
        order = [name for wave in environment.start_order() for name in wave]
        strangers = [name for name in found if name not in order]
        for name in [*strangers, *reversed(order)]:
            if name in found and found[name].status != "exited":
                service = environment.services.get(name)
                found[name].stop(timeout=int(service.stop_grace_period[:-1]) if service else _GRACE)

    @staticmethod
    def _refuse_uncovered_data(
        client: DockerClient, environment: Environment, images: Mapping[str, str]
    ) -> None:
        for name, service in environment.services.items():
            declared = client.images.get(images[name]).attrs["Config"].get("Volumes") or {}
            kept = {path.rstrip("/") for path in declared}
            for path in sorted(kept - set(service.mounts) - set(service.tmpfs)):
                raise BadInputError(
                    f"{name}: the image keeps data in {path}, which the next deployment would lose",
                    mend=f"mount a named volume at {path} in the environment's compose.yaml",
                )


def _name(site: str, product: str) -> str:
    return f"clinops-{site}-{product}"


def _identity(product: str, site: str) -> dict[str, str]:
    return {LABEL_SITE: site, LABEL_PRODUCT: product}


def _specification(
    environment: Environment, images: Mapping[str, str], live: LiveSystem
) -> dict[str, str]:
    """Digest all that decides what a container is, by service."""
    shared = [live.version, live.release, environment.clinops.model_dump(mode="json")]
    return {
        name: digest_of([shared, images[name], service.model_dump(mode="json")])
        for name, service in environment.services.items()
    }


def _as_wanted(found: Mapping[str, Container], specification: Mapping[str, str]) -> bool:
    return {
        name: container.labels.get(_SPECIFICATION)
        for name, container in found.items()
        if container.status == "running"
    } == dict(specification) and set(found) == set(specification)
