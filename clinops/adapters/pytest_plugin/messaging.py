"""Interfaces beyond imaging: the fixtures `mllp`, `mllp_receiver`, `fhir` and `proxy`.

A suite's `pytest.ini` names the root of the product's FHIR interface (`fhir_root`) and its release
(`fhir_release`). The libraries are imported on first use: other suites don't pay for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from clinops.domain.replica import Replica

if TYPE_CHECKING:
    from clinops.adapters.pytest_plugin.fhir import FhirClient
    from clinops.adapters.pytest_plugin.hl7 import MllpClient, MllpReceiver
    from clinops.adapters.pytest_plugin.proxy import RecordingProxy


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini values that describe a product with a FHIR interface."""
    parser.addini("fhir_root", "path of the product's FHIR interface", default="fhir")
    parser.addini("fhir_release", "release of FHIR: R5, R4B (also for R4), STU3", default="R4B")


@pytest.fixture
def mllp(address_of: Callable[[str], tuple[str, int]]) -> Iterator[MllpClient]:
    """An HL7 v2 client on the endpoint `mllp`; each test has a connection of its own."""
    from clinops.adapters.pytest_plugin.hl7 import MllpClient

    client = MllpClient(*address_of("mllp"))
    yield client
    client.hang_up()


@pytest.fixture
def mllp_receiver(replica: Replica) -> Iterator[Callable[..., MllpReceiver]]:
    """A factory: a receiver of HL7 v2 messages that the replica can reach, on a port or any."""
    from clinops.adapters.pytest_plugin.hl7 import MllpReceiver, address_towards

    with ExitStack() as stack:

        def listen(port: int = 0, **options: Any) -> MllpReceiver:
            peer = replica.services[replica.under_test].address
            receiver = MllpReceiver(address_towards(peer), port, **options)
            stack.callback(receiver.close)
            return receiver

        yield listen


@pytest.fixture(scope="session")
def fhir(pytestconfig: pytest.Config, http: Any) -> Iterator[FhirClient]:
    """A FHIR client beside the fixture `http`, with the same sign-in."""
    import httpx

    from clinops.adapters.pytest_plugin.fhir import FhirClient

    root = str(http.base_url.join(str(pytestconfig.getini("fhir_root"))))
    release = str(pytestconfig.getini("fhir_release"))
    with httpx.Client(base_url=root, auth=http.auth, trust_env=False, timeout=20) as client:
        yield FhirClient(client, release=release)


@pytest.fixture
def proxy(address_of: Callable[[str], tuple[str, int]]) -> Iterator[Callable[..., RecordingProxy]]:
    """A factory: a recording proxy before an endpoint, by its name, or before any address."""
    from clinops.adapters.pytest_plugin.proxy import RecordingProxy

    with ExitStack() as stack:

        def before(target: str | tuple[str, int], **options: Any) -> RecordingProxy:
            address = address_of(target) if isinstance(target, str) else target
            made = RecordingProxy(address, **options)
            stack.callback(made.close)
            return made

        yield before
