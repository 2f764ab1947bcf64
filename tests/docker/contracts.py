"""What every adapter of a port promises, the real one and the fake alike."""

from __future__ import annotations

import datetime as dt

import pytest

from clinops.domain.digest import digest_bytes
from clinops.domain.environment import Environment, FaultName
from clinops.domain.fault_trial import Impossible
from clinops.domain.manifest import Build, BuildPackage
from clinops.domain.replica import Moved, Replica, ReplicaFailure
from clinops.domain.site import LiveSystem
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.errors import BadInputError, DeploymentError, NotFoundError
from clinops.ports import Faults, Images, Materials, Replicas, SiteSystems
from tests.docker.conftest import APP, tiny, upgrading
from tests.fakes.trees import FakeTree


def start(replicas: Replicas, images: dict[str, str], lease: str, environment=None):
    return replicas.start(
        environment or tiny(),
        images,
        product="tiny",
        version="1",
        role=Role.CANDIDATE,
        release="tiny-1-abc",
        lease=lease,
    )


def fork(replicas: Replicas, snapshot: Snapshot, lease: str, environment=None):
    return replicas.fork(
        environment or tiny(),
        snapshot,
        product="tiny",
        version="1",
        role=Role.CANDIDATE,
        release="tiny-1-abc",
        lease=lease,
    )


def key_of(lease: str) -> str:
    return digest_bytes(lease.encode()).removeprefix("sha256:")


class ImagesContract:
    """Subclasses give the fixture `images`."""

    def test_gives_the_same_image_for_the_same_content(self, images: Images, tree: FakeTree, hold):
        package = BuildPackage(build=Build(folder=APP, arguments={"VERSION": "same"}))
        first = images.obtain(package, tree, name=hold("one"))
        second = images.obtain(package, FakeTree(tree.files), name=hold("two"))
        assert first == second
        assert images.present(first)

    def test_gives_another_image_for_other_arguments(self, images: Images, tree: FakeTree, hold):
        made = {
            images.obtain(
                BuildPackage(build=Build(folder=APP, arguments={"VERSION": version})),
                tree,
                name=hold(version),
            )
            for version in ("left", "right")
        }
        assert len(made) == 2

    def test_knows_what_is_not_there(self, images: Images):
        assert not images.present(digest_bytes(b"no image"))

    def test_refuses_a_folder_without_a_dockerfile(self, images: Images):
        package = BuildPackage(build=Build(folder="environments/none"))
        with pytest.raises(BadInputError, match="environments/none/Dockerfile"):
            images.obtain(package, FakeTree({}), name="none")

    def test_builds_what_is_not_under_test(self, images: Images, tree: FakeTree):
        made = images.of_environment(tiny(), tree)
        assert set(made) == {"db"}
        assert images.present(made["db"])


