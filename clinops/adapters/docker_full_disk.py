"""A disk that is full: data on a small file system in memory, and a file that takes the rest.

The engine has no quotas that work everywhere, and nobody may fill the machine's own disk. A
holder keeps the file system mounted, so that what lies there outlives the service's container.
"""

from __future__ import annotations

import tarfile
import tempfile
from typing import Final

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container
from docker.types import DriverConfig, Mount

from clinops.adapters.docker_containers import LABEL_SERVICE
from clinops.adapters.docker_mounts import carry
from clinops.adapters.docker_replacing import data_paths, ours
from clinops.adapters.exec_stream import run_in
from clinops.domain.environment import Service

LARGEST: Final = 512 * 2**20
"""Bytes of data that are put into memory at most."""
_ROOM: Final = 64 * 2**20
"""What is left to a system that starts, until the disk is filled."""
_PAGE = 4096
_HOLD = ["sh", "-c", "while :; do sleep 600; done"]
_LEFT: Final = 24 * 2**20
"""What is left of that until the moment when it strikes, so that it does so at once."""
_FILL_MOST = f'head -c {_ROOM - _LEFT} /dev/zero > "$1/.clinops-most"'
_FILL = 'cat /dev/zero > "$1/.clinops-full" 2>/dev/null; ! echo full > "$1/.clinops-more"'
_EMPTY = 'rm -f "$1/.clinops-full" "$1/.clinops-more" "$1/.clinops-most"'


class TooLargeError(Exception):
    """There is more data than may be put into memory."""


def hold(client: DockerClient, old: Container, service: Service) -> Container:
    """Start a container that holds a stopped service's data in memory.

    Raises:
        TooLargeError: There is too much of it.
        APIError: The image has no shell to hold it with.
    """
    paths = data_paths(old, service)
    sizes = {path: _size(old, path) for path in paths}
    if sum(sizes.values()) > LARGEST:
        raise TooLargeError
    holder = client.containers.create(
        str(old.attrs["Image"]),
        _HOLD[1:],
        entrypoint=_HOLD[:1],
        user="root",
        labels={**ours(old.labels), LABEL_SERVICE: ""},
        mounts=[_in_memory(path, sizes[path] + _ROOM) for path in paths],
        network_mode="none",
        # The files are the service's, and the holder writes beside them.
        cap_drop=["ALL"],
        cap_add=["DAC_OVERRIDE"],
        security_opt=["no-new-privileges:true"],
        init=True,
        pids_limit=16,
        healthcheck={"test": ["NONE"]},
    )
    try:
        holder.start()
        for path in paths:
            carry(old, path, holder)
    except BaseException:
        holder.remove(force=True, v=True)
        raise
    return holder


def fill_most(holder: Container, service: Service) -> None:
    """Leave little room in every volume."""
    for path in service.mounts:
        _run(holder, _FILL_MOST, path)


def fill(holder: Container, service: Service) -> bool:
    """Fill every volume to the last byte; whether they are full now."""
    return all(_run(holder, _FILL, path) for path in service.mounts)


def empty(holder: Container, service: Service) -> None:
    """Take away what fills the volumes."""
    for path in service.mounts:
        _run(holder, _EMPTY, path)


def _run(holder: Container, line: str, path: str) -> bool:
    return run_in(holder, ["sh", "-c", line, "sh", path], user="root")[0] == 0


def _in_memory(path: str, size: int) -> Mount:
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={size}"}
    driver = DriverConfig("local", options)
    return Mount(path, source=None, type="volume", no_copy=True, driver_config=driver)


def _size(container: Container, path: str) -> int:
    """Return the bytes that what lies at a path takes in memory, in whole pages."""
    with tempfile.TemporaryFile() as spool:
        try:
            spool.writelines(container.get_archive(path)[0])
        except NotFound:
            return 0
        spool.seek(0)
        with tarfile.open(fileobj=spool) as archive:
            return sum(_PAGE * (2 + entry.size // _PAGE) for entry in archive)
