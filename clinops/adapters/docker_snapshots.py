"""Snapshots as image layers: a stopped container is committed, and a fork is another container.

Labels say what belongs together, and our own tags that they can be believed: a vendor's image may
bear any label. All frozen services of one replica carry its id, so that two snapshots of one key,
made at the same time, can't be mixed. Until all of them are there they have another tag, by which
the sweep finds what a freeze left that was cut short.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NamedTuple

from docker import DockerClient
from docker.errors import APIError, DockerException, NullResource
from docker.models.containers import Container
from docker.models.images import Image
from requests import RequestException

from clinops.adapters.docker_containers import LABEL_LEASE, LABEL_REPLICA, LABEL_SERVICE
from clinops.adapters.docker_mounts import LABEL_ELSEWHERE, store, volumes_of, wrote_elsewhere
from clinops.domain.environment import Environment
from clinops.domain.snapshot import Snapshot

_REPOSITORY: Final = "clinops/snapshot"
_FREEZING: Final = "clinops/freezing"
_KEY: Final = "clinops.snapshot"
_LEASE: Final = "clinops.snapshot-lease"
_BASE: Final = "clinops.snapshot-base"
_SERVICES: Final = "clinops.snapshot-services"


class _Frozen(NamedTuple):
    """A frozen image as the engine lists it; `created` in seconds since 1970."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    created: int
    parent: str


def stop(containers: Mapping[str, Container], environment: Environment) -> None:
    """Stop services cleanly, dependants before what they depend on."""
    for wave in reversed(environment.start_order()):
        mine = [name for name in wave if name in containers]
        with ThreadPoolExecutor(max_workers=max(1, len(mine))) as pool:
            list(pool.map(lambda name: _stop(containers[name], environment, name), mine))

    # Of an environment before this one: nothing here depends on them.
    for name in containers.keys() - environment.services.keys():
        containers[name].stop()


def _stop(container: Container, environment: Environment, name: str) -> None:
    container.stop(timeout=int(environment.services[name].stop_grace_period[:-1]))


