"""An environment: how a product is stood up as a replica.

`environments/<product>/compose.yaml` is a Compose Specification file. ClinOps runs the subset
below; what is outside it is refused by name, and so is what a replica may never have.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from clinops.domain.manifest import Name, PinnedReference, RelativePath
from clinops.domain.value import Document

PACKAGE_IMAGE = "package"
"""The image of the service under test: a placeholder for the package of the release."""

HarmlessCapability = Literal[
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"
]
"""The only capabilities that a service may ask back; all are dropped to begin with."""


def _no_way_up(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError("the path has a `..` in it")
    return path


ByteSize = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[kmg]$")]
AbsolutePath = Annotated[
    str, StringConstraints(pattern=r"^/[^:\x00-\x1f]*$"), AfterValidator(_no_way_up)
]


class ServiceBuild(Document):
    """An image of the environment's own, built from a folder beside the Compose file."""

    context: RelativePath
    args: dict[str, str] = {}


class Healthcheck(Document):
    """The command that says that a service is ready; polled every 50 ms, not at `interval`."""

    test: list[str]
    interval: str | None = None
    timeout: str | None = None
    retries: int | None = None
    start_period: str | None = None

    @field_validator("test")
    @classmethod
    def _form(cls, value: list[str]) -> list[str]:
        if len(value) < 2 or value[0] not in {"CMD", "CMD-SHELL"}:  # noqa: PLR2004
            raise ValueError("write the test as [CMD, program, argument …] or [CMD-SHELL, line]")
        return value

    @property
    def command(self) -> list[str]:
        """The argument vector to run inside the container."""
        if self.test[0] == "CMD":
            return self.test[1:]
        return ["/bin/sh", "-c", " ".join(self.test[1:])]


class Dependency(Document):
    """What must hold of another service before this one is started."""

    condition: Literal["service_healthy", "service_started"] = "service_healthy"


class Service(Document):
    """One container of the environment: the subset of Compose that ClinOps runs."""

    image: Literal["package"] | PinnedReference | None = None
    build: ServiceBuild | None = None
    command: list[str] | None = None
    entrypoint: list[str] | None = None
    environment: dict[str, str] = {}
    user: str | None = None
    working_dir: AbsolutePath | None = None
    hostname: Name | None = None
    depends_on: dict[Name, Dependency] = {}
    healthcheck: Healthcheck | None = None
    volumes: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*:/[^:]+$")]] = []
    tmpfs: list[AbsolutePath] = []
    cap_drop: list[Literal["ALL"]] = ["ALL"]
    cap_add: list[HarmlessCapability] = []
    security_opt: list[Literal["no-new-privileges:true"]] = ["no-new-privileges:true"]
    read_only: bool = False
    init: bool = True
    mem_limit: ByteSize = "1g"
    cpus: Annotated[float, Field(gt=0, le=16, strict=False)] = 1.0
    pids_limit: Annotated[int, Field(ge=1, le=4096)] = 256
    shm_size: ByteSize = "64m"
    stop_grace_period: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}s$")] = "10s"
    stop_signal: Annotated[str, StringConstraints(pattern=r"^SIG[A-Z0-9]+$")] | None = None
    labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> Service:
        if (self.image is None) == (self.build is None):
            raise ValueError("a service has either an image or a build")
        return self

    @property
    def mounts(self) -> dict[str, str]:
        """Named volumes by the path that they are mounted at (sites only, never replicas)."""
        return {path: name for name, path in (v.split(":", 1) for v in self.volumes)}


class ClinOpsSection(Document):
    """The `x-clinops` section: what ClinOps must know beyond Compose."""

    under_test: Name
    endpoints: dict[Name, Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+:[0-9]{1,5}$")]]
    """Named doors for protocol clients, `service:port`."""
    seed: RelativePath | None = None
    """A Python program beside the Compose file that fills a fresh system with synthetic data."""
    ready_within: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds until every service must be ready."""
    site_checks: list[Name] = ["smoke"]
    """Suites that are run on a site after a deployment."""


class Environment(Document):
    """A whole Compose file, parsed."""

    name: Name
    services: dict[Name, Service]
    volumes: dict[Name, None] = {}
    clinops: ClinOpsSection = Field(alias="x-clinops")

    @model_validator(mode="after")
    def _names_resolve(self) -> Environment:
        under_test = self.services.get(self.clinops.under_test)
        if under_test is None:
            raise ValueError(f"x-clinops: no service is called {self.clinops.under_test!r}")
        if under_test.image != PACKAGE_IMAGE:
            raise ValueError("the service under test has `image: package`")
        for name, service in self.services.items():
            if name != self.clinops.under_test and service.image == PACKAGE_IMAGE:
                raise ValueError(f"{name}: only the service under test has `image: package`")
            for other in service.depends_on:
                if other not in self.services:
                    raise ValueError(f"{name}: depends_on names {other!r}, which is no service")
            for volume in service.mounts.values():
                if volume not in self.volumes:
                    raise ValueError(f"{name}: the volume {volume!r} is not declared")
        for door in self.clinops.endpoints.values():
            if door.split(":")[0] not in self.services:
                raise ValueError(f"x-clinops: endpoint {door!r} names no service")
        self.start_order()
        return self

    def start_order(self) -> list[list[str]]:
        """Return the services in waves; those of one wave start at the same time."""
        waves: list[list[str]] = []
        started: set[str] = set()
        while len(started) < len(self.services):
            wave = sorted(
                name
                for name, service in self.services.items()
                if name not in started and set(service.depends_on) <= started
            )
            if not wave:
                raise ValueError("depends_on goes round in a circle")
            waves.append(wave)
            started.update(wave)
        return waves
