from __future__ import annotations

import datetime as dt
import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from docker import DockerClient
from docker.models.images import Image

from clinops.adapters.docker_replicas import DockerReplicas
from clinops.adapters.docker_snapshots import unused
from clinops.adapters.exec_stream import run_in
from clinops.domain.environment import Environment
from clinops.domain.replica import Moved, Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from tests.docker.conftest import lone, tiny, upgrading
from tests.docker.contracts import fork, key_of, start

pytestmark = pytest.mark.docker

REPORT = (
    "id -u >> /data/report; cat /version >> /data/report; getent hosts db >> /data/report; "
    "grep -E 'CapEff|NoNewPrivs' /proc/self/status >> /data/report"
)


@pytest.fixture(scope="module")
def replicas(run_id: str) -> Iterator[DockerReplicas]:
    with DockerReplicas() as adapter:
        yield adapter
        adapter.sweep(lambda lease: not lease.startswith(run_id))


@pytest.fixture
def lease(run_id: str, request: pytest.FixtureRequest) -> str:
    return f"{run_id}/{request.node.name}"


@pytest.fixture(scope="module")
def old(versions: dict[str, dict[str, str]]) -> dict[str, str]:
    return versions["1"]


@pytest.fixture(scope="module")
def new(versions: dict[str, dict[str, str]]) -> dict[str, str]:
    return versions["2"]


@pytest.fixture(scope="module")
def alone(old: dict[str, str]) -> dict[str, str]:
    return {"app": old["app"]}


SEEDED = tiny(environment={"WARD": "7 $$ east"}, tmpfs=["/scratch"])


@pytest.fixture(scope="module")
def seeded(engine, replicas, old, run_id) -> tuple[Snapshot, dict[str, Any]]:
    """Freeze version 1 with a patient in its volume and a note outside; how it was run."""
    lease = f"{run_id}/seeded"
    with start(replicas, old, lease, SEEDED) as replica:
        assert isinstance(replica, Replica), replica
        inside(engine, replica, "echo Ada > /data/patient; rm /data/origin; chmod 2750 /data")
        inside(engine, replica, "echo kept > /var/tmp/note; echo lost > /scratch/note")
        inside(engine, replica, "echo Ada > /data/row", "db")
        run = engine.containers.get(replica.services["app"].container).attrs
        return replicas.freeze(replica, SEEDED, key_of(lease), lease=lease), run


def inside(engine: DockerClient, replica: Any, line: str, service: str = "app") -> str:
    assert isinstance(replica, Replica), replica
    container = engine.containers.get(replica.services[service].container)
    return run_in(container, ["bash", "-c", f"{line} 2>&1"])[1].decode().strip()


def move(
    replicas: DockerReplicas, replica: Any, environment: Environment, images: dict[str, str]
) -> Moved:
    assert isinstance(replica, Replica), replica
    return replicas.move(
        replica, environment, images, version="2", role=Role.CANDIDATE, upgrade=True
    )


def failure_of(moved: Moved) -> ReplicaFailure:
    assert isinstance(moved.replica, ReplicaFailure), moved
    return moved.replica


def frozen(engine: DockerClient, lease: str) -> list[str]:
    """Return our tags of what is frozen of the replicas of a lease."""
    found = engine.images.list(all=True, filters={"label": f"clinops.lease={lease}"})
    return [tag for image in found for tag in image.tags or [str(image.id)]]


def derived(engine: DockerClient, image: str, change: str) -> str:
    """Make an image of the product that a vendor might make; without a tag."""
    container = engine.containers.create(image, ["/app.sh"])
    made = container.commit(changes=[change])
    container.remove(v=True)
    return str(made.id)


def test_forks_have_the_data_and_see_neither_each_others_writes_nor_services(
    engine, replicas, seeded, lease
):
    snapshot, _ = seeded

    def write(number: int) -> tuple[str, str, str]:
        with fork(replicas, snapshot, lease, SEEDED) as one:
            inside(engine, one, f"echo {number} >> /data/patient; echo {number} >> /data/row", "db")
            inside(engine, one, f"echo {number} >> /data/patient")
            database = inside(engine, one, "getent hosts db").split()[0]
            assert database == one.services["db"].address
            return (
                inside(engine, one, "cat /data/patient /var/tmp/note; ls /scratch"),
                inside(engine, one, "cat /data/row", "db"),
                database,
            )

    with ThreadPoolExecutor() as pool:
        seen = list(pool.map(write, range(4)))
    assert [files for files, _, _ in seen] == [f"Ada\n{number}\nkept" for number in range(4)]
    assert [row for _, row, _ in seen] == [f"Ada\n{number}" for number in range(4)]
    assert len({database for _, _, database in seen}) == 4


