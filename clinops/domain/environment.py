"""An environment: how a product is stood up as a replica.

`environments/<product>/compose.yaml` is a Compose Specification file. ClinOps runs the subset
below; what is outside it is refused by name, and so is what a replica may never have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from clinops.domain.compose_refusals import (
    REFUSED_AT_THE_TOP,
    REFUSED_IN_HEALTHCHECKS,
    REFUSED_IN_SERVICES,
    REFUSED_IN_VOLUMES,
    HarmlessCapability,
    refuse_capability,
    refuse_mount,
    refuse_weaker,
)
from clinops.domain.fault import Fault, Shape, refuse
from clinops.domain.manifest import PINNED, Name, RelativePath, is_pinned
from clinops.domain.value import Document

PACKAGE_IMAGE = "package"
"""The image of the service under test: a placeholder for the package of the release."""


def _no_way_up(path: str) -> str:
    if ".." in path.split("/"):
        raise refuse(Fault("has a `..` in it", "write the path out"))
    return path


def _without_interpolation(text: str) -> str:
    if "$" in text.replace("$$", ""):
        mend = "write the value itself; a `$` that the program shall see is written `$$`"
        raise refuse(Fault("has a variable: what a replica is must stand in this file", mend))
    return text.replace("$$", "$")


ComposeText = Annotated[
    str,
    AfterValidator(_without_interpolation),
    PlainSerializer(lambda text: text.replace("$", "$$")),
]
"""Text as Compose has it: `$$` in the file is `$` in the value."""
ByteSize = Annotated[
    str, Shape(r"[1-9][0-9]{0,9}[kmg]", "must be a size", "write it like 64m or 2g, in quotes")
]
AbsolutePath = Annotated[
    str,
    Shape(r"/[^:$\x00-\x1f]*", "must be an absolute path inside the container, without options"),
    AfterValidator(_no_way_up),
]
VariableName = Annotated[
    str, Shape(r"[A-Za-z_][A-Za-z0-9_.-]*", "is not the name of an environment variable")
]
LabelName = Annotated[
    str,
    Shape(
        r"(?!clinops|com\.docker)[a-z0-9]([a-z0-9._/-]*[a-z0-9])?",
        "is not a label's name; `clinops…` and `com.docker…` are kept for the engine",
        "write a name like org.example.part",
    ),
]
Mount = Annotated[
    str,
    BeforeValidator(refuse_mount),
    Shape(
        r"[a-z0-9][a-z0-9-]{0,62}:/[^:$]*",
        "must be a named volume and a path",
        "write it as name:/path, without options",
    ),
    AfterValidator(_no_way_up),
]
ServiceImage = Annotated[
    str,
    AfterValidator(lambda image: image if image == PACKAGE_IMAGE else is_pinned(image)),
    Shape(rf"{PACKAGE_IMAGE}|{PINNED}", "is not a reference to an image", "pin it: name@sha256:…"),
]
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
Door = Annotated[
    str,
    Shape(rf"[a-z0-9][a-z0-9-]{{0,62}}:{_PORT}", "must be a service and a port", "write db:5432"),
]


class ServiceBuild(Document):
    """An image of the environment's own, built from a folder beside the Compose file."""

    context: RelativePath
    args: dict[VariableName, ComposeText] = {}