def commit(
    client: DockerClient,
    containers: Mapping[str, Container],
    environment: Environment,
    bases: Mapping[str, str],
    key: str,
    *,
    lease: str | None,
) -> Snapshot:
    """Freeze stopped containers; a kept snapshot (no lease) is whole, or it is not found.

    Args:
        client: The engine.
        containers: The stopped containers of one replica, by service.
        environment: How they were started.
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
        container = containers[name]
        container.reload()
        if wrote_elsewhere(container, environment.services[name].mounts):
            labels[LABEL_ELSEWHERE] = "yes"
        changes = [f"LABEL {label}={json.dumps(value)}" for label, value in labels.items()]
        image = container.commit(_FREEZING, tags[name], changes=changes, pause=False)
        if paths := volumes_of(container):
            image = store(client, (_FREEZING, tags[name]), container, paths)
        return image

    replica = next(iter(containers.values())).labels[LABEL_REPLICA]
    tags = {name: f"{key[:12]}-{replica[-12:]}-{name}"[:128] for name in containers}
    try:
        with ThreadPoolExecutor(max_workers=max(1, len(containers))) as pool:
            frozen = dict(zip(containers, pool.map(freeze, containers), strict=True))
        for name, image in frozen.items():
            image.tag(_REPOSITORY, tags[name])
        for name in frozen:
            client.images.remove(f"{_FREEZING}:{tags[name]}", noprune=True)
    except BaseException:
        with suppress(DockerException, RequestException):
            _remove(client, _frozen(client, f"{LABEL_REPLICA}={replica}", _FREEZING))
        raise
    return Snapshot(
        key=key, images={name: str(image.id) for name, image in frozen.items()}, bases=dict(bases)
    )


def kept(client: DockerClient, key: str) -> Snapshot | None:
    """Return the kept snapshot of a key and mark it as used; None where none is whole."""
    by_replica: dict[str, dict[str, _Frozen]] = defaultdict(dict)
    for image in _frozen(client, f"{_KEY}={key}"):
        if not image.labels[_LEASE]:
            by_replica[image.labels[LABEL_REPLICA]][image.labels[LABEL_SERVICE]] = image
    for images in by_replica.values():
        wanted = json.loads(next(iter(images.values())).labels[_SERVICES])
        if sorted(images) == wanted and all(_mark(client, image) for image in images.values()):
            return Snapshot(
                key=key,
                images={name: image.id for name, image in images.items()},
                bases={name: image.labels[_BASE] for name, image in images.items()},
            )
    return None


def swept(client: DockerClient, alive: Callable[[str], bool]) -> list[str]:
    """Remove the frozen images whose lease is not alive, and unfinished ones; name them."""
    unfinished = [
        image
        for image in _frozen(client, _KEY, _FREEZING)
        if not alive(image.labels.get(LABEL_LEASE, ""))
    ]
    dead = [
        image
        for image in _frozen(client, _KEY)
        if image.labels[_LEASE] and not alive(image.labels[_LEASE])
    ]
    return _remove(client, {image.id: image for image in [*unfinished, *dead]}.values())


def unused(client: DockerClient, since: dt.datetime, key: str | None = None) -> list[str]:
    """Remove the kept snapshots, all or of one key, that nothing has used since; name them."""
    return _remove(
        client,
        [
            image
            for image in _frozen(client, f"{_KEY}={key}" if key else _KEY)
            if not image.labels[_LEASE] and _last_used(client, image) < since
        ],
    )


def _frozen(client: DockerClient, label: str, repository: str = _REPOSITORY) -> list[_Frozen]:
    # The listing alone: to inspect each would fail on one that somebody else removes meanwhile.
    found = client.api.images(filters={"label": label, "reference": repository})
    return [
        _Frozen(
            id=image["Id"],
            tags=tuple(image["RepoTags"] or ()),
            labels=image["Labels"],
            created=image["Created"],
            parent=image["ParentId"],
        )
        for image in found
        if {_KEY, _LEASE, _BASE, _SERVICES} <= image["Labels"].keys()
    ]


def _mark(client: DockerClient, image: _Frozen) -> bool:
    try:
        return all(
            client.api.tag(image.id, _REPOSITORY, tag.rsplit(":", 1)[1], force=True)
            for tag in image.tags
        )
    except APIError:  # collected a moment ago
        return False


def _last_used(client: DockerClient, image: _Frozen) -> dt.datetime:
    try:
        said = client.images.get(image.id).attrs
    except APIError:  # collected a moment ago
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    # The engine gives nanoseconds; the year 1 stands for never.
    last = max(said["Metadata"].get("LastTagTime") or "", said["Created"])
    return dt.datetime.fromisoformat(last[:19]).replace(tzinfo=dt.UTC)


def _remove(client: DockerClient, images: Iterable[_Frozen]) -> list[str]:
    """Remove frozen images, younger ones first: they may stand on the others; name their tags.

    What is still stood on stays, for the next sweep. Never with their parents, which the engine
    would take for its own to remove: one of them is the vendor's image.
    """
    removed: list[str] = []
    for image in sorted(images, key=lambda image: image.created, reverse=True):
        try:
            client.images.remove(image.id, force=True, noprune=True)
        except APIError:
            continue
        removed += image.tags
        _remove_half(client, image)
    return removed


def _remove_half(client: DockerClient, image: _Frozen) -> None:
    """Remove what an image with volumes was before their contents came in."""
    try:
        half = client.images.get(image.parent)
    except (APIError, NullResource):  # none, or somebody else removed it
        return
    if not half.tags and half.labels.get(LABEL_REPLICA) == image.labels[LABEL_REPLICA]:
        with suppress(APIError):
            client.images.remove(str(half.id), noprune=True)
