"""Looks at images and into running containers, with no tools but a shell and `cat`."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from docker.errors import ImageNotFound, NullResource
from docker.models.containers import Container

from clinops.adapters.docker_engine import connect, engine_errors
from clinops.domain.replica import Executed, Replica
from clinops.domain.sighting import (
    ImageFacts,
    Inside,
    Listening,
    Process,
    listening_in,
    processes_in,
)
from clinops.errors import NotFoundError
from clinops.ports import Replicas

_SETTLED: Final = 1.5
"""Seconds without a new port after which a system is taken to have started."""
_PATIENCE: Final = 20.0
_POLL: Final = 0.5
_WITHIN: Final = 20.0
_TABLES: Final = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; :"
_STATUSES: Final = "cat /proc/[0-9]*/status 2>/dev/null; :"
_USERS: Final = "cat /etc/passwd 2>/dev/null; :"
_WHICH_ARE_THERE: Final = 'n=0; for f; do [ -e "$f" ] && echo $n; n=$((n+1)); done; :'
_MOST_WRITTEN: Final = 40
_SILENCE: Final = 1800
_NOT_ITS_OWN: Final = ("/proc", "/sys", "/dev", "/usr/sbin/docker-init", "/sbin/docker-init")
"""What kernel and engine put there."""


class DockerLook:
    """Describes images and running services of the local engine."""

    def __init__(self, replicas: Replicas, host: str | None = None) -> None:
        """Keep what runs commands inside replicas, and connect."""
        self._replicas = replicas
        self._client = connect(host, timeout=_SILENCE)

    def image(self, reference: str) -> ImageFacts:
        """Return what an image says about itself; raises NotFoundError."""
        with engine_errors(f"look at the image {reference}"):
            try:
                attributes = self._client.images.get(reference).attrs
            except (ImageNotFound, NullResource):
                mend = f"docker pull {reference}"
                raise NotFoundError(f"the engine has no image {reference}", mend=mend) from None
        return facts_in(reference, attributes)

    def save(self, image: str, file: Path) -> str:
        """Write an image as an archive, as `docker save` does; return its SHA-256."""
        digest = hashlib.sha256()
        with engine_errors(f"save {image}"), file.open("wb") as archive:
            for chunk in self._client.images.get(image).save():
                archive.write(chunk)
                digest.update(chunk)
        return digest.hexdigest()

    def inside(
        self, replica: Replica, service: str, facts: ImageFacts, within: float
    ) -> Inside | None:
        """Look into a service once it opens no further ports; None where it has ended.

        Args:
            replica: A replica that runs.
            service: Which of its services.
            facts: What its image says: the ports to wait for, the files to look for.
            within: Seconds to wait for a port.
        """
        look = _Look(self._replicas, replica, service)
        container = self._container(replica, service)
        if not look.has_shell:
            # One that is just ending has no shell either, for a moment.
            sleep(_SETTLED)
            if not self._runs(container):
                return None
            if not look.has_shell:
                address = replica.services[service].address
                return Inside(shell=False, ports=_open_at(address, facts.ports, within))
        # Without a port that it names it may well open none: a worker of a larger system.
        within = within if facts.ports else min(within, _PATIENCE)
        ports = look.settled(frozenset(facts.ports), within)
        if not self._runs(container):
            return None
        # Twice: a program that came and went is none to test for.
        first = look.processes()
        sleep(_POLL)
        lasting = look.processes() & first
        return Inside(
            ports=tuple(sorted(ports.reachable)),
            loopback=tuple(sorted(ports.loopback)),
            processes=tuple(sorted(lasting, key=lambda one: (one.program, one.user))),
            files=look.existing(sorted({*facts.volumes, *_paths(facts.command)})),
            written=self._written(container),
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _container(self, replica: Replica, service: str) -> Container:
        with engine_errors(f"look at {service}"):
            return self._client.containers.get(replica.services[service].container)

    def _runs(self, container: Container) -> bool:
        with engine_errors("look at a container"):
            container.reload()
        return bool(container.attrs["State"]["Running"])

    def _written(self, container: Container) -> tuple[str, ...]:
        with engine_errors("ask what a container wrote"):
            changes = container.diff() or []
        paths = sorted(str(change["Path"]) for change in changes if change["Kind"] in {0, 1})
        # A folder changes with what is in it: only the file says something.
        alone = (
            path
            for path, after in zip(paths, [*paths[1:], ""], strict=True)
            if not after.startswith(f"{path}/") and not path.startswith(_NOT_ITS_OWN)
        )
        return tuple(alone)[:_MOST_WRITTEN]


class _Look:
    """Commands in one service."""

    def __init__(self, replicas: Replicas, replica: Replica, service: str) -> None:
        self._replicas = replicas
        self._replica = replica
        self._service = service

    @property
    def has_shell(self) -> bool:
        return self._run(":").exit_code == 0

    def settled(self, expected: frozenset[int], within: float) -> Listening:
        """Wait until a port is open, one that the image names if it names any, and no more come."""
        start = since = monotonic()
        seen = self._listening()
        while (now := monotonic()) < start + within:
            open_ = seen.reachable | seen.loopback
            # After a while any port will do: images name some that their settings close.
            enough = bool(open_ & expected) or (open_ and (not expected or now > start + _PATIENCE))
            if enough and now >= since + _SETTLED:
                break
            sleep(_POLL)
            if not self.has_shell:
                break
            if (after := self._listening()) != seen:
                seen, since = after, monotonic()
        return seen

    def processes(self) -> frozenset[Process]:
        return processes_in(self._read(_STATUSES), self._read(_USERS))

    def existing(self, paths: Sequence[str]) -> tuple[str, ...]:
        there = self._read(_WHICH_ARE_THERE, *paths).split()
        return tuple(paths[int(n)] for n in there if n.isdecimal() and int(n) < len(paths))

    def _listening(self) -> Listening:
        return listening_in(self._read(_TABLES))

    def _read(self, line: str, *words: str) -> str:
        return self._run(line, *words).output.decode(errors="replace")

    def _run(self, line: str, *words: str) -> Executed:
        command = ["/bin/sh", "-c", line, "sh", *words]
        return self._replicas.execute(self._replica, self._service, command, within=_WITHIN)


def _open_at(address: str, ports: Sequence[int], within: float) -> tuple[int, ...]:
    """Wait from outside until one of some ports is open; return those that are, a moment later."""
    until = monotonic() + (within if ports else 0)
    while monotonic() < until and not any(_connects(address, port) for port in ports):
        sleep(_POLL)
    sleep(_SETTLED)
    return tuple(port for port in ports if _connects(address, port))


def _connects(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def facts_in(reference: str, attributes: Mapping[str, Any]) -> ImageFacts:
    """Read what the engine says about an image."""
    config = attributes.get("Config") or {}
    check = (config.get("Healthcheck") or {}).get("Test") or []
    ports = (port.partition("/") for port in config.get("ExposedPorts") or ())
    labels = config.get("Labels") or {}
    return ImageFacts(
        id=attributes["Id"],
        reference=reference,
        pinned=next(iter(sorted(attributes.get("RepoDigests") or ())), None),
        version=labels.get("org.opencontainers.image.version"),
        user=config.get("User") or "",
        ports=tuple(sorted(int(n) for n, _, kind in ports if n.isdecimal() and kind != "udp")),
        volumes=tuple(sorted(config.get("Volumes") or ())),
        healthcheck=tuple(check) if check[:1] in (["CMD"], ["CMD-SHELL"]) else (),
        command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
    )


def _paths(words: Sequence[str]) -> list[str]:
    """Pick the words of a command that name files, an option's value among them."""
    values = (word.rpartition("=")[2] for word in words)
    return [value for value in values if value.startswith("/") and " " not in value]
