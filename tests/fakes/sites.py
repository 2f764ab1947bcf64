"""Sites without an engine: what runs there, and a text that stands for the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from clinops.domain.environment import Environment
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.site import Backup, LiveSystem
from clinops.domain.suite import Role
from clinops.errors import DeploymentError, EngineError
from tests.fakes.replicas import endpoints, instances


class FakeSites:
    """Implements SiteSystems in memory."""

    def __init__(self) -> None:
        self.failures: dict[str, ReplicaFailure] = {}
        """What the deployment of a version ends with instead of getting ready."""
        self.data: dict[tuple[str, str], str] = {}
        """The data by product and site; survives deployments."""
        self.backups: dict[tuple[str, str, str], tuple[Backup, str]] = {}
        """Backup and the data in it, by product, site and name."""
        self.calls: list[str] = []
        """What was asked for, in order: `deploy 2.0`, `back up …`, `restore 1.0`."""
        self.upgraded: list[str] = []
        """Versions that were deployed as an upgrade of what was there."""
        self.engine_gone = False
        self.backups_lost = False
        self._running: dict[tuple[str, str], Replica] = {}
        self._numbers = count(1)

    def running(self, product: str, site: str) -> Replica | None:
        self._ensure_engine()
        return self._running.get((product, site))

    def deploy(
        self,
        environment: Environment,
        images: Mapping[str, str],
        live: LiveSystem,
        *,
        upgrade: bool = False,
    ) -> Replica | ReplicaFailure:
        self._ensure_engine()
        self.calls.append(f"deploy {live.version}")
        if upgrade:
            self.upgraded.append(live.version)
        system = (live.product, live.site)
        current = self._running.get(system)
        if current is not None and self._is(current, images, live):
            return current
        self._running.pop(system, None)
        self.data.setdefault(system, "")
        if live.version in self.failures:
            return self.failures[live.version]
        number = next(self._numbers)
        self._running[system] = Replica(
            id=f"{live.site}-{live.product}",
            product=live.product,
            version=live.version,
            role=Role.CANDIDATE,
            release=live.release or "",
            under_test=environment.clinops.under_test,
            services=instances(environment, images, number),
            endpoints=endpoints(environment, number),
            site=live.site,
        )
        return self._running[system]

    def back_up(self, live: LiveSystem, environment: Environment, name: str) -> Backup:
        self._ensure_engine()
        self.calls.append(f"back up {name}")
        system = (live.product, live.site)
        if (*system, name) not in self.backups:
            self._running.pop(system, None)
            mounted = {v for s in environment.services.values() for v in s.mounts.values()}
            backup = Backup(
                site=live.site,
                product=live.product,
                version=live.version,
                images=live.images,
                volumes={volume: f"{name}-{volume}" for volume in sorted(mounted)},
                taken="2026-01-01T00:00:00+00:00",
            )
            self.backups[(*system, name)] = (backup, self.data.get(system, ""))
        return self.backups[(*system, name)][0]

    def execute(self, product: str, site: str, service: str, command: Sequence[str]) -> None:
        self._ensure_engine()
        self.calls.append(f"execute {' '.join(command)}")
        if command[0] == "false":
            raise DeploymentError("false exited 1")

    def restore(self, backup: Backup, environment: Environment) -> None:
        self._ensure_engine()
        self.calls.append(f"restore {backup.version}")
        system = (backup.product, backup.site)
        self._running.pop(system, None)
        for kept, data in self.backups.values():
            if kept == backup and not self.backups_lost:
                self.data[system] = data
                return
        raise DeploymentError("the backup is gone")

    def _ensure_engine(self) -> None:
        if self.engine_gone:
            raise EngineError("the engine went away")

    @staticmethod
    def _is(current: Replica, images: Mapping[str, str], live: LiveSystem) -> bool:
        return (current.images, current.version, current.release) == (
            dict(images),
            live.version,
            live.release or "",
        )