def test_a_fork_is_run_as_the_system_that_it_was_frozen_from(engine, replicas, seeded, lease):
    snapshot, before = seeded
    with fork(replicas, snapshot, lease, SEEDED) as one:
        run = engine.containers.get(one.services["app"].container).attrs
        assert one.images == snapshot.bases
    varies = {"Image", "Labels"}
    for part in before["Config"].keys() - varies:
        assert run["Config"][part] == before["Config"][part], part
    for part in before["HostConfig"].keys() - {"NetworkMode"}:
        assert run["HostConfig"][part] == before["HostConfig"][part], part
    assert run["Mounts"] == before["Mounts"]
    labels, labels_before = (
        {name: text for name, text in each["Config"]["Labels"].items() if text}
        for each in (run, before)
    )
    assert labels.keys() == labels_before.keys()
    assert (labels["clinops.lease"], labels["clinops.replica"]) == (lease, one.id)


def test_a_move_carries_what_lies_in_volumes_and_nothing_else(engine, replicas, seeded, new, lease):
    snapshot, _ = seeded
    environment = upgrading(tiny(), ["bash", "-c", REPORT], drained=["test", "-s", "/data/report"])
    with fork(replicas, snapshot, lease, SEEDED) as one:
        moved = move(replicas, one, environment, new)
        two = moved.replica
        assert (
            inside(engine, two, "cat /data/patient; stat -c %a:%u:%g /data")
            == "Ada\n2750:1000:1000"
        )
        assert "No such file" in inside(engine, two, "cat /data/origin"), "the new image has one"
        assert "No such file" in inside(engine, two, "cat /var/tmp/note")
        assert "No such file" in inside(engine, two, "cat /data/row", "db"), "it has no volume"
        user, version, database, rights, privileges = inside(
            engine, two, "cat /data/report"
        ).splitlines()
        assert (user, version) == ("1000", "2"), "as the service's user, in the new image, once"
        assert database.split()[0] == two.services["db"].address
        assert (int(rights.split()[1], 16), privileges.split()[1]) == (0, "1")
        assert (two.id, two.images, two.version) == (one.id, new, "2")
        assert [step.name for step in moved.steps] == [
            "stop",
            "carry the data over",
            "upgrade command, then start",
            "wait for migrations",
        ]
        assert moved.seconds == moved.steps[0].seconds + moved.steps[2].seconds
        upgraded = replicas.freeze(two, environment, key_of(lease), lease=lease)
    with fork(replicas, upgraded, lease, environment) as three:
        assert three.images == new
        assert inside(engine, three, "cat /data/patient; stat -c %a:%u /data") == "Ada\n2750:1000"
        assert "No such file" in inside(engine, three, "cat /data/origin")


def test_an_upgrade_command_that_fails_is_the_products_fault(replicas, alone, lease):
    line = r"echo cannot alter; printf '\033'; exit 3"
    environment = upgrading(lone(), ["bash", "-c", line])
    with start(replicas, alone, lease, lone()) as one:
        moved = move(replicas, one, environment, alone)
    failure = failure_of(moved)
    assert failure.service == "app"
    assert failure.reason == "the upgrade command ended with exit code 3\ncannot alter\n\\x1b"
    assert moved.steps[-1].problem == failure.reason


def test_an_upgrade_that_does_not_end_in_time_is_the_products_fault(engine, replicas, alone, lease):
    endless = upgrading(lone(), ["sleep", "60"], within=1)
    with start(replicas, alone, lease, lone()) as one:
        assert "did not end in time" in failure_of(move(replicas, one, endless, alone)).reason
    assert engine.containers.list(all=True, filters={"label": f"clinops.lease={lease}"}) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_an_image_that_keeps_data_in_a_volume_of_its_own_is_forked_with_it(
    *, engine, replicas, old, lease, read_only
):
    image = derived(engine, old["app"], "VOLUME /data")
    environment = lone(read_only=read_only, tmpfs=["/tmp"] if read_only else [])
    with start(replicas, {"app": image}, lease, environment) as replica:
        inside(engine, replica, "echo Ada > /data/patient; rm /data/origin; chmod 2750 /data")
        snapshot = replicas.freeze(replica, environment, key_of(lease), lease=lease)
    with fork(replicas, snapshot, lease, environment) as one:
        assert inside(engine, one, "cat /data/patient; stat -c %a:%u /data") == "Ada\n2750:1000"
        assert "No such file" in inside(engine, one, "cat /data/origin"), "it was removed"
    assert replicas.sweep(lambda other: other != lease) != []
    assert frozen(engine, lease) == []
    engine.images.remove(image, noprune=True)


