"""The named volumes of a site's system: its data, and the copies kept before a deployment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from docker import DockerClient
from docker.errors import NotFound

from clinops.adapters.docker_containers import (
    LABEL_PRODUCT,
    LABEL_SITE,
    Filters,
    log_tail,
    own_labels,
    remove_containers,
    with_labels,
)
from clinops.domain.environment import Environment
from clinops.domain.site import Backup, LiveSystem
from clinops.errors import DeploymentError, EngineError

_VOLUME = "clinops.volume"
_BACKUP = "clinops.backup"
_RECORD = "clinops.record"
_COPYING = "clinops.copying"

# To keep owners, modes and times of files that belong to the service's own user.
_COPY_RIGHTS = ["DAC_OVERRIDE", "CHOWN", "FOWNER", "SETGID", "SETUID"]
_COPY = "cp -a /source/. /copy/ && sync"


@dataclass(frozen=True)
class Volumes:
    """All volumes of one product at one site."""

    client: DockerClient
    product: str
    site: str

    def ensure(self, volume: str) -> str:
        """Return the engine's name of a volume, creating it where it is missing.

        Raises:
            EngineError: Where a volume of that name belongs to something else.
        """
        name = self._volume(volume)
        # Creating is idempotent and leaves the labels of a volume that is there alone.
        found = self.client.volumes.create(name, labels={**self._identity, _VOLUME: volume})
        labels = found.attrs["Labels"] or {}
        if any(labels.get(label) != value for label, value in self._identity.items()):
            raise EngineError(
                f"the volume {name} is there already but is not of {self.product} at {self.site}",
                mend="rename the site, or remove the volume if nobody needs its data",
            )
        return name

    def backup(self, name: str) -> Backup | None:
        """Return a backup if it was completed."""
        marker = self._find(self._marker(name))
        return Backup.model_validate_json(marker[_RECORD]) if marker is not None else None

    def back_up(self, live: LiveSystem, environment: Environment, name: str, taken: str) -> Backup:
        """Copy every volume of a stopped system.

        The record is the label of one more, empty volume, created last and in one call: a backup
        without it was cut short and is made anew.
        """
        holders = {
            volume: image
            for volume, image in _holders(environment, live.images)
            if self._find(self._volume(volume)) is not None
        }
        copies = {volume: f"{self._prefix(name)}-{volume}" for volume in holders}

        def copy(volume: str) -> None:
            self._copy(self._volume(volume), copies[volume], {_BACKUP: name}, holders[volume])

        with ThreadPoolExecutor() as pool:
            list(pool.map(copy, copies))
        backup = Backup(
            site=self.site,
            product=self.product,
            version=live.version,
            images=live.images,
            volumes=copies,
            taken=taken,
        )
        record = {_BACKUP: name, _RECORD: json.dumps(backup.json_value())}
        self.client.volumes.create(self._marker(name), labels={**self._identity, **record})
        return backup

    def restore(self, backup: Backup, environment: Environment) -> None:
        """Replace volumes by their copies. Cut short, it is simply done again."""
        for volume, image in _holders(environment, backup.images):
            if (copy := backup.volumes.get(volume)) is None:
                continue
            if self._find(copy) is None:
                raise DeploymentError(f"the backup {copy} is gone", mend="restore it by hand")
            self._copy(copy, self._volume(volume), {_VOLUME: volume}, image)

    def remove_all(self) -> None:
        """Remove every volume and every backup of this system."""
        mine = with_labels(site=self.site, product=self.product)
        copying: Filters = {"label": f"{_COPYING}={self._system}"}
        remove_containers(self.client.containers.list(all=True, filters=copying))
        for volume in self.client.volumes.list(filters=mine):
            volume.remove()

    @property
    def _system(self) -> str:
        return f"{self.site}/{self.product}"

    @property
    def _identity(self) -> dict[str, str]:
        return {LABEL_SITE: self.site, LABEL_PRODUCT: self.product}

    def _volume(self, name: str) -> str:
        return f"clinops-{self.site}-{self.product}-{name}"

    def _prefix(self, backup: str) -> str:
        safe = re.sub(r"[^A-Za-z0-9_.-]", "-", backup)
        return f"clinops-backup-{self.site}-{self.product}-{safe}"

    def _marker(self, backup: str) -> str:
        # Names of volumes have no dot, so that no copy can be called the same.
        return f"{self._prefix(backup)}.complete"

    def _find(self, name: str) -> dict[str, str] | None:
        """Return the labels of a volume, or None where there is no such volume."""
        try:
            return self.client.volumes.get(name).attrs["Labels"] or {}
        except NotFound:
            return None

    def _copy(self, source: str, target: str, labels: dict[str, str], image: str) -> None:
        """Make a volume the exact copy of another, by a container that can do nothing else."""
        helper = f"{target}-copying"
        # What an earlier attempt left, should it have been killed.
        remove_containers(self.client.containers.list(all=True, filters={"name": f"^/{helper}$"}))
        if self._find(target) is not None:
            self.client.volumes.get(target).remove()
        self.client.volumes.create(target, labels={**self._identity, **labels})
        container = self.client.containers.create(
            image,
            entrypoint=["/bin/sh", "-c", _COPY],
            name=helper,
            user="0:0",
            working_dir="/",
            network_mode="none",
            labels=own_labels(self.client, image, {_COPYING: self._system}),
            volumes={
                source: {"bind": "/source", "mode": "ro"},
                target: {"bind": "/copy", "mode": "rw"},
            },
            cap_drop=["ALL"],
            cap_add=_COPY_RIGHTS,
            security_opt=["no-new-privileges:true"],
            read_only=True,
            pids_limit=64,
            healthcheck={"test": ["NONE"]},
        )
        try:
            container.start()
            if container.wait(timeout=None)["StatusCode"] != 0:
                raise DeploymentError(f"could not copy {source}: {log_tail(container)}")
        finally:
            remove_containers([container])


def _holders(environment: Environment, images: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each volume once, with the image of a service that mounts it: it has a shell."""
    any_image = next(iter(images.values()), "")
    holders = {
        volume: images.get(name, any_image)
        for name, service in environment.services.items()
        for volume in service.mounts.values()
    }
    yield from holders.items()