class ReplicasContract:
    """Subclasses give the fixtures `replicas`, `app_images`, `new` (version 2) and `lease`."""

    def test_describes_the_replica(self, replicas: Replicas, app_images, lease):
        with start(replicas, app_images, lease) as replica:
            assert isinstance(replica, Replica)
            assert replica.images == app_images
            assert replica.endpoints == {"http": f"{replica.services['app'].address}:8042"}
            assert (replica.version, replica.under_test, replica.site) == ("1", "app", None)

    def test_gives_every_replica_an_identity_of_its_own(
        self, replicas: Replicas, app_images, lease
    ):
        with (
            start(replicas, app_images, lease) as one,
            start(replicas, app_images, lease) as two,
        ):
            assert one.id != two.id
            assert one.services["app"].address != two.services["app"].address

    def test_says_the_same_of_the_engine_as_long_as_it_is_the_same(self, replicas: Replicas):
        assert replicas.engine() == replicas.engine()
        assert replicas.engine().startswith("sha256:")

    def test_gives_the_logs_of_every_service(self, replicas: Replicas, app_images, lease):
        with start(replicas, app_images, lease) as replica:
            logs = replicas.logs(replica)
        assert set(logs) == {"app", "db"}
        assert all(logs.values())

    def test_sweeps_nothing_that_is_alive_and_everything_else(
        self, replicas: Replicas, app_images, lease
    ):
        with start(replicas, app_images, lease):
            assert replicas.sweep(lambda _: True) == []
            assert replicas.sweep(lambda other: other != lease) != []
            assert replicas.sweep(lambda other: other != lease) == []

    def test_leaves_nothing_behind_when_interrupted(self, replicas: Replicas, app_images, lease):
        with pytest.raises(KeyboardInterrupt), start(replicas, app_images, lease):
            raise KeyboardInterrupt
        assert replicas.sweep(lambda other: other != lease) == []

    def test_forks_name_the_images_that_the_snapshot_was_made_from(
        self, replicas: Replicas, app_images, lease
    ):
        with start(replicas, app_images, lease) as replica:
            snapshot = replicas.freeze(replica, tiny(), key_of(lease), lease=lease)
        assert snapshot.bases == app_images
        with fork(replicas, snapshot, lease) as one, fork(replicas, snapshot, lease) as two:
            assert one.images == two.images == app_images
            assert one.services["app"].address != two.services["app"].address

    def test_finds_a_kept_snapshot_again_until_it_is_collected(
        self, replicas: Replicas, app_images, lease
    ):
        key = key_of(lease)
        assert replicas.snapshot(key) is None
        with start(replicas, app_images, lease) as replica:
            snapshot = replicas.freeze(replica, tiny(), key, lease=None)
        assert replicas.snapshot(key) == snapshot
        assert not any(key[:12] in name for name in replicas.collect(dt.timedelta(days=365)))
        assert replicas.sweep(lambda _: True) == []
        assert replicas.snapshot(key) == snapshot

    def test_sweeps_a_snapshot_with_its_lease(self, replicas: Replicas, app_images, lease):
        key = key_of(lease)
        with start(replicas, app_images, lease) as replica:
            replicas.freeze(replica, tiny(), key, lease=lease)
        assert replicas.snapshot(key) is None
        assert replicas.sweep(lambda other: other != lease) != []
        assert replicas.sweep(lambda other: other != lease) == []

    def test_puts_another_version_on_the_data(self, replicas: Replicas, app_images, new, lease):
        with start(replicas, app_images, lease) as replica:
            moved = replicas.move(
                replica, tiny(), new, version="2", role=Role.CANDIDATE, upgrade=False
            )
            assert isinstance(moved.replica, Replica)
            assert (moved.replica.id, moved.replica.version) == (replica.id, "2")
            assert moved.replica.images == new
            assert moved.seconds > 0
            assert [step.problem for step in moved.steps] == [""] * len(moved.steps)

    def test_says_that_a_version_does_not_start_at_the_step_where_it_does_not(
        self, replicas: Replicas, app_images, new, lease
    ):
        with start(replicas, app_images, lease) as replica:
            moved = replicas.move(
                replica,
                tiny(command=["false"]),
                new,
                version="2",
                role=Role.CANDIDATE,
                upgrade=True,
            )
        self.failed_at(moved, "start")

    def test_says_that_migrations_never_end_at_the_step_that_waits_for_them(
        self, replicas: Replicas, app_images, new, lease
    ):
        endless = upgrading(tiny(), None, drained=["false"], within=1)
        with start(replicas, app_images, lease) as replica:
            moved = replicas.move(
                replica, endless, new, version="2", role=Role.CANDIDATE, upgrade=True
            )
        failure = self.failed_at(moved, "wait for migrations")
        assert failure.reason == "its migrations had not ended after 1 s"

    def failed_at(self, moved: Moved, step: str) -> ReplicaFailure:
        assert isinstance(moved.replica, ReplicaFailure)
        assert moved.replica.service == "app"
        *done, last = moved.steps
        assert [each.problem for each in done] == [""] * len(done)
        assert (last.name, last.problem) == (step, moved.replica.reason)
        return moved.replica

    def test_tells_how_a_command_ended(self, replicas: Replicas, app_images, lease):
        with start(replicas, app_images, lease) as replica:
            assert replicas.execute(replica, "app", ["true"], within=10).exit_code == 0
            assert replicas.execute(replica, "app", ["false"], within=10).exit_code == 1

    def test_says_that_there_is_nothing_at_a_path(self, replicas: Replicas, app_images, lease):
        with start(replicas, app_images, lease) as replica, pytest.raises(NotFoundError):
            list(replicas.archive(replica, "app", "/nowhere"))


