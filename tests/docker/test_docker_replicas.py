from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from clinops.adapters.docker_replicas import DockerReplicas
from clinops.adapters.exec_stream import run_in
from clinops.domain.digest import digest_bytes
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.errors import EngineError
from tests.docker.conftest import BASE, tiny
from tests.docker.contracts import ReplicasContract, start
from tests.docker.cuttable import CuttableEngine
from tests.fakes.replicas import FakeReplicas


class TestFakeReplicas(ReplicasContract):
    @pytest.fixture
    def replicas(self) -> FakeReplicas:
        return FakeReplicas()

    @pytest.fixture
    def app_images(self) -> dict[str, str]:
        return {name: digest_bytes(name.encode()) for name in ("app", "db")}

    @pytest.fixture
    def new(self, app_images: dict[str, str]) -> dict[str, str]:
        return {**app_images, "app": digest_bytes(b"version 2")}

    @pytest.fixture
    def lease(self) -> str:
        return "lease"


@pytest.fixture
def lease(run_id: str, request: pytest.FixtureRequest) -> str:
    return f"{run_id}/{request.node.name}"


@pytest.fixture
def app_images(versions: dict[str, dict[str, str]]) -> dict[str, str]:
    return versions["1"]


@pytest.fixture
def new(versions: dict[str, dict[str, str]]) -> dict[str, str]:
    return versions["2"]


@pytest.fixture
def replicas(engine: DockerClient, run_id: str) -> Iterator[DockerReplicas]:
    with DockerReplicas() as adapter:
        yield adapter
        adapter.sweep(lambda lease: not lease.startswith(run_id))
        for image in engine.images.list(filters={"label": "clinops.release=tiny-1-abc"}):
            for tag in image.tags:
                if tag.startswith("clinops/snapshot:"):
                    engine.images.remove(tag)


@pytest.mark.docker
class TestDockerReplicas(ReplicasContract):
    pass


def left(engine: DockerClient, lease: str) -> list[object]:
    marked = {"label": f"clinops.lease={lease}"}
    return [
        *engine.containers.list(all=True, filters=marked),
        *engine.networks.list(filters=marked),
    ]


def inside(engine: DockerClient, replica: Replica, line: str, service: str = "app"):
    container = engine.containers.get(replica.services[service].container)
    code, output = run_in(container, ["bash", "-c", line])
    return code, output.decode()


@pytest.fixture
def neighbour(engine: DockerClient) -> Iterator[str]:
    """Give the address of a server on the same machine that everybody but a replica can reach."""
    program = (
        "my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 8000);"
        'while (my $c = $s->accept) { print $c "hello"; close $c }'
    )
    container = engine.containers.run(
        BASE, ["perl", "-MIO::Socket::INET", "-e", program], detach=True
    )
    container.reload()
    yield container.attrs["NetworkSettings"]["IPAddress"]
    container.remove(force=True)


@pytest.mark.docker
def test_a_replica_cannot_reach_out(engine, replicas, app_images, lease, neighbour):
    with start(replicas, app_images, lease) as replica:
        with socket.create_connection((neighbour, 8000), timeout=5) as reachable:
            assert reachable.recv(5) == b"hello"
        code, said = inside(engine, replica, f"timeout 2 bash -c 'cat < /dev/tcp/{neighbour}/8000'")
        assert code != 0
        assert "hello" not in said
        (network,) = engine.networks.list(filters={"label": f"clinops.lease={lease}"})
        network.reload()
        assert network.attrs["Internal"]
        assert network.attrs["Options"]["com.docker.network.bridge.name"].startswith("clinops-")


@pytest.mark.docker
def test_a_replica_finds_its_own_services_by_name_and_no_outside_name(
    engine, replicas, app_images, lease
):
    with start(replicas, app_images, lease) as replica:
        code, found = inside(engine, replica, "getent hosts db")
        assert code == 0
        assert found.split()[0] == replica.services["db"].address
        began = time.monotonic()
        code, _ = inside(engine, replica, "getent hosts example.org")
        assert code == 2
        assert time.monotonic() - began < 5
        assert engine.containers.get(replica.services["app"].container).attrs["HostConfig"][
            "Dns"
        ] == ["127.0.0.1"]


