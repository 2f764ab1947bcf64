"""A container of a replica put in the place of another, run otherwise on the same data."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex

from docker import DockerClient
from docker.models.containers import Container

from clinops.adapters.docker_containers import Placement, create_container, remove_containers
from clinops.adapters.docker_mounts import carry, volumes_of
from clinops.domain.environment import Service


def data_paths(container: Container, service: Service) -> list[str]:
    """Return where the data of a service lies: its named volumes, and what its image calls one."""
    return sorted({*service.mounts, *volumes_of(container)})


def replace_container(
    client: DockerClient,
    old: Container,
    name: str,
    service: Service,
    network: str,
    *,
    volumes_from: str | None = None,
) -> Container:
    """Put a stopped container's data into one that is run otherwise, and remove the old one.

    Args:
        client: The engine.
        old: The stopped container.
        name: The service's.
        service: How it is run from now on.
        network: The replica's.
        volumes_from: A container that has the data already.
    """
    paths = data_paths(old, service)
    placement = Placement(
        name=f"{network}-{name}-{token_hex(3)}",
        network=network,
        labels=ours(old.labels),
        fresh_volumes=() if volumes_from else paths,
        volumes_from=volumes_from,
    )
    new = create_container(client, name, service, str(old.attrs["Image"]), placement)
    if volumes_from is None:
        for path in paths:
            carry(old, path, new)
    remove_containers([old])
    return new


def ours(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels by which an object goes with its replica."""
    return {name: text for name, text in labels.items() if name.startswith("clinops.") and text}
