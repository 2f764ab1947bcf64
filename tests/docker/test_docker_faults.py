"""Faults on a real engine, on a system of two services that keeps its word or does not."""

from __future__ import annotations

import io
import socket
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from clinops.adapters.docker_faults import DockerFaults
from clinops.adapters.docker_images import DockerImages
from clinops.adapters.docker_replicas import DockerReplicas
from clinops.adapters.inventories import ReplicaInventories
from clinops.adapters.pytest_suites import PytestSuites
from clinops.domain.digest import digest_bytes
from clinops.domain.environment import Environment, FaultName
from clinops.domain.fault_trial import FaultsTried, FaultTrial, Impossible, findings
from clinops.domain.finding import Weight
from clinops.domain.manifest import Build, BuildPackage, Manifest
from clinops.domain.plan import Plan
from clinops.domain.release import Inputs, Release
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.suite import Role
from clinops.wiring import Bench
from flows.faults import Grounds, try_fault
from tests.docker.conftest import BASE
from tests.docker.contracts import FaultsContract
from tests.fakes.evidence import FakeEvidence
from tests.fakes.faults import FakeFaults
from tests.fakes.images import FakeImages
from tests.fakes.inventories import PATIENTS
from tests.fakes.materials import FakeMaterials
from tests.fakes.probes import FakeProbes
from tests.fakes.replicas import FakeReplicas
from tests.fakes.trees import FakeTree

PROGRAMS = Path(__file__).parents[1] / "systems" / "book"
HOME = "environments/book"
IMAGE = f"{HOME}/images/book"
DOCKERFILE = f"""\
FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends libfaketime \\
    && rm -rf /var/lib/apt/lists/* && install -d -o nobody -g nogroup /data
COPY book.pl /srv/book.pl
ARG VERSION=1
RUN echo $VERSION > /srv/version
USER nobody
CMD ["perl", "/srv/book.pl", "app"]
"""
READY = {"test": ["CMD", "perl", "/srv/book.pl", "ready"]}
ALL: tuple[FaultName, ...] = (
    "database-killed",
    "paused",
    "disk-full",
    "network-cut",
    "clock-skewed",
    "restarted-in-a-write",
)
FORGETFUL: tuple[str, FaultName] = ("2", "restarted-in-a-write")


def book_environment(*faults: FaultName, **app: object) -> Environment:
    limits = {"mem_limit": "128m", "cpus": 0.5, "pids_limit": 64, "stop_grace_period": "5s"}
    database = {
        "build": {"context": "images/book"},
        "command": ["perl", "/srv/book.pl", "db"],
        "healthcheck": READY,
        "volumes": ["data:/data"],
    }
    application = {
        "image": "package",
        "healthcheck": READY,
        "depends_on": {"db": {"condition": "service_healthy"}},
    }
    return Environment.model_validate(
        {
            "name": "book",
            "services": {
                "app": {**limits, **application, **app},
                "db": {**limits, **database},
            },
            "volumes": {"data": None},
            "x-clinops": {
                "under_test": "app",
                "endpoints": {"book": "app:7000"},
                "seed": "seed.py",
                "inventory": "inventory.py",
                "writer": "write.py",
                "faults": list(faults),
                "ready_within": 20,
            },
        }
    )


@pytest.fixture(scope="module")
def book(run_id: str) -> FakeTree:
    files = {f"{HOME}/{path.name}": path.read_bytes() for path in PROGRAMS.glob("*.py")}
    files[f"{IMAGE}/book.pl"] = (PROGRAMS / "book.pl").read_bytes()
    files[f"{IMAGE}/Dockerfile"] = f"{DOCKERFILE}LABEL run={run_id}\n".encode()
    return FakeTree(files)


@pytest.fixture(scope="module")
def images(
    adapter: DockerImages, engine: DockerClient, book: FakeTree, run_id: str
) -> Iterator[dict[str, dict[str, str]]]:
    """Images by service, of a version that keeps its word and of one that does not."""
    around = adapter.of_environment(book_environment(), book)
    made = {}
    for version in ("1", "2"):
        package = BuildPackage(build=Build(folder=IMAGE, arguments={"VERSION": version}))
        app = adapter.obtain(package, book, name=f"{run_id}-book-{version}")
        made[version] = {**around, "app": app}
    yield made
    for image in {one for services in made.values() for one in services.values()}:
        engine.images.remove(image, force=True)


