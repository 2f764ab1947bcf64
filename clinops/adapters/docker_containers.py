"""From a Compose service to a hardened container, the same for replicas and for sites."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic, sleep

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import LogConfig

from clinops.adapters.docker_engine import last_lines
from clinops.adapters.docker_mounts import fresh
from clinops.domain.environment import Service
from clinops.domain.replica import ServiceInstance

LABEL_REPLICA = "clinops.replica"
LABEL_LEASE = "clinops.lease"
LABEL_RELEASE = "clinops.release"
LABEL_ROLE = "clinops.role"
LABEL_SITE = "clinops.site"
LABEL_PRODUCT = "clinops.product"
LABEL_SERVICE = "clinops.service"

Filters = dict[str, str | list[str] | bool]
"""What the engine's listings are narrowed by."""

_PREFIX = "clinops."
_CPU_PERIOD = 100_000
_GONE = 404
_BEING_REMOVED = 409
_STILL_IN_USE = 403
_NO_OUTSIDE_NAMES = ["127.0.0.1"]


@dataclass(frozen=True)
class Placement:
    """Where a service's container goes: all that differs between a replica and a site."""

    name: str
    network: str
    labels: Mapping[str, str]
    volumes: Mapping[str, str] = field(default_factory=dict)
    """The engine's volume by the path that it is mounted at."""
    fresh_volumes: Collection[str] = ()
    """Where an empty volume is mounted that goes with the container."""
    volumes_from: str | None = None
    """A container whose volumes this one shares."""


def create_container(
    client: DockerClient, name: str, service: Service, image: str, placement: Placement
) -> Container:
    """Create the container of a service with nothing but the rights that it asks for by name."""
    aliases = sorted({name, service.hostname or name})
    endpoint = client.api.create_endpoint_config(aliases=aliases)
    return client.containers.create(
        image,
        service.command,
        name=placement.name,
        entrypoint=service.entrypoint,
        environment=service.environment,
        user=service.user,
        working_dir=service.working_dir,
        hostname=service.hostname or name,
        network=placement.network,
        networking_config={placement.network: endpoint},
        # NOTE: an internal network alone lets the engine ask the host's resolver for outside
        # names (CVE-2024-29018); this address is the container's own loopback: nobody there.
        dns=_NO_OUTSIDE_NAMES,
        dns_opt=["timeout:1", "attempts:1"],
        labels=own_labels(client, image, {**service.labels, **placement.labels}),
        volumes={v: {"bind": p, "mode": "rw"} for p, v in placement.volumes.items()},
        mounts=fresh(placement.fresh_volumes),
        volumes_from=[placement.volumes_from] if placement.volumes_from else None,
        tmpfs=dict.fromkeys(service.tmpfs, ""),
        cap_drop=["ALL"],
        cap_add=list(service.cap_add),
        security_opt=["no-new-privileges:true"],
        read_only=service.read_only,
        init=service.init,
        mem_limit=service.mem_limit,
        memswap_limit=service.mem_limit,
        # A quota, not `nano_cpus`: the engine refuses more of those than the machine has cores.
        cpu_period=_CPU_PERIOD,
        cpu_quota=int(service.cpus * _CPU_PERIOD),
        pids_limit=service.pids_limit,
        shm_size=service.shm_size,
        stop_signal=service.stop_signal,
        healthcheck={"test": ["NONE"]},
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "1"}),
    )


def own_labels(client: DockerClient, image: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Add blanks for what a vendor's image says in our name.

    A container inherits its image's labels: a `clinops.lease` there could have a site's system
    swept, or hide a replica from the sweep.
    """
    foreign = client.images.get(image).labels
    return {**{label: "" for label in foreign if label.startswith(_PREFIX)}, **labels}


def create_network(client: DockerClient, name: str, labels: Mapping[str, str]) -> Network:
    """Create a network without a way out.

    Its bridge is called `clinops-…`, so that one firewall rule of the host covers all of them.
    """
    return client.networks.create(
        name,
        driver="bridge",
        internal=True,
        check_duplicate=True,
        options={"com.docker.network.bridge.name": f"clinops-{token_hex(3)}"},
        labels=dict(labels),
    )


def with_labels(**labels: str) -> Filters:
    """Return the engine's filter for objects that carry all of these `clinops.*` labels."""
    return {"label": [f"{_PREFIX}{label}={value}" for label, value in labels.items()]}


def describe(
    containers: Mapping[str, Container], network: str, doors: Mapping[str, str]
) -> tuple[dict[str, ServiceInstance], dict[str, str]]:
    """Return the running services and the named doors as `address:port`."""
    services = {}
    for name, container in containers.items():
        container.reload()
        services[name] = ServiceInstance(
            container=str(container.id),
            address=container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"],
            image=container.attrs["Image"],
        )
    ports = {door: target.split(":") for door, target in doors.items()}
    return services, {
        door: f"{services[service].address}:{port}"
        for door, (service, port) in ports.items()
        if service in services
    }


def log_tail(container: Container) -> str:
    """Return the last 40 lines that a container wrote."""
    return last_lines(container.logs(tail=40), 40)


def remove_containers(containers: Iterable[Container]) -> None:
    """Remove containers with their anonymous volumes, running or not; gone ones are fine."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_remove, containers))


def _remove(container: Container) -> None:
    try:
        container.remove(force=True, v=True)
    except APIError as error:
        if error.status_code not in {_GONE, _BEING_REMOVED}:
            raise


def remove_network(network: Network, within: float = 10) -> None:
    """Remove a network, waiting for containers that somebody else is just removing."""
    deadline = monotonic() + within
    while True:
        try:
            network.remove()
        except NotFound:
            return
        except APIError as error:
            if error.status_code != _STILL_IN_USE or monotonic() >= deadline:
                raise
            sleep(0.1)
        else:
            return