class FaultsContract:
    """Subclasses give `faults`, `environment`, `standing` (a replica), `held` (what it holds).

    And `powerless`, which can't skew a clock, and `hopeless`, an environment whose service does
    not start a second time.
    """

    @pytest.mark.parametrize("fault", ["paused", "database-killed", "restarted-in-a-write"])
    def test_gives_back_the_same_system_with_what_it_held(
        self, faults: Faults, environment, standing, held, fault: FaultName
    ):
        with standing(environment) as replica:
            before = held(replica)
            staged = faults.stage(fault, replica, environment)
            assert not isinstance(staged, Impossible)
            assert isinstance(staged.replica, Replica)
            staged.strike()
            mended = staged.mend()
            assert isinstance(mended, Replica)
            assert (mended.id, mended.version, mended.role) == (
                replica.id,
                replica.version,
                replica.role,
            )
            assert mended.images == replica.images
            assert held(mended) == before != {}

    def test_says_why_a_fault_cannot_be_made_to_happen_and_touches_nothing(
        self, powerless: Faults, environment, standing, held
    ):
        with standing(environment) as replica:
            before = held(replica)
            staged = powerless.stage("clock-skewed", replica, environment)
            assert isinstance(staged, Impossible)
            assert "libfaketime" in staged.why
            assert held(replica) == before

    def test_says_what_did_not_come_back(self, faults: Faults, hopeless, standing):
        with standing(hopeless) as replica:
            staged = faults.stage("restarted-in-a-write", replica, hopeless)
            assert not isinstance(staged, Impossible)
            staged.strike()
            mended = staged.mend()
        assert isinstance(mended, ReplicaFailure)
        assert (mended.service, bool(mended.reason)) == ("app", True)


class SitesContract:
    """Subclasses give `sites`, `site`, `site_images` and `write` / `read` for the data."""

    environment: Environment = tiny()

    def live(self, site: str, images: dict[str, str], version: str) -> LiveSystem:
        return LiveSystem(
            product="tiny",
            site=site,
            version=version,
            images=images,
            commit="0" * 40,
            release=f"tiny-{version}-abc",
        )

    def deployed(self, sites: SiteSystems, site: str, site_images, version: str) -> Replica:
        images = site_images[version]
        replica = sites.deploy(self.environment, images, self.live(site, images, version))
        assert isinstance(replica, Replica), replica
        return replica

    def test_runs_nothing_before_the_first_deployment(self, sites: SiteSystems, site):
        assert sites.running("tiny", site) is None

    def test_describes_what_it_deployed(self, sites: SiteSystems, site, site_images):
        replica = self.deployed(sites, site, site_images, "1")
        assert replica.images == site_images["1"]
        assert (replica.site, replica.version, replica.under_test) == (site, "1", "app")
        assert replica.endpoints == {"http": f"{replica.services['app'].address}:8042"}
        assert sites.running("tiny", site) == replica

    def test_changes_nothing_when_deployed_twice(self, sites: SiteSystems, site, site_images):
        first = self.deployed(sites, site, site_images, "1")
        assert self.deployed(sites, site, site_images, "1") == first

    def test_keeps_data_across_versions(self, sites: SiteSystems, site, site_images, data):
        self.deployed(sites, site, site_images, "1")
        data.write("a patient")
        replica = self.deployed(sites, site, site_images, "2")
        assert replica.images == site_images["2"]
        assert data.read() == "a patient"

    def test_stops_the_system_for_a_backup_and_restores_its_data(
        self, sites: SiteSystems, site, site_images, data
    ):
        self.deployed(sites, site, site_images, "1")
        data.write("before")
        live = self.live(site, site_images["1"], "1")
        backup = sites.back_up(live, self.environment, f"{site}-kept")
        assert sites.running("tiny", site) is None
        assert (backup.version, backup.images) == ("1", site_images["1"])
        assert set(backup.volumes) == {"data"}
        self.deployed(sites, site, site_images, "2")
        data.write("after")
        sites.restore(backup, self.environment)
        assert sites.running("tiny", site) is None
        self.deployed(sites, site, site_images, "1")
        assert data.read() == "before"

    def test_runs_a_command_in_a_service_and_says_when_it_fails(
        self, sites: SiteSystems, site, site_images
    ):
        self.deployed(sites, site, site_images, "1")
        sites.execute("tiny", site, "app", ["true"])
        with pytest.raises(DeploymentError, match="false"):
            sites.execute("tiny", site, "app", ["false"])

    def test_returns_the_first_backup_of_a_name(self, sites: SiteSystems, site, site_images, data):
        self.deployed(sites, site, site_images, "1")
        live = self.live(site, site_images["1"], "1")
        data.write("first")
        first = sites.back_up(live, self.environment, f"{site}-once")
        self.deployed(sites, site, site_images, "1")
        data.write("second")
        assert sites.back_up(live, self.environment, f"{site}-once") == first
        sites.restore(first, self.environment)
        self.deployed(sites, site, site_images, "1")
        assert data.read() == "first"


class MaterialsContract:
    """Subclasses give the fixtures `materials` and `image`."""

    def test_an_image_is_listed_once(self, materials: Materials, image: str):
        found = materials.of_image(image)
        assert found.image == image
        assert found.components
        assert materials.known(image) == found
        assert materials.of_image(image) == found

    def test_what_was_never_listed_is_not_known(self, materials: Materials):
        assert materials.known("sha256:" + "f" * 64) is None