@pytest.fixture(scope="module")
def library(engine: DockerClient, images: dict[str, dict[str, str]], tmp_path_factory: Any) -> Path:
    """Debian's libfaketime, as a machine has it that has the package."""
    container = engine.containers.create(images["1"]["app"])
    try:
        chunks, _ = container.get_archive("/usr/lib")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            (name,) = [each for each in archive.getnames() if each.endswith("/libfaketime.so.1")]
            file = archive.extractfile(name)
            assert file is not None
            kept = tmp_path_factory.mktemp("faketime") / "libfaketime.so.1"
            kept.write_bytes(file.read())
    finally:
        container.remove()
    return Path(kept)


@pytest.fixture(scope="module")
def replicas(run_id: str) -> Iterator[DockerReplicas]:
    with DockerReplicas() as adapter:
        yield adapter
        adapter.sweep(lambda lease: not lease.startswith(run_id))


@pytest.fixture(scope="module")
def faults(library: Path) -> Iterator[DockerFaults]:
    with DockerFaults(library=library) as adapter:
        yield adapter


@pytest.fixture(scope="module")
def bench(replicas: DockerReplicas, faults: DockerFaults, book: FakeTree, run_id: str) -> Bench:
    evidence = FakeEvidence()
    suites = PytestSuites(evidence, 60)
    return Bench(
        images=FakeImages(),
        materials=FakeMaterials(),
        replicas=replicas,
        suites=suites,
        inventories=ReplicaInventories(suites, replicas, 30),
        probes=FakeProbes(),
        faults=faults,
        evidence=evidence,
        tree_at=lambda _: book,
        lease=f"{run_id}/faults",
    )


@pytest.fixture(scope="module")
def grounds(bench, images, book) -> dict[str, Grounds]:
    """What each version is tried on."""
    return {
        version: Grounds(plan(version), {Role.CANDIDATE: images[version]}, {}, book, bench)
        for version in ("1", "2")
    }


def plan(version: str) -> Plan:
    manifest = Manifest.model_validate(
        {
            "schema": 1,
            "product": "book",
            "vendor": "acme",
            "version": version,
            "package": {"build": {"folder": IMAGE}},
            "kind": "new-system",
            "rollback": {"strategy": "binary"},
        }
    )
    digest = digest_bytes(version.encode())
    release = Release(
        id=f"book-{version}-abc",
        product="book",
        vendor="acme",
        version=version,
        commit="0" * 40,
        committer="vendor:acme",
        manifest_path="vendor_manifests/acme/book.yaml",
        inputs=Inputs(manifest=digest, environment=digest, suites=digest, package=digest),
    )
    return Plan(
        release=release,
        manifest=manifest,
        environment=book_environment(*ALL),
        suites=(),
        baseline=None,
    )


@pytest.fixture(scope="module")
def trials(grounds: dict[str, Grounds]) -> dict[tuple[str, FaultName], FaultTrial]:
    """Try every fault on the version that keeps its word, and one on the other, side by side."""
    wanted = [*(("1", fault) for fault in ALL), FORGETFUL]
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = pool.map(lambda each: try_fault(each[1], grounds[each[0]]).trials[0], wanted)
        return dict(zip(wanted, found, strict=True))


class TestFakeFaults(FaultsContract):
    @pytest.fixture
    def fakes(self) -> FakeReplicas:
        return FakeReplicas()

    @pytest.fixture
    def faults(self, fakes: FakeReplicas) -> FakeFaults:
        made = FakeFaults(fakes)
        ended = ReplicaFailure(service="app", reason="it exited with code 3", log_tail="")
        made.ends = {"hopeless": ended}
        return made

    @pytest.fixture
    def powerless(self, faults: FakeFaults) -> FakeFaults:
        faults.impossible["clock-skewed"] = "this machine has no libfaketime"
        return faults

    @pytest.fixture
    def environment(self) -> Environment:
        return book_environment()

    @pytest.fixture
    def hopeless(self) -> Environment:
        return book_environment().model_copy(update={"name": "hopeless"})

    @pytest.fixture
    def standing(self, fakes: FakeReplicas) -> Any:
        @contextmanager
        def standing(environment: Environment) -> Iterator[Replica]:
            images = {name: digest_bytes(name.encode()) for name in environment.services}
            with fakes.start(
                environment,
                images,
                product="book",
                version=environment.name,
                role=Role.CANDIDATE,
                release="book-1-abc",
                lease="lease",
            ) as replica:
                assert isinstance(replica, Replica)
                fakes.records[replica.id] = PATIENTS
                yield replica

        return standing

    @pytest.fixture
    def held(self, fakes: FakeReplicas) -> Any:
        return lambda replica: fakes.records[replica.id]


