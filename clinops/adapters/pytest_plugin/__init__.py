"""What a suite is given: fixtures onto the replica, hazard markers, and properties in its JUnit.

Loaded with `-p clinops.adapters.pytest_plugin` by the stage that runs suites; a suite's author can
run it alike by hand, with `CLINOPS_REPLICA` naming the replica's JSON file. Nothing here knows any
product: what one product needs (a sign-in, say) its suite's `conftest.py` adds by overriding.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clinops.domain.replica import Replica

pytest_plugins = (
    "clinops.adapters.pytest_plugin.imaging",
    "clinops.adapters.pytest_plugin.messaging",
    "clinops.adapters.pytest_plugin.part",
    "clinops.adapters.testinfra_plugin",
)

REPLICA_VARIABLE = "CLINOPS_REPLICA"
TEST_PROPERTY = "clinops.test"
HAZARD_PROPERTY = "hazard"
SECONDS_PER_TEST = 30.0

_HAZARD_ID = re.compile(r"[A-Z]{3}-\d{3}")


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker to `--strict-markers` and `--markers`."""
    config.addinivalue_line(
        "markers", "hazard(id, …): the hazards whose controls this test verifies, as `ORT-001`"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its properties and, where its suite sets none, a time limit."""
    for item in items:
        item.user_properties.append((TEST_PROPERTY, item.nodeid))
        item.user_properties += [(HAZARD_PROPERTY, hazard) for hazard in _hazards_of(item)]
        _limit_time(item)


def _hazards_of(item: pytest.Item) -> list[str]:
    found: set[str] = set()
    for marker in item.iter_markers("hazard"):
        ids = [str(each) for each in marker.args]
        if not ids or marker.kwargs or not all(_HAZARD_ID.fullmatch(each) for each in ids):
            raise pytest.UsageError(
                f"{item.nodeid}: hazard{marker.args!r} does not name hazards in the form 'ABC-001'"
            )
        found.update(ids)
    return sorted(found)


def _limit_time(item: pytest.Item) -> None:
    limited = item.config.getini("timeout") or item.get_closest_marker("timeout")
    if not limited:
        item.add_marker(pytest.mark.timeout(SECONDS_PER_TEST))


@pytest.fixture(scope="session")
def replica() -> Replica:
    """The replica under test, as the engine describes it."""
    path = os.environ.get(REPLICA_VARIABLE)
    if not path:
        raise pytest.UsageError(f"{REPLICA_VARIABLE} does not name a replica's JSON file")
    try:
        return Replica.model_validate_json(Path(path).read_bytes())
    except (OSError, ValidationError) as error:
        raise pytest.UsageError(f"{path} does not describe a replica: {error}") from None


@pytest.fixture(scope="session", autouse=True)
def _release_in_junit(
    replica: Replica, record_testsuite_property: Callable[[str, object], None]
) -> None:
    record_testsuite_property("clinops.release", replica.release)
    record_testsuite_property("clinops.version", replica.version)
    record_testsuite_property("clinops.role", replica.role.value)
    for service, image in sorted(replica.images.items()):
        record_testsuite_property(f"clinops.image.{service}", image)


@pytest.fixture(scope="session")
def service_host(replica: Replica) -> Iterator[Callable[[str], Any]]:
    """A factory: the testinfra host inside a service's container, by the service's name."""
    import testinfra

    hosts = ExitStack()

    def host_of(service: str) -> Any:
        instance = replica.services.get(service)
        if instance is None:
            known = ", ".join(sorted(replica.services))
            raise pytest.UsageError(f"no service is called {service!r}; there are {known}")
        host = testinfra.get_host(f"replica://{instance.container}")
        hosts.callback(host.backend.close)
        return host

    with hosts:
        yield host_of


@pytest.fixture(scope="session")
def host(replica: Replica, service_host: Callable[[str], Any]) -> Any:
    """The testinfra host inside the container of the service under test."""
    return service_host(replica.under_test)


@pytest.fixture(scope="session")
def address_of(replica: Replica) -> Callable[[str], tuple[str, int]]:
    """A factory: host and port of an endpoint, by its name in `x-clinops`."""

    def address(endpoint: str) -> tuple[str, int]:
        door = replica.endpoints.get(endpoint)
        if door is None:
            known = ", ".join(sorted(replica.endpoints))
            raise pytest.UsageError(f"no endpoint is called {endpoint!r}; there are {known}")
        ip, _, port = door.rpartition(":")
        return ip, int(port)

    return address


@pytest.fixture(scope="session")
def http(address_of: Callable[[str], tuple[str, int]]) -> Iterator[Any]:
    """An `httpx.Client` on the endpoint `http`."""
    import httpx

    ip, port = address_of("http")
    # trust_env off: a proxy of the machine must not come between a suite and its replica.
    with httpx.Client(base_url=f"http://{ip}:{port}", trust_env=False, timeout=20) as client:
        yield client
