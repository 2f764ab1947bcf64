"""A replica: one running copy of an environment, isolated and disposable."""

from __future__ import annotations

from clinops.domain.digest import Digest
from clinops.domain.rehearsal import Step
from clinops.domain.suite import Role
from clinops.domain.value import Value


class ServiceInstance(Value):
    """One running container of a replica or of a site."""

    container: str
    """Full container id."""
    address: str
    """IP address on the replica's internal network."""
    image: Digest


class Replica(Value):
    """What suites and seeds are told, as JSON in the file that `CLINOPS_REPLICA` names."""

    id: str
    product: str
    version: str
    role: Role
    release: str
    under_test: str
    services: dict[str, ServiceInstance]
    endpoints: dict[str, str]
    """Named doors as `address:port`, from `x-clinops`."""
    site: str | None = None
    """Set where this is no replica but a site's own system, checked after a deployment."""

    @property
    def images(self) -> dict[str, Digest]:
        """Image digests by service."""
        return {name: instance.image for name, instance in self.services.items()}


class ReplicaFailure(Value):
    """Why a replica never became ready."""

    service: str
    reason: str
    log_tail: str
    """The container's last log lines; text from a vendor: hostile until escaped."""


class Moved(Value):
    """What came of putting another version on the data of a replica."""

    replica: Replica | ReplicaFailure
    seconds: float
    """Downtime: what stopping the old version and upgrading and starting the new one took.

    Carrying the data is not in it, since a site's volumes stay where they are.
    """
    steps: tuple[Step, ...]


class Executed(Value):
    """What came of a command inside a service."""

    exit_code: int | None
    """None where the time limit ended it."""
    output: bytes
    """The last 64 KiB of what it wrote."""
