"""A small product in two versions, for tests against the machine's real engine."""

from __future__ import annotations

import gc
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from clinops.adapters.docker_images import DockerImages
from clinops.domain.environment import Environment, Upgrade
from clinops.domain.manifest import Build, BuildPackage
from tests.fakes.trees import FakeTree

BASE = "clinops/base:bookworm"
APP = "environments/tiny/images/app"
READY = {"test": ["CMD", "test", "-f", "/tmp/ready"]}

DOCKERFILE = f"""\
FROM {BASE}
ARG VERSION=1
LABEL clinops.lease=claimed-by-the-image clinops.site=claimed-by-the-image
RUN mkdir /data && echo born > /data/origin && chown -R 1000:1000 /data \\
    && echo $VERSION > /version
COPY app.sh /app.sh
USER 1000:1000
CMD ["/app.sh"]
"""
SCRIPT = """\
#!/bin/bash
trap 'echo stopping; date +%s%N > /data/stopped; exit 0' TERM
echo "version $(cat /version)"
cat /version >> /data/versions
touch /tmp/ready
while :; do sleep 0.02; done
"""


def tiny(**overrides: object) -> Environment:
    """Return an environment of an application that needs a database."""
    app = {
        "image": "package",
        "depends_on": {"db": {"condition": "service_healthy"}},
        "healthcheck": READY,
        "volumes": ["data:/data"],
        "mem_limit": "128m",
        "cpus": 0.5,
        "pids_limit": 64,
        "stop_grace_period": "5s",
        "labels": {"ward": "7"},
    }
    database = {
        "build": {"context": "images/app", "args": {"VERSION": "db"}},
        "healthcheck": READY,
        "stop_grace_period": "5s",
    }
    return Environment.model_validate(
        {
            "name": "tiny",
            "services": {"app": {**app, **overrides}, "db": database},
            "volumes": {"data": None},
            "x-clinops": {
                "under_test": "app",
                "endpoints": {"http": "app:8042"},
                "ready_within": 20,
            },
        }
    )


def lone(**overrides: object) -> Environment:
    """Return an environment of the application alone, which is started sooner."""
    environment = tiny(depends_on={}, **overrides)
    return environment.model_copy(update={"services": {"app": environment.services["app"]}})


def upgrading(
    environment: Environment,
    command: list[str] | None,
    *,
    drained: list[str] | None = None,
    within: int = 10,
) -> Environment:
    """Return the environment of a product that needs more than a start on the data."""
    upgrade = Upgrade(command=command, drained=drained, within=within)
    section = environment.clinops.model_copy(update={"upgrade": upgrade})
    return environment.model_copy(update={"clinops": section})


@pytest.fixture(scope="session")
def run_id() -> str:
    """Tell this run's objects from those of anybody else on the same engine."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    client = docker.from_env()
    try:
        client.images.get(BASE)
    except ImageNotFound:
        pytest.fail(f"the base image {BASE} is missing: `make images` builds it")
    yield client
    client.close()


@pytest.fixture
def no_way_there() -> Iterator[None]:
    """For tests that lose the engine: the SDK drops sockets that it could not connect."""
    # Not in the middle of the test, where their warnings would fail it.
    gc.disable()
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.enable()


@pytest.fixture(scope="session")
def tree(run_id: str) -> FakeTree:
    # A label of this run gives images of its own: another run's clean-up can't take them away.
    dockerfile = f"{DOCKERFILE}LABEL run={run_id}\n"
    return FakeTree({f"{APP}/Dockerfile": dockerfile.encode(), f"{APP}/app.sh": SCRIPT.encode()})


@pytest.fixture(scope="session")
def adapter(
    engine: DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerImages]:
    images = DockerImages(Path(tmp_path_factory.mktemp("drop")))
    yield images
    images.close()


@pytest.fixture(scope="session")
def versions(
    adapter: DockerImages, engine: DockerClient, tree: FakeTree, run_id: str
) -> Iterator[dict[str, dict[str, str]]]:
    """Images by service, for versions 1 and 2 of the product."""
    database = adapter.of_environment(tiny(), tree)
    images = {}
    for version in ("1", "2"):
        package = BuildPackage(build=Build(folder=APP, arguments={"VERSION": version}))
        images[version] = {
            **database,
            "app": adapter.obtain(package, tree, name=f"{run_id}-{version}"),
        }
    yield images
    for services in images.values():
        engine.images.remove(services["app"], force=True)
    engine.images.remove(database["db"], force=True)
