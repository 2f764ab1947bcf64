"""What a vendor requires between two versions: a command on the data, and an end to wait for."""

from __future__ import annotations

from time import monotonic, sleep

import requests
from docker import DockerClient
from docker.models.containers import Container

from clinops.adapters.docker_containers import Placement, create_container, remove_containers
from clinops.adapters.docker_engine import last_lines
from clinops.adapters.docker_startup import ServiceFailedError, ensure_running, passes
from clinops.adapters.exec_channels import ExecChannels
from clinops.domain.environment import Environment

UPGRADING = ".upgrade"
"""How the name of a container that runs an upgrade command ends; no service's name does."""

_POLL = 0.05
_LINES = 40


def run_command(
    client: DockerClient, environment: Environment, container: Container, image: str, network: str
) -> None:
    """Run `upgrade.command` once, on the volumes of a container that has not been started.

    It has the settings, the rights and the network of the service, and nothing besides.

    Raises:
        ServiceFailedError: It did not end with 0, or not in time; with its last lines.
    """
    section = environment.clinops
    if not section.upgrade.command:
        return
    service = environment.services[section.under_test].model_copy(
        update={"entrypoint": section.upgrade.command, "command": []}
    )
    placement = Placement(
        name=f"{container.name}{UPGRADING}",
        network=network,
        labels=container.labels,
        volumes_from=str(container.id),
    )
    once = create_container(client, section.under_test, service, image, placement)
    try:
        once.start()
        code = _exit_code(once, section.upgrade.within)
        if code != 0:
            how = f"ended with exit code {code}" if code is not None else "did not end in time"
            said = last_lines(once.logs(tail=_LINES), _LINES)
            raise ServiceFailedError(section.under_test, f"the upgrade command {how}\n{said}")
    finally:
        remove_containers([once])


def _exit_code(container: Container, within: float) -> int | None:
    try:
        return int(container.wait(timeout=within)["StatusCode"])
    except (requests.ConnectionError, requests.Timeout):
        container.reload()
        if container.attrs["State"]["Running"]:
            return None
        return int(container.attrs["State"]["ExitCode"])


def wait_until_drained(
    client: DockerClient, environment: Environment, container: Container
) -> None:
    """Wait until `upgrade.drained` ends with 0: no migration goes on behind the service.

    Raises:
        ServiceFailedError: It does not in time, or the service ends.
    """
    section = environment.clinops
    if not section.upgrade.drained:
        return
    until = monotonic() + section.upgrade.within
    with ExecChannels(client, str(container.id)) as channels:
        while not passes(channels, section.upgrade.drained, until=until):
            ensure_running(section.under_test, container)
            if monotonic() >= until:
                reason = f"its migrations had not ended after {section.upgrade.within} s"
                raise ServiceFailedError(section.under_test, reason)
            sleep(_POLL)