class Healthcheck(Document):
    """The command that says that a service is ready; polled every 50 ms, not at `interval`."""

    refused: ClassVar = REFUSED_IN_HEALTHCHECKS

    test: list[ComposeText]
    interval: str | None = None
    timeout: str | None = None
    retries: int | None = None
    start_period: str | None = None

    @field_validator("test")
    @classmethod
    def _form(cls, value: list[str]) -> list[str]:
        if len(value) < 2 or value[0] not in {"CMD", "CMD-SHELL"}:  # noqa: PLR2004
            mend = "write it as [CMD, program, argument …] or [CMD-SHELL, line]"
            raise refuse(Fault("does not say how it is run", mend))
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

    refused: ClassVar = REFUSED_IN_SERVICES

    image: ServiceImage | None = None
    build: ServiceBuild | None = None
    command: list[ComposeText] | None = None
    entrypoint: list[ComposeText] | None = None
    environment: dict[VariableName, ComposeText] = {}
    user: ComposeText | None = None
    working_dir: AbsolutePath | None = None
    hostname: Name | None = None
    depends_on: dict[Name, Dependency] = {}
    healthcheck: Healthcheck | None = None
    volumes: list[Mount] = []
    tmpfs: list[AbsolutePath] = []
    cap_drop: Annotated[list[Literal["ALL"]], BeforeValidator(refuse_weaker("ALL"))] = ["ALL"]
    cap_add: list[Annotated[HarmlessCapability, BeforeValidator(refuse_capability)]] = []
    security_opt: Annotated[
        list[Literal["no-new-privileges:true"]],
        BeforeValidator(refuse_weaker("no-new-privileges:true")),
    ] = ["no-new-privileges:true"]
    read_only: bool = False
    init: bool = True
    mem_limit: ByteSize = "1g"
    cpus: Annotated[float, Field(gt=0, le=16, strict=False)] = 1.0
    pids_limit: Annotated[int, Field(ge=1, le=4096)] = 256
    shm_size: ByteSize = "64m"
    stop_grace_period: Annotated[
        str, Shape(r"[0-9]{1,3}s", "must be a number of seconds", "write it like 10s")
    ] = "10s"
    stop_signal: (
        Annotated[str, Shape(r"SIG[A-Z0-9]+", "must be a signal's name", "write it like SIGTERM")]
        | None
    ) = None
    labels: dict[LabelName, ComposeText] = {}

    @model_validator(mode="after")
    def _one_source(self) -> Service:
        if (self.image is None) == (self.build is None):
            mend = "write `image: name@sha256:…` or `build: {context: folder}`"
            raise refuse(Fault("has neither image nor build, or both", mend))
        return self

    @property
    def mounts(self) -> dict[str, str]:
        """Named volumes by the path that they are mounted at (sites only, never replicas)."""
        return {path: name for name, path in (v.split(":", 1) for v in self.volumes)}


class Volume(Document):
    """The declaration of a named volume; it says nothing but that the volume is there."""

    refused: ClassVar = REFUSED_IN_VOLUMES


class Database(Document):
    """A database server of the environment, for the inventory that needs no program."""

    kind: Literal["postgresql", "mariadb"]
    endpoint: Name
    """The door that it listens at."""
    name: ComposeText
    user: ComposeText
    password: ComposeText


class Upgrade(Document):
    """What the vendor requires between stopping one version and starting the next."""

    command: list[ComposeText] | None = None
    """Run once in the new version's image, on the data, before the service starts."""
    drained: list[ComposeText] | None = None
    """Run in the service once it is ready: ends with 0 when no migration goes on behind it."""
    within: Annotated[int, Field(ge=1, le=86400)] = 300
    """Seconds that each of the two may take."""


FaultName = Literal[
    "database-killed",
    "paused",
    "disk-full",
    "network-cut",
    "clock-skewed",
    "restarted-in-a-write",
]
"""What goes wrong at sites, and is tried on replicas: docs/faults.md."""


