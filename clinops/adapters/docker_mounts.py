"""What lies in volumes, carried between containers: `docker commit` leaves it out."""

from __future__ import annotations

import io
import json
import posixpath
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.images import Image
from docker.types import Mount

LABEL_CARRIED: Final = "clinops.carried"
"""On a frozen image: the paths whose contents are kept aside in its layers, as a JSON list."""
LABEL_ELSEWHERE: Final = "clinops.elsewhere"
"""On a frozen image: whether anything was written outside the mounts, `yes` or empty."""
_STORE: Final = "clinops-carried"
_FLEETING: Final = ("/run", "/var/run", "/dev", "/sbin/docker-init", "/usr/sbin/docker-init")
"""What no program expects to find again, and the engine's own."""


def fresh(paths: Iterable[str]) -> list[Mount]:
    """Return an anonymous volume for each path, empty as a site's are: it goes with its container.

    NOTE: `no_copy`, or the engine would fill it with what the image has there; a site's volume
    that holds the old version's data hides that as well.
    """
    return [Mount(target=path, source=None, type="volume", no_copy=True) for path in sorted(paths)]


def volumes_of(container: Container) -> list[str]:
    """Return where volumes are mounted in a container."""
    return sorted(
        str(mount["Destination"])
        for mount in container.attrs["Mounts"]
        if mount["Type"] == "volume"
    )


def carry(source: Container, path: str, target: Container) -> None:
    """Copy what is at a path to the same path of another container, with owners and modes.

    Neither needs to run. A path that is not there carries nothing.
    """
    _copy(source, path, target, path)


def store(
    client: DockerClient, tag: tuple[str, str], source: Container, paths: Sequence[str]
) -> Image:
    """Put the contents of a container's volumes into the layers of a tagged image.

    Where the image itself has nothing they come to their own place, so that forks share them.
    Elsewhere they are kept aside, and `unpack` puts them into volumes again: what an image has
    there would mingle with them, what it says is a volume is one in every container, and a
    service whose own files are read-only can write to volumes alone.
    """
    repository, name = tag
    helper = client.containers.create(f"{repository}:{name}", network_mode="none")
    try:
        keep_all = source.attrs["HostConfig"]["ReadonlyRootfs"]
        volumes = paths if keep_all else volumes_of(helper)
        aside = [path for path in paths if path in volumes or not _is_bare(helper, path)]
        helper.put_archive("/", _folders(len(aside)))
        for number, path in enumerate(aside):
            _copy(source, path, helper, f"{_place(number)}/{posixpath.basename(path)}")
        for path in set(paths) - set(aside):
            _copy(source, path, helper, path)
        label = json.dumps(json.dumps(aside))
        changes = [f"LABEL {LABEL_CARRIED}={label}"]
        return helper.commit(repository, name, changes=changes, pause=False)
    finally:
        helper.remove(force=True, v=True)


def carried(image: Image) -> list[str]:
    """Return the paths whose contents `store` kept aside in an image."""
    return [str(path) for path in json.loads(image.labels.get(LABEL_CARRIED) or "[]")]


def unpack(container: Container, paths: Sequence[str]) -> None:
    """Put what `store` kept aside into the volumes of a container that has not been started."""
    for number, path in enumerate(paths):
        _copy(container, f"{_place(number)}/{posixpath.basename(path)}", container, path)


def _is_bare(container: Container, path: str) -> bool:
    """Whether there is nothing at a path, or an empty folder."""
    with _spooled(container, path) as spool:
        if spool is None:
            return True
        with tarfile.open(fileobj=spool) as archive:
            return [entry.isdir() for entry in archive] == [True]


@contextmanager
def _spooled(container: Container, path: str) -> Iterator[IO[bytes] | None]:
    """Give what is at a path as an archive, or None; a container is locked while it is read."""
    with tempfile.TemporaryFile() as spool:
        try:
            chunks, _ = container.get_archive(path)
        except NotFound:
            yield None
            return
        spool.writelines(chunks)
        spool.seek(0)
        yield spool


def wrote_elsewhere(container: Container, mounts: Iterable[str]) -> bool:
    """Whether a service has written what lies in no volume, and what its next start would miss.

    A deployment replaces containers: what lies there is lost at the sites.
    """
    image = container.image
    if image is not None and image.labels.get(LABEL_ELSEWHERE):
        return True
    written = [str(change["Path"]) for change in container.diff() or []]
    # A folder is among them whenever something below it is.
    folders = {parent for path in written for parent in _parents(path)}
    kept = (*mounts, *_FLEETING, f"/{_STORE}")
    return any(
        path not in folders
        and not any(path == place or path.startswith(f"{place}/") for place in kept)
        and not any(place.startswith(f"{path}/") for place in mounts)
        for path in written
    )


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(2, len(parts))]


def _copy(source: Container, path: str, target: Container, to: str) -> None:
    with _spooled(source, path) as spool:
        if spool is None:
            return
        # The archive's one top entry is called like the last part of both paths.
        with _writable(target) as container:
            container.put_archive(posixpath.dirname(to) or "/", spool)


@contextmanager
def _writable(target: Container) -> Iterator[Container]:
    """Give a container that has the volumes of another, and that the engine writes through.

    Through one whose own files are read-only it writes nothing, not even into its volumes.
    """
    if not target.attrs["HostConfig"]["ReadonlyRootfs"]:
        yield target
        return
    client: DockerClient = target.client  # type: ignore[assignment]
    helper = client.containers.create(
        target.attrs["Image"],
        network_mode="none",
        volumes_from=[str(target.id)],
        labels=target.labels,
    )
    try:
        yield helper
    finally:
        helper.remove(force=True, v=True)


def _place(number: int) -> str:
    return f"/{_STORE}/{number}"


def _folders(count: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name in (_STORE, *(f"{_STORE}/{number}" for number in range(count))):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
    return written.getvalue()
