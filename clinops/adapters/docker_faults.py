"""What goes wrong at sites, done to the containers of a replica: the port `Faults`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container

from clinops.adapters import docker_full_disk as full_disk
from clinops.adapters import docker_skewed_clock as skewed_clock
from clinops.adapters.docker_containers import describe, log_tail
from clinops.adapters.docker_engine import connect, engine_errors, plain
from clinops.adapters.docker_replacing import replace_container
from clinops.adapters.docker_snapshots import stop
from clinops.adapters.docker_startup import ServiceFailedError, Startup
from clinops.domain.environment import Environment, FaultName, Service
from clinops.domain.fault_trial import Impossible
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.errors import EngineError

_PATIENCE = 600
"""Seconds that the engine may be silent while data is carried."""

_ENDED_BY_ITSELF = 409


class DockerFaults:
    """Breaks replicas on the local engine, and mends them."""

    def __init__(self, host: str | None = None, library: Path = skewed_clock.LIBRARY) -> None:
        """Use an engine, and the libfaketime of this machine."""
        self._client = connect(host, timeout=_PATIENCE)
        self._library = library

    def stage(
        self, fault: FaultName, replica: Replica, environment: Environment
    ) -> _Staged | Impossible:
        """Make everything ready that a fault needs, so that it strikes at once."""
        with engine_errors(f"make {replica.id} ready for a fault"):
            containers = {
                name: self._client.containers.get(instance.container)
                for name, instance in replica.services.items()
            }
            staged = _Staged(
                self._client, fault, environment, replica, containers, library=self._library
            )
            return staged.prepare() or staged

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()


@dataclass
class _Staged:
    """One fault, ready to happen."""

    client: DockerClient
    fault: FaultName
    environment: Environment
    replica: Replica | ReplicaFailure
    containers: dict[str, Container]
    library: Path
    holders: dict[str, Container] = field(default_factory=dict)
    network: str = ""

    def __post_init__(self) -> None:
        assert isinstance(self.replica, Replica)  # noqa: S101  # it is made of one
        self._was = self.replica
        self.network = f"clinops-{self.replica.id}"

    @property
    def _struck(self) -> Iterable[tuple[Container, Service, str]]:
        for name in self.environment.struck_by(self.fault):
            yield self.containers[name], self.environment.services[name], name

    def prepare(self) -> Impossible | None:
        """Run every service as at a site, and those to be struck so that they can be."""
        why = ""
        if self.fault == "disk-full":
            why = self._onto_small_disks()
        elif self.fault == "clock-skewed":
            why = self._with_clocks_to_be_set()
        if why:
            return Impossible(why=why)
        for container in self.containers.values():
            # NOTE: as at sites: what ends by itself is started again. The stubs don't know it.
            container.update(restart_policy={"Name": "unless-stopped"})  # type: ignore[arg-type]
        return None

    def strike(self) -> None:
        """Let it happen, and go on."""
        with engine_errors(f"strike {self.replica_id}"):
            for container, service, name in self._struck:
                _STRIKES[self.fault](self, container, service, name)

    def mend(self) -> Replica | ReplicaFailure:
        """Take it back, start what has ended, and wait until every service is ready again."""
        with engine_errors(f"mend {self.replica_id}"):
            for container, service, name in self._struck:
                if mend := _MENDS.get(self.fault):
                    mend(self, container, service, name)
        return self._ready()

    @property
    def replica_id(self) -> str:
        """The id of the replica."""
        return self._was.id

    def _ready(self) -> Replica | ReplicaFailure:
        try:
            Startup(self.client, self.environment, self.containers.__getitem__).run()
        except ServiceFailedError as error:
            with engine_errors("read the log of a container"):
                tail = log_tail(self.containers[error.service])
            return ReplicaFailure(service=error.service, reason=error.reason, log_tail=tail)
        with engine_errors("describe a replica"):
            doors = self.environment.clinops.endpoints
            services, endpoints = describe(self.containers, self.network, doors)
        # Each service goes on naming the image that evidence names.
        services = {
            name: instance.model_copy(update={"image": self._was.services[name].image})
            for name, instance in services.items()
        }
        return self._was.model_copy(update={"services": services, "endpoints": endpoints})

    def _onto_small_disks(self) -> str:
        stop(self.containers, self.environment)
        for container, service, name in list(self._struck):
            try:
                holder = full_disk.hold(self.client, container, service)
            except full_disk.TooLargeError:
                return f"{name} has more data than fits into memory"
            except APIError as error:
                return f"{name} has no shell to fill its disk with: {plain(str(error.explanation))}"
            self.holders[name] = holder
            self.containers[name] = replace_container(
                self.client, container, name, service, self.network, volumes_from=str(holder.id)
            )
        self.replica = self._ready()
        for name, holder in self.holders.items():
            full_disk.fill_most(holder, self.environment.services[name])
        return ""

    def _with_clocks_to_be_set(self) -> str:
        if not self.library.is_file():
            return f"this machine has no {self.library}: apt-get install libfaketime"
        stop(self.containers, self.environment)
        for container, service, name in list(self._struck):
            if service.read_only:
                return f"{name} is read-only, so that libfaketime can't be put into it"
            preloading = skewed_clock.preloading(service)
            new = replace_container(self.client, container, name, preloading, self.network)
            skewed_clock.prepare(new, self.library)
            self.containers[name] = new
        self.replica = self._ready()
        if isinstance(self.replica, ReplicaFailure):
            return f"{self.replica.service} does not run with libfaketime: {self.replica.reason}"
        for container, _, name in self._struck:
            if not skewed_clock.preloaded(container):
                return f"no process of {name} is seen to use libfaketime (a static program?)"
        return ""

    def kill(self, container: Container, _service: Service, _name: str) -> None:
        """End it at once, as a crash does."""
        try:
            container.kill()
        except APIError as error:
            if error.status_code != _ENDED_BY_ITSELF:
                raise

    def pause(self, container: Container, _service: Service, _name: str) -> None:
        """Let it stand still, as a host does that is out of breath."""
        container.pause()

    def go_on(self, container: Container, _service: Service, _name: str) -> None:
        """Let it go on."""
        container.unpause()

    def cut(self, container: Container, _service: Service, _name: str) -> None:
        """Take it off the network."""
        self.client.networks.get(self.network).disconnect(container)

    def reconnect(self, container: Container, service: Service, name: str) -> None:
        """Put it on the network again, by the same names."""
        aliases = sorted({name, service.hostname or name})
        self.client.networks.get(self.network).connect(container, aliases=aliases)

    def fill(self, _container: Container, service: Service, name: str) -> None:
        """Leave not one byte on its disk."""
        if not full_disk.fill(self.holders[name], service):
            raise EngineError(f"the disk of {name} could not be filled")

    def empty(self, container: Container, service: Service, name: str) -> None:
        """Make room again, and start it anew, as operations would."""
        full_disk.empty(self.holders[name], service)
        container.restart(timeout=int(service.stop_grace_period[:-1]))

    def set_ahead(self, container: Container, _service: Service, _name: str) -> None:
        """Set its clock a day ahead."""
        skewed_clock.set_ahead(container)

    def set_right(self, container: Container, _service: Service, _name: str) -> None:
        """Set its clock right."""
        skewed_clock.set_right(container)


_Doing = Callable[[_Staged, Container, Service, str], None]
_STRIKES: dict[FaultName, _Doing] = {
    "database-killed": _Staged.kill,
    "paused": _Staged.pause,
    "disk-full": _Staged.fill,
    "network-cut": _Staged.cut,
    "clock-skewed": _Staged.set_ahead,
    "restarted-in-a-write": _Staged.kill,
}
_MENDS: dict[FaultName, _Doing] = {
    "paused": _Staged.go_on,
    "disk-full": _Staged.empty,
    "network-cut": _Staged.reconnect,
    "clock-skewed": _Staged.set_right,
}