class ClinOpsSection(Document):
    """The `x-clinops` section: what ClinOps must know beyond Compose."""

    under_test: Name
    endpoints: dict[Name, Door]
    """Named doors for protocol clients, `service:port`."""
    seed: RelativePath | None = None
    """A Python program beside the Compose file that fills a fresh system with synthetic data."""
    inventory: RelativePath | None = None
    """A Python program that reads what must never be lost through the system's interfaces."""
    writer: RelativePath | None = None
    """A Python program that writes new data, as users would between an upgrade and its rollback."""
    databases: dict[Name, Database] = {}
    """Database servers by the name that their tables are listed under."""
    upgrade: Upgrade = Upgrade()
    faults: list[FaultName] = []
    """What happens to the system while the writer program writes; it must lose nothing by it."""
    ready_within: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds until every service must be ready."""
    forks: dict[Name, Annotated[int, Field(ge=1, le=8)]] = {}
    """Over how many forks a suite is split whose tests take long; one unless it is named here."""
    site_checks: list[Name] = ["smoke"]
    """Suites that are run on a site after a deployment."""


class Environment(Document):
    """A whole Compose file, parsed."""

    refused: ClassVar = REFUSED_AT_THE_TOP

    name: Name
    services: dict[Name, Service]
    volumes: dict[Name, Volume | None] = {}
    clinops: ClinOpsSection = Field(alias="x-clinops")

    @model_validator(mode="after")
    def _names_resolve(self) -> Environment:
        faults = [
            *self._under_test_faults(),
            *self._dependency_faults(),
            *self._volume_faults(),
            *self._endpoint_faults(),
            *self._trial_faults(),
        ]
        if faults:
            raise refuse(*faults)
        self.start_order()
        return self

    def _under_test_faults(self) -> Iterator[Fault]:
        under_test = self.clinops.under_test
        if under_test not in self.services:
            yield Fault("names no service", self._known(), at=("x-clinops", "under_test"))
        for name, service in self.services.items():
            if name == under_test and service.image != PACKAGE_IMAGE:
                mend = "write `image: package`; the release puts its own image there"
                yield Fault("is the service under test", mend, at=("services", name))
            if name != under_test and service.image == PACKAGE_IMAGE:
                what = "is `package`, which only the service under test may be"
                mend = "pin an image, or build one"
                yield Fault(what, mend, at=("services", name, "image"))

    def _dependency_faults(self) -> Iterator[Fault]:
        for name, service in self.services.items():
            for other in service.depends_on.keys() - self.services.keys():
                place = ("services", name, "depends_on", other)
                yield Fault("names no service", self._known(), at=place)

    def _volume_faults(self) -> Iterator[Fault]:
        for name, service in self.services.items():
            for position, mount in enumerate(service.volumes):
                volume = mount.split(":")[0]
                if volume not in self.volumes:
                    place = ("services", name, "volumes", position)
                    mend = f"add `{volume}:` below `volumes:` at the end of the file"
                    yield Fault("names a volume that is not declared", mend, at=place)

    def _endpoint_faults(self) -> Iterator[Fault]:
        for name, door in self.clinops.endpoints.items():
            if door.split(":")[0] not in self.services:
                place = ("x-clinops", "endpoints", name)
                yield Fault("names no service", self._known(), at=place)
        for name, database in self.clinops.databases.items():
            if database.endpoint not in self.clinops.endpoints:
                mend = f"endpoints are: {', '.join(sorted(self.clinops.endpoints))}"
                at = ("x-clinops", "databases", name, "endpoint")
                yield Fault("names no endpoint", mend, at=at)

    def _trial_faults(self) -> Iterator[Fault]:
        for position, name in enumerate(self.clinops.faults):
            at = ("x-clinops", "faults", position)
            if name in self.clinops.faults[:position]:
                yield Fault("is there twice", "leave one of them out", at=at)
            if not self.struck_by(name):
                what = "has nothing to strike in this environment"
                yield Fault(what, "leave it out; docs/faults.md says what it needs", at=at)
        if self.clinops.faults and self.clinops.writer is None:
            mend = "name a `writer` program, so that something is written when they happen"
            yield Fault("have nothing at stake", mend, at=("x-clinops", "faults"))

    def struck_by(self, fault: FaultName) -> tuple[str, ...]:
        """Return the services that a fault happens to."""
        section = self.clinops
        beside = sorted(self.services[section.under_test].depends_on)
        if fault == "database-killed":
            doors = (section.endpoints[one.endpoint] for one in section.databases.values())
            return tuple(sorted({door.split(":")[0] for door in doors}) or beside)
        if fault == "network-cut":
            return tuple(beside) or (section.under_test,)
        if fault == "disk-full":
            return tuple(name for name, service in self.services.items() if service.mounts)
        return (section.under_test,)

    def _known(self) -> str:
        return f"services are: {', '.join(sorted(self.services))}"

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
                stuck = sorted(self.services.keys() - started)
                what = f"go round in a circle with depends_on: {', '.join(stuck)}"
                raise refuse(Fault(what, "leave one of them out", at=("services",)))
            waves.append(wave)
            started.update(wave)
        return waves