def test_an_image_cannot_pretend_to_have_been_frozen(engine, replicas, old, lease):
    key = key_of(lease)
    labels = f"LABEL clinops.carried=nonsense clinops.snapshot={key} clinops.snapshot-lease=dead"
    image = derived(engine, old["app"], labels)
    with start(replicas, {"app": image}, lease, lone()) as replica:
        assert isinstance(replica, Replica)
    assert replicas.snapshot(key) is None
    replicas.sweep(lambda other: other not in {lease, "dead"})
    engine.images.remove(image, noprune=True)


def test_two_that_freeze_under_one_key_at_once_leave_a_snapshot_that_is_whole(
    engine, replicas, old, lease
):
    key = key_of(lease)
    with start(replicas, old, lease) as one, start(replicas, old, lease) as two:
        for number, replica in enumerate((one, two)):
            for service in ("app", "db"):
                inside(engine, replica, f"echo {number} > /data/made-by", service)
        with ThreadPoolExecutor() as pool:
            made = list(pool.map(lambda r: replicas.freeze(r, tiny(), key, lease=None), (one, two)))
    found = replicas.snapshot(key)
    assert found in made
    with fork(replicas, found, lease) as three:
        by = {inside(engine, three, "cat /data/made-by", service) for service in ("app", "db")}
        assert len(by) == 1
    used = dt.datetime.now(dt.UTC)
    assert unused(engine, used - dt.timedelta(hours=1), key) == []
    assert len(unused(engine, used + dt.timedelta(hours=1), key)) == 4
    assert replicas.snapshot(key) is None
    assert frozen(engine, lease) == []


def test_a_freeze_that_is_interrupted_leaves_nothing(engine, replicas, alone, lease, monkeypatch):
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Image, "tag", interrupted)
    with start(replicas, alone, lease, lone()) as replica:
        with pytest.raises(KeyboardInterrupt):
            replicas.freeze(replica, lone(), key_of(lease), lease=None)
        assert frozen(engine, lease) == []


def test_what_a_killed_freeze_left_is_swept_with_its_lease(engine, replicas, old, lease):
    labels = {
        "clinops.lease": lease,
        "clinops.replica": lease,
        "clinops.snapshot": key_of(lease),
        "clinops.snapshot-lease": "",
        "clinops.snapshot-base": old["app"],
        "clinops.snapshot-services": '["app", "db"]',
    }
    container = engine.containers.create(old["app"], labels=labels)
    container.commit("clinops/freezing", lease.rpartition("/")[2])
    container.remove()
    assert len(frozen(engine, lease)) == 1
    assert replicas.snapshot(key_of(lease)) is None
    assert len(replicas.sweep(lambda other: other != lease)) == 1
    assert frozen(engine, lease) == []


def test_a_command_is_bounded_in_time_and_output(engine, replicas, alone, lease):
    with start(replicas, alone, lease, lone()) as one:
        assert isinstance(one, Replica)

        def said(line: str, within: float = 20) -> tuple[int | None, bytes]:
            done = replicas.execute(one, "app", ["bash", "-c", line], within=within)
            return done.exit_code, done.output

        # The two streams come over two pipes: in which order is not known.
        assert said("echo both; sleep 0.2; echo sides >&2; exit 4") == (4, b"both\nsides\n")
        assert said("echo first; sleep 60", within=0.5) == (None, b"first\n")
        running = engine.containers.get(one.services["app"].container).top()["Processes"]
        assert all("sleep 60" not in process[-1] for process in running)
        assert said("exec > /dev/null 2>&1; sleep 60", within=0.5) == (None, b"")
        assert said("exec > /dev/null 2>&1; sleep 0.3; exit 5") == (5, b"")
        code, output = said("head -c 300000 /dev/zero; echo end")
        assert (code, len(output), output[-4:]) == (0, 64 * 1024, b"end\n")
        code, output = said("kill 1; sleep 60")
        assert code != 0
        engine.containers.get(one.services["app"].container).wait()
        assert said("true") == (126, b"the service does not run any more")


def test_what_lies_at_a_path_comes_as_an_archive(engine, replicas, alone, lease):
    with start(replicas, alone, lease, lone()) as one:
        assert isinstance(one, Replica)
        inside(engine, one, "echo Ada > /data/patient")
        packed = b"".join(replicas.archive(one, "app", "/data"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        patient = archive.extractfile("data/patient")
        assert patient is not None
        assert patient.read() == b"Ada\n"