@pytest.mark.docker
def test_a_replica_has_no_rights(engine, replicas, app_images, lease):
    with start(replicas, app_images, lease, tiny(user="0:0")) as replica:
        _, status = inside(engine, replica, "cat /proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["CapEff"], 16) == 0
    assert int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"].strip() == "1"


@pytest.mark.docker
def test_a_service_gets_the_one_right_that_it_asks_for(engine, replicas, app_images, lease):
    environment = tiny(user="0:0", cap_add=["CHOWN"])
    with start(replicas, app_images, lease, environment) as replica:
        _, status = inside(engine, replica, "grep CapEff /proc/1/status")
    assert int(status.split()[1], 16) == 1, "CAP_CHOWN is bit 0"


@pytest.mark.docker
def test_a_replica_is_bounded_and_labelled(engine, replicas, app_images, lease):
    environment = tiny(read_only=True, tmpfs=["/tmp", "/data"], shm_size="32m")
    with start(replicas, app_images, lease, environment) as replica:
        container = engine.containers.get(replica.services["app"].container)
        host = container.attrs["HostConfig"]
        assert (host["Memory"], host["MemorySwap"]) == (128 * 2**20, 128 * 2**20)
        assert host["CpuQuota"] / host["CpuPeriod"] == 0.5
        assert (host["PidsLimit"], host["ShmSize"]) == (64, 32 * 2**20)
        assert (host["ReadonlyRootfs"], host["Init"]) == (True, True)
        assert not any(host[door] for door in ("Binds", "PortBindings", "Privileged"))
        assert host["LogConfig"]["Config"]["max-size"] == "10m"
        assert container.attrs["Mounts"] == []
        assert container.attrs["Config"]["Hostname"] == "app"
        labels = {k: v for k, v in container.labels.items() if v and k != "run"}
        assert labels == {
            "clinops.replica": replica.id,
            "clinops.lease": lease,
            "clinops.product": "tiny",
            "clinops.release": "tiny-1-abc",
            "clinops.role": "candidate",
            "clinops.service": "app",
            "ward": "7",
        }


@pytest.mark.docker
def test_a_dependency_is_ready_before_its_dependant_is_created(engine, replicas, app_images, lease):
    with start(replicas, app_images, lease) as replica:
        app = engine.containers.get(replica.services["app"].container)
        _, ready = inside(engine, replica, "stat -c %y /tmp/ready", "db")
        created = app.attrs["Created"]
    day, clock, _ = ready.split()
    assert created[:26] > f"{day}T{clock}"[:26]


@pytest.mark.docker
def test_a_service_that_never_gets_ready_fails_with_its_last_lines(
    engine, replicas, app_images, lease
):
    line = r"seq 1 50 | sed 's/^/line /'; printf 'red \033[31m \xff\n'; sleep 60"
    environment = tiny(command=["bash", "-c", line])
    slow = environment.clinops.model_copy(update={"ready_within": 2})
    environment = environment.model_copy(update={"clinops": slow})
    with start(replicas, app_images, lease, environment) as failure:
        assert isinstance(failure, ReplicaFailure)
        assert (failure.service, failure.reason) == ("app", "not ready within 2 s")
        lines = failure.log_tail.splitlines()
        assert len(lines) == 40
        assert lines[0] == "line 12"
        assert lines[-1] == "red \\x1b[31m \N{REPLACEMENT CHARACTER}"
    assert left(engine, lease) == []


@pytest.mark.docker
def test_a_service_that_ends_fails_at_once(engine, replicas, app_images, lease):
    began = time.monotonic()
    environment = tiny(command=["bash", "-c", "echo no licence; exit 3"])
    with start(replicas, app_images, lease, environment) as failure:
        assert isinstance(failure, ReplicaFailure)
        assert failure.reason == "ended with exit code 3"
        assert failure.log_tail == "no licence"
    assert time.monotonic() - began < 10


@pytest.mark.docker
def test_a_dependency_that_fails_is_named_and_its_dependant_never_started(
    engine, replicas, app_images, lease
):
    environment = tiny()
    broken = environment.services["db"].model_copy(update={"command": ["false"]})
    services = {**environment.services, "db": broken}
    environment = environment.model_copy(update={"services": services})
    with start(replicas, app_images, lease, environment) as failure:
        assert isinstance(failure, ReplicaFailure)
        assert failure.service == "db"
        marked = {"label": [f"clinops.lease={lease}", "clinops.service=app"]}
        assert engine.containers.list(all=True, filters=marked) == []


@pytest.mark.docker
@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"user": "nobody-of-that-name"}, "unable to find user"),
        ({"init": False, "entrypoint": ["/no/such/program"]}, "no such file"),
    ],
)
def test_what_can_not_be_started_is_the_products_fault(
    replicas, app_images, lease, overrides, reason
):
    with start(replicas, app_images, lease, tiny(**overrides)) as failure:
        assert isinstance(failure, ReplicaFailure)
        assert reason in failure.reason


