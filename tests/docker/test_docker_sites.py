from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from clinops.adapters.docker_sites import DockerSites
from clinops.adapters.docker_volumes import Volumes
from clinops.adapters.exec_stream import run_in
from clinops.domain.digest import digest_bytes
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.errors import BadInputError, DeploymentError, EngineError, NotFoundError
from tests.docker.conftest import BASE, tiny, upgrading
from tests.docker.contracts import SitesContract
from tests.docker.cuttable import CuttableEngine
from tests.fakes.sites import FakeSites


def noon() -> dt.datetime:
    return dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


class FakeData:
    def __init__(self, sites: FakeSites, site: str) -> None:
        self.sites, self.site = sites, site

    def write(self, text: str) -> None:
        self.sites.data["tiny", self.site] = text

    def read(self) -> str:
        return self.sites.data["tiny", self.site]


class TestFakeSites(SitesContract):
    @pytest.fixture
    def sites(self) -> FakeSites:
        return FakeSites()

    @pytest.fixture
    def site(self) -> str:
        return "north"

    @pytest.fixture
    def data(self, sites, site) -> FakeData:
        return FakeData(sites, site)

    @pytest.fixture
    def site_images(self) -> dict[str, dict[str, str]]:
        database = digest_bytes(b"db")
        return {v: {"app": digest_bytes(v.encode()), "db": database} for v in "12"}


class RealData:
    """Reads and writes the volume from inside the running system, as its own user."""

    def __init__(self, engine: DockerClient, site: str) -> None:
        self.engine, self.site = engine, site

    def write(self, text: str) -> None:
        code, said = self._run(f"echo -n '{text}' > /data/record")
        assert code == 0, said

    def read(self) -> str:
        return self._run("cat /data/record")[1]

    def _run(self, line: str) -> tuple[int, str]:
        container = self.engine.containers.get(f"clinops-{self.site}-tiny-app")
        code, output = run_in(container, ["bash", "-c", line])
        return code, output.decode()


@pytest.fixture
def site(run_id: str) -> str:
    return run_id


@pytest.fixture
def sites(site: str) -> Iterator[DockerSites]:
    adapter = DockerSites({site: None}, noon)
    yield adapter
    adapter.remove("tiny", site)
    adapter.close()


@pytest.fixture
def data(engine, site) -> RealData:
    return RealData(engine, site)