@pytest.mark.docker
class TestDockerFaults(FaultsContract):
    @pytest.fixture
    def powerless(self) -> Iterator[DockerFaults]:
        with DockerFaults(library=Path("/none")) as adapter:
            yield adapter

    @pytest.fixture
    def environment(self) -> Environment:
        return book_environment()

    @pytest.fixture
    def hopeless(self) -> Environment:
        once = "test -e /tmp/once && exit 3; touch /tmp/once; exec perl /srv/book.pl app"
        made = book_environment(command=["sh", "-c", once])
        section = made.clinops.model_copy(update={"ready_within": 3})
        return made.model_copy(update={"clinops": section})

    @pytest.fixture
    def standing(self, replicas, images, run_id) -> Any:
        @contextmanager
        def standing(environment: Environment) -> Iterator[Replica]:
            with standing_book(replicas, images, run_id, environment) as replica:
                assert isinstance(replica, Replica), replica
                ask(replica, "app", "PUT 9990000018 Müller, Jörg")
                yield replica

        return standing

    @pytest.fixture
    def held(self) -> Any:
        return lambda replica: ask(replica, "app", "LIST")


@pytest.mark.docker
@pytest.mark.parametrize("fault", ALL)
def test_a_system_that_writes_before_it_acknowledges_loses_nothing(trials, fault):
    trial = trials["1", fault]
    assert findings(FaultsTried(asked=(fault,), trials=(trial,))) == [], trial
    assert trial.struck
    assert (trial.before, trial.lost, trial.reported) == (2, 0, True)
    assert trial.acknowledged["patients"] > 0


@pytest.mark.docker
@pytest.mark.parametrize(
    "fault", ["database-killed", "disk-full", "network-cut", "restarted-in-a-write"]
)
def test_a_writer_is_told_what_could_not_be_written(trials, fault):
    assert trials["1", fault].hindered


@pytest.mark.docker
def test_a_system_that_acknowledges_what_it_holds_in_memory_is_refused_with_the_records_named(
    trials,
):
    found = findings(FaultsTried(asked=FORGETFUL[1:], trials=(trials[FORGETFUL],)))
    assert {(one.kind, one.weight) for one in found} == {("fault-loses", Weight.REFUSES)}
    told = "\n".join(one.summary for one in found)
    assert "acknowledged records of patients are gone: 9991000000" in told


@pytest.mark.docker
def test_a_clock_is_a_day_ahead_for_the_service_under_test_alone(replicas, faults, images, run_id):
    with standing_book(replicas, images, run_id) as replica:
        with DockerFaults(library=Path("/none")) as without:
            told = without.stage("clock-skewed", replica, book_environment())
        assert isinstance(told, Impossible)
        assert "apt-get install libfaketime" in told.why
        staged = faults.stage("clock-skewed", replica, book_environment())
        assert not isinstance(staged, Impossible), staged
        assert isinstance(staged.replica, Replica)
        assert abs(ahead(staged.replica, "app")) < 60
        staged.strike()
        assert ahead(staged.replica, "app") > 86_000
        assert abs(ahead(staged.replica, "db")) < 60
        mended = staged.mend()
        assert abs(ahead(mended, "app")) < 60
        assert mended.images == images["1"]


@pytest.mark.docker
def test_a_program_that_does_not_use_the_library_is_said_to_be_so(
    replicas, images, run_id, tmp_path
):
    (tmp_path / "empty.so").write_bytes(b"no library")
    with (
        DockerFaults(library=tmp_path / "empty.so") as without,
        standing_book(replicas, images, run_id) as replica,
    ):
        told = without.stage("clock-skewed", replica, book_environment())
    assert isinstance(told, Impossible)
    assert "no process of app is seen to use libfaketime" in told.why


def standing_book(
    replicas: DockerReplicas,
    images: dict[str, dict[str, str]],
    run_id: str,
    environment: Environment | None = None,
) -> Any:
    return replicas.start(
        environment or book_environment(),
        images["1"],
        product="book",
        version="1",
        role=Role.CANDIDATE,
        release="book-1-abc",
        lease=f"{run_id}/clock",
    )


def ahead(replica: Any, service: str) -> float:
    """Ask a service what time it is; return by how much it differs."""
    return float(ask(replica, service, "TIME")) - time.time()


def ask(replica: Any, service: str, line: str) -> str:
    """Ask a service something."""
    address = replica.services[service].address
    with socket.create_connection((address, 7000), timeout=10) as asked:
        asked.sendall(f"{line}\n".encode())
        with asked.makefile() as answer:
            return answer.read()
