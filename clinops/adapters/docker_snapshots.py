"""Snapshots as image layers: a stopped container is committed, and a fork is another container.

Nothing but labels says what belongs together. All frozen services of one replica carry its id, so
that two snapshots of one key, made at the same time, can't be mixed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from docker import DockerClient
from docker.errors import APIError, ImageNotFound
from docker.models.containers import Container
from docker.models.images import Image

from clinops.adapters.docker_containers import LABEL_REPLICA, LABEL_SERVICE
from clinops.adapters.docker_mounts import store, volumes_of
from clinops.domain.environment import Environment
from clinops.domain.snapshot import Snapshot

_REPOSITORY: Final = "clinops/snapshot"
_KEY: Final = "clinops.snapshot"
_LEASE: Final = "clinops.snapshot-lease"
_BASE: Final = "clinops.snapshot-base"
_SERVICES: Final = "clinops.snapshot-services"


def stop(containers: Mapping[str, Container], environment: Environment) -> None:
    """Stop services cleanly, dependants before what they depend on."""
    for wave in reversed(environment.start_order()):
        mine = [name for name in wave if name in containers]
        with ThreadPoolExecutor(max_workers=max(1, len(mine))) as pool:
            list(pool.map(lambda name: _stop(containers[name], environment, name), mine))


def _stop(container: Container, environment: Environment, name: str) -> None:
    container.stop(timeout=int(environment.services[name].stop_grace_period[:-1]))


def commit(
    client: DockerClient,
    containers: Mapping[str, Container],
    bases: Mapping[str, str],
    key: str,
    lease: str | None,
) -> Snapshot:
    """Freeze stopped containers; a kept snapshot (no lease) is whole, or it is not found.

    Args:
        client: The engine.
        containers: The stopped containers of one replica, by service.
        bases: What each was started from before anything was frozen, by service.
        key: What the snapshot is found by.
        lease: What it goes with; none for one that is kept.
    """

    def freeze(name: str) -> Image:
        labels = {
            _KEY: key,
            _LEASE: lease or "",
            _BASE: bases[name],
            _SERVICES: json.dumps(sorted(containers)),
            LABEL_SERVICE: name,
        }
        changes = [f"LABEL {label}={json.dumps(value)}" for label, value in labels.items()]
        container = containers[name]
        container.reload()
        image = container.commit(changes=changes, pause=False)
        if paths := volumes_of(container):
            image = store(client, image, container, paths)
        replica = str(container.labels[LABEL_REPLICA])[-12:]
        image.tag(_REPOSITORY, f"{key[:16]}-{replica}-{name}")
        return image

    with ThreadPoolExecutor(max_workers=max(1, len(containers))) as pool:
        frozen = dict(zip(containers, pool.map(freeze, containers), strict=True))
    return Snapshot(
        key=key, images={name: str(image.id) for name, image in frozen.items()}, bases=dict(bases)
    )


def kept(client: DockerClient, key: str) -> Snapshot | None:
    """Return the kept snapshot of a key and mark it as used; None where none is whole."""
    by_replica: dict[str, dict[str, Image]] = defaultdict(dict)
    for image in _frozen(client, f"{_KEY}={key}"):
        if not image.labels[_LEASE]:
            by_replica[image.labels[LABEL_REPLICA]][image.labels[LABEL_SERVICE]] = image
    for images in by_replica.values():
        wanted = json.loads(next(iter(images.values())).labels[_SERVICES])
        if sorted(images) == wanted and all(_mark(image) for image in images.values()):
            return Snapshot(
                key=key,
                images={name: str(image.id) for name, image in images.items()},
                bases={name: image.labels[_BASE] for name, image in images.items()},
            )
    return None


def swept(client: DockerClient, alive: Callable[[str], bool]) -> Iterator[str]:
    """Remove the frozen images whose lease is not alive; name them."""
    for image in _frozen(client, _LEASE):
        lease = image.labels[_LEASE]
        if lease and not alive(lease):
            yield from _remove(client, image)


def unused(client: DockerClient, since: dt.datetime) -> Iterator[str]:
    """Remove the kept snapshots that nothing has used since; name their images."""
    for image in _frozen(client, _KEY):
        if not image.labels[_LEASE] and _last_used(client, image) < since:
            yield from _remove(client, image)


def _frozen(client: DockerClient, label: str) -> list[Image]:
    """Return our frozen images with a label. A vendor's image may bear it; our tag it can't."""
    found = client.images.list(filters={"label": label, "reference": _REPOSITORY})
    return [image for image in found if {_KEY, _LEASE, _BASE, _SERVICES} <= image.labels.keys()]


def _mark(image: Image) -> bool:
    try:
        return all(image.tag(*tag.rsplit(":", 1)) for tag in image.tags)
    except APIError:  # collected a moment ago
        return False


def _last_used(client: DockerClient, image: Image) -> dt.datetime:
    said = client.images.get(str(image.id)).attrs
    # The engine gives nanoseconds; the year 1 stands for never.
    last = max(said["Metadata"].get("LastTagTime") or "", said["Created"])
    return dt.datetime.fromisoformat(last[:19]).replace(tzinfo=dt.UTC)


def _remove(client: DockerClient, image: Image) -> Iterator[str]:
    for tag in image.tags:
        with suppress(ImageNotFound):
            try:
                client.images.remove(tag)
            except APIError:  # a fork still stands on it: the next sweep
                return
            yield tag