@pytest.mark.docker
def test_an_image_that_is_gone_is_not_the_products_fault(replicas, app_images, lease, engine):
    images = {**app_images, "app": digest_bytes(b"gone")}
    with pytest.raises(EngineError, match="No such image"), start(replicas, images, lease):
        pass
    assert left(engine, lease) == []


@pytest.mark.docker
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_removal_follows_every_error(engine, replicas, app_images, lease, error):
    with pytest.raises(error), start(replicas, app_images, lease):
        raise error
    assert left(engine, lease) == []


@pytest.mark.docker
def test_an_image_cannot_have_itself_swept_or_hidden(replicas, app_images, lease):
    with start(replicas, app_images, lease):
        assert replicas.sweep(lambda other: other != "claimed-by-the-image") == []


def cut_and_fail(way: CuttableEngine) -> None:
    way.cut()
    raise ValueError("what went wrong first")


@pytest.mark.docker
def test_an_engine_that_goes_away_is_not_blamed_on_the_product(
    *, engine, app_images, lease, tmp_path: Path, replicas, no_way_there
):
    with (
        CuttableEngine(tmp_path / "engine.sock") as way,
        DockerReplicas(way.host) as cut_off,
    ):
        cut_off.ensure_engine_stayed()
        with (
            pytest.raises(ValueError, match="what went wrong first"),
            start(cut_off, app_images, lease),
        ):
            cut_and_fail(way)
        with pytest.raises(EngineError):
            cut_off.ensure_engine_stayed()
    assert len(left(engine, lease)) == 3
    assert len(replicas.sweep(lambda other: other != lease)) == 3
    assert left(engine, lease) == []


@pytest.mark.docker
def test_an_engine_that_came_back_has_still_been_away(tmp_path: Path, no_way_there):
    with (
        CuttableEngine(tmp_path / "engine.sock") as way,
        DockerReplicas(way.host) as replicas,
    ):
        way.cut()
        way.join_again()
        with pytest.raises(EngineError, match="for a while"):
            replicas.ensure_engine_stayed()


@pytest.mark.docker
def test_an_engine_that_goes_away_during_the_start_is_our_fault(
    *, engine, app_images, lease, tmp_path: Path, replicas, no_way_there
):
    environment = tiny(healthcheck={"test": ["CMD", "sleep", "5"]})
    with (
        CuttableEngine(tmp_path / "engine.sock") as way,
        DockerReplicas(way.host) as cut_off,
    ):
        timer = threading.Timer(1.5, way.cut)
        timer.start()
        with pytest.raises(EngineError), start(cut_off, app_images, lease, environment):
            pass
        timer.join()


def test_no_engine_at_all_says_so(tmp_path: Path, no_way_there):
    with pytest.raises(EngineError, match="connect to the Docker engine"):
        DockerReplicas(f"unix://{tmp_path}/nothing.sock")
