"""Starts the services of an environment in order, and waits until every one is ready."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container

from clinops.adapters.docker_engine import engine_errors, plain
from clinops.adapters.exec_channels import (
    CommandTimedOutError,
    ContainerEndedError,
    ExecChannels,
)
from clinops.domain.environment import Environment
from clinops.errors import EngineError

_POLL = 0.05
_BAD_REQUEST = 400
_CHECK_WITHIN = 30.0
"""Seconds after which a hanging health check is asked anew: Docker's own default."""


class ServiceFailedError(Exception):
    """A service did not start or never got ready: the product's fault."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason


class _GivenUpError(Exception):
    """Another service failed first."""


@dataclass
class Startup:
    """One start of all services of an environment."""

    client: DockerClient
    environment: Environment
    create: Callable[[str], Container]
    """Creates the container of a service."""
    prepare: Callable[[str, Container], None] = lambda _name, _container: None
    """Called with each container before it is started, once what it depends on is ready."""
    started: dict[str, Future[Container]] = field(default_factory=dict)
    ready: dict[str, Future[Container]] = field(default_factory=dict)
    giving_up: Event = field(default_factory=Event)
    deadline: float = 0

    def run(self) -> dict[str, Container]:
        """Start everything, as parallel as `depends_on` allows.

        Raises:
            ServiceFailedError: Where a service ended, could not start or was not ready in time.
            EngineError: Where the engine failed.
        """
        self.deadline = monotonic() + self.environment.clinops.ready_within
        with ThreadPoolExecutor(max_workers=2 * len(self.environment.services)) as pool:
            try:
                for name in (name for wave in self.environment.start_order() for name in wave):
                    self.started[name] = pool.submit(self._start, name)
                    self.ready[name] = pool.submit(self._wait, name)
                wait_for(self.ready.values(), return_when=FIRST_EXCEPTION)
            finally:
                self.giving_up.set()
        self._raise_the_cause()
        containers = {name: future.result() for name, future in self.ready.items()}
        for name, container in containers.items():
            ensure_running(name, container)
        return containers

    def _raise_the_cause(self) -> None:
        errors = [error for future in self.ready.values() if (error := future.exception())]
        for kind in (EngineError, ServiceFailedError, BaseException):
            for error in errors:
                if isinstance(error, kind):
                    raise error

    def _start(self, name: str) -> Container:
        for other, dependency in self.environment.services[name].depends_on.items():
            healthy = dependency.condition == "service_healthy"
            (self.ready if healthy else self.started)[other].result()
        if self.giving_up.is_set():
            raise _GivenUpError
        with engine_errors(f"start {name}"):
            try:
                container = self.create(name)
                begun = monotonic()
                self.prepare(name, container)
                # What a vendor's own command takes has a limit of its own.
                self.deadline += monotonic() - begun
                container.start()
            except APIError as error:
                if _is_the_products_fault(error):
                    reason = f"can't be started: {plain(str(error.explanation))}"
                    raise ServiceFailedError(name, reason) from error
                raise
            return container

    def _wait(self, name: str) -> Container:
        container = self.started[name].result()
        check = self.environment.services[name].healthcheck
        if check is None:
            ensure_running(name, container)
            return container
        with ExecChannels(self.client, str(container.id)) as channels:
            while not passes(channels, check.command, until=self.deadline):
                ensure_running(name, container)
                if monotonic() >= self.deadline:
                    seconds = self.environment.clinops.ready_within
                    raise ServiceFailedError(name, f"not ready within {seconds} s")
                if self.giving_up.wait(_POLL):
                    raise _GivenUpError
        return container


def _is_the_products_fault(error: APIError) -> bool:
    """Whether the engine says that the image or the service's settings can't be run."""
    return error.status_code == _BAD_REQUEST or "unable to find user" in str(error.explanation)


def ensure_running(name: str, container: Container) -> None:
    """Raise ServiceFailedError where a container ended."""
    with engine_errors(f"look at {name}"):
        container.reload()
    state = container.attrs["State"]
    if not state["Running"]:
        memory = ", out of memory" if state["OOMKilled"] else ""
        raise ServiceFailedError(name, f"ended with exit code {state['ExitCode']}{memory}")


def passes(channels: ExecChannels, command: list[str], *, until: float) -> bool:
    """Whether a command ends with exit code 0 inside a container, before a monotonic time."""
    within = min(until - monotonic(), _CHECK_WITHIN)
    with engine_errors("run a health check"):
        try:
            return channels.run(command, lambda _stream, _said: None, within=within) == 0
        except (APIError, ConnectionError, CommandTimedOutError, ContainerEndedError):
            # The engine answers, but a container that just ended can't run anything.
            return False