@pytest.fixture
def site_images(versions: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return versions


@pytest.mark.docker
class TestDockerSites(SitesContract):
    def test_takes_over_owner_and_content_from_the_image(self, sites, site, site_images, data):
        self.deployed(sites, site, site_images, "1")
        assert data._run("stat -c %u:%g /data; cat /data/origin") == (0, "1000:1000\nborn\n")

    def test_keeps_owners_through_a_restore(self, sites, site, site_images, data):
        self.deployed(sites, site, site_images, "1")
        data.write("x")
        live = self.live(site, site_images["1"], "1")
        backup = sites.back_up(live, self.environment, "owners")
        assert backup.taken == "2026-01-01T12:00:00+00:00"
        sites.restore(backup, self.environment)
        self.deployed(sites, site, site_images, "1")
        assert data._run("stat -c %u:%g /data /data/record") == (0, "1000:1000\n1000:1000\n")

    def test_stops_gracefully_and_dependants_first(self, sites, site, site_images, engine, data):
        self.deployed(sites, site, site_images, "1")
        live = self.live(site, site_images["1"], "1")
        sites.back_up(live, self.environment, "graceful")
        ended = {}
        for service in ("app", "db"):
            container = engine.containers.get(f"clinops-{site}-tiny-{service}")
            assert container.logs().decode().endswith("stopping\n")
            ended[service] = container.attrs["State"]["FinishedAt"]
        assert ended["app"] < ended["db"]

    def test_survives_a_reboot_and_the_sweep(self, sites, site, site_images, engine):
        replica = self.deployed(sites, site, site_images, "1")
        container = engine.containers.get(replica.services["app"].container)
        assert container.name == f"clinops-{site}-tiny-app"
        assert container.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert container.attrs["HostConfig"]["CapDrop"] == ["ALL"]
        assert container.labels["clinops.lease"] == "", "not what the image claims"
        assert container.labels["clinops.site"] == site

    def test_a_changed_environment_is_deployed_again(self, sites, site, site_images, engine):
        first = self.deployed(sites, site, site_images, "1")
        images = site_images["1"]
        changed = sites.deploy(tiny(mem_limit="96m"), images, self.live(site, images, "1"))
        container = engine.containers.get(changed.services["app"].container)
        assert container.id != first.services["app"].container
        assert container.attrs["HostConfig"]["Memory"] == 96 * 2**20

    def test_a_deployment_cut_short_is_completed(self, sites, site, site_images, engine, data):
        self.deployed(sites, site, site_images, "1")
        data.write("kept")
        engine.containers.get(f"clinops-{site}-tiny-app").remove(force=True)
        self.deployed(sites, site, site_images, "2")
        assert data.read() == "kept"

    def test_what_does_not_get_ready_is_named_and_stopped(self, sites, site, site_images):
        images = site_images["1"]
        broken = tiny(command=["bash", "-c", "echo no licence; exit 3"])
        failure = sites.deploy(broken, images, self.live(site, images, "1"))
        assert failure == ReplicaFailure(
            service="app", reason="ended with exit code 3", log_tail="no licence"
        )
        assert sites.running("tiny", site) is None

    def test_an_upgrade_runs_its_command_once_on_the_data(self, sites, site, site_images, data):
        line = "cat /version >> /data/upgrades; id -u >> /data/upgrades"
        environment = upgrading(tiny(), ["bash", "-c", line], drained=["test", "-f", "/tmp/ready"])
        old, new = (self.live(site, site_images[version], version) for version in "12")
        sites.deploy(environment, old.images, old)
        for _ in range(2):
            assert isinstance(sites.deploy(environment, new.images, new, upgrade=True), Replica)
        assert data._run("cat /data/upgrades") == (0, "2\n1000\n"), "in the new image only"

    def test_an_upgrade_whose_command_fails_is_stopped_and_told(self, sites, site, site_images):
        environment = upgrading(tiny(), ["bash", "-c", "echo cannot alter; exit 3"])
        live = self.live(site, site_images["2"], "2")
        failure = sites.deploy(environment, live.images, live, upgrade=True)
        assert isinstance(failure, ReplicaFailure)
        assert failure.reason == "the upgrade command ended with exit code 3\ncannot alter"
        assert sites.running("tiny", site) is None

    def test_a_command_of_a_killed_deployment_writes_no_more(
        self, sites, site, site_images, engine, data
    ):
        self.deployed(sites, site, site_images, "1")
        live = self.live(site, site_images["1"], "1")
        backup = sites.back_up(live, self.environment, "killed")
        mine = {"clinops.site": site, "clinops.product": "tiny", "clinops.service": "app"}
        engine.containers.run(
            BASE,
            ["bash", "-c", "while sleep 0.01; do echo broken > /data/record; done"],
            name=f"clinops-{site}-tiny-app.upgrade",
            labels=mine,
            volumes={f"clinops-{site}-tiny-data": {"bind": "/data"}},
            detach=True,
        )
        sites.restore(backup, self.environment)
        self.deployed(sites, site, site_images, "1")
        assert "No such file" in data._run("cat /data/record 2>&1")[1]

    def test_a_backup_cut_short_is_made_anew(self, sites, site, site_images, engine, data):
        self.deployed(sites, site, site_images, "1")
        data.write("whole")
        half = f"clinops-backup-{site}-tiny-cut-data"
        engine.volumes.create(half, labels={"clinops.site": site, "clinops.product": "tiny"})
        engine.containers.create(
            BASE,
            ["sleep", "60"],
            name=f"{half}-copying",
            volumes={half: {"bind": "/copy", "mode": "rw"}},
        ).start()
        backup = sites.back_up(self.live(site, site_images["1"], "1"), self.environment, "cut")
        assert backup.volumes == {"data": half}
        sites.restore(backup, self.environment)
        self.deployed(sites, site, site_images, "1")
        assert data.read() == "whole"

    def test_a_copy_that_fails_leaves_no_backup(self, sites, site, site_images, engine):
        self.deployed(sites, site, site_images, "1")
        line = "rm /bin/cp"
        engine.containers.get(f"clinops-{site}-tiny-app").stop(timeout=5)
        maimed = engine.containers.run(BASE, ["bash", "-c", line], detach=True)
        maimed.wait()
        image = maimed.commit()
        maimed.remove()
        live = self.live(site, {"app": image.id, "db": image.id}, "1")
        with pytest.raises(DeploymentError, match="cp: not found"):
            sites.back_up(live, self.environment, "maimed")
        engine.images.remove(image.id)
        assert Volumes(engine, "tiny", site).backup("maimed") is None

    def test_a_command_acts_on_the_data_as_the_services_own_user(
        self, sites, site, site_images, data
    ):
        self.deployed(sites, site, site_images, "1")
        sites.execute("tiny", site, "app", ["bash", "-c", "id -u > /data/record"])
        assert data.read() == "1000\n"
        with pytest.raises(DeploymentError, match=r"exit code 4: no \\x1b"):
            sites.execute("tiny", site, "app", ["bash", "-c", r"printf 'no \033'; exit 4"])
        with pytest.raises(DeploymentError, match="executable file not found"):
            sites.execute("tiny", site, "app", ["no-such-program"])

    def test_a_command_needs_a_running_service(self, sites, site):
        with pytest.raises(DeploymentError, match="runs no app"):
            sites.execute("tiny", site, "app", ["true"])

    def test_a_backup_that_is_gone_cannot_be_restored(self, sites, site, site_images, engine):
        self.deployed(sites, site, site_images, "1")
        backup = sites.back_up(self.live(site, site_images["1"], "1"), self.environment, "gone")
        engine.volumes.get(backup.volumes["data"]).remove()
        with pytest.raises(DeploymentError, match="is gone"):
            sites.restore(backup, self.environment)

    def test_another_systems_volume_is_never_taken(self, sites, site, site_images, engine):
        name = f"clinops-{site}-tiny-data"
        engine.volumes.create(name)
        images = site_images["1"]
        with pytest.raises(EngineError, match="is there already"):
            sites.deploy(self.environment, images, self.live(site, images, "1"))
        for container in engine.containers.list(all=True, filters={"volume": name}):
            container.remove(force=True)
        engine.volumes.get(name).remove()

    def test_a_build_whose_dockerfile_claims_to_be_the_system_is_not_taken_for_it(
        self, sites, site, site_images, engine
    ):
        self.deployed(sites, site, site_images, "1")
        claims = {"clinops.site": site, "clinops.product": "tiny"}
        for more in ({}, {"clinops.service": "app"}):
            impostor = engine.containers.run(
                BASE, ["sleep", "60"], labels={**claims, **more}, detach=True
            )
            try:
                system = sites.running("tiny", site)
                assert system is not None
                assert system.images == site_images["1"]
            finally:
                impostor.remove(force=True)

    def test_data_that_the_next_deployment_would_lose_is_refused(
        self, sites, site, site_images, engine
    ):
        made = engine.containers.create(BASE, ["true"])
        image = made.commit(changes="VOLUME /var/lib/product")
        made.remove()
        images = {**site_images["1"], "app": image.id}
        with pytest.raises(BadInputError, match="/var/lib/product"):
            sites.deploy(self.environment, images, self.live(site, images, "1"))
        engine.images.remove(image.id)
        assert sites.running("tiny", site) is None

    def test_an_engine_that_goes_away_is_our_fault(
        self, site, site_images, tmp_path: Path, no_way_there
    ):
        with CuttableEngine(tmp_path / "engine.sock") as way:
            sites = DockerSites({site: way.host}, noon)
            assert sites.running("tiny", site) is None
            way.cut()
            with pytest.raises(EngineError):
                self.deployed(sites, site, site_images, "1")
            sites.close()


def test_an_unknown_site_is_named():
    with pytest.raises(NotFoundError, match="'west'"):
        DockerSites({}, noon).running("tiny", "west")
