"""How long the demonstration's suites take here, beside how a team would script them.

The team's script: for each version and each suite in turn, containers by testcontainers-python, the
same seed, the same tests over pytest-testinfra's `docker://`, and the containers removed. Ours: the
same suites of both versions, each on a fork of its version's snapshot, all at once.

Prints one JSON object: `suite_ratio` by medians. Both take turns, so that whatever else the machine
does slows both; images are there before either begins.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor_time import profile

from clinops.domain.finding import Finding
from clinops.domain.plan import Plan
from clinops.domain.replica import Replica, ReplicaFailure, ServiceInstance
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import EstateTree
from clinops.wiring import Bench, folder, local_bench
from flows.local import plan_here
from flows.replicas import obtain, run_suite, started
from flows.snapshots import baseline_snapshot

# Its reaper is an image of a registry; what this starts is removed by this.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

HOME = Path(__file__).parents[1]
MANIFEST = "vendor_manifests/orthanc/orthanc.yaml"
OFFERED = HOME / "docs/examples/orthanc-1.12.7.yaml"
SUITES = ("smoke", "regression")
# Over the fixture of our plugin, which connects by `replica://`.
BY_DOCKER_EXEC = """
import pytest, testinfra

@pytest.fixture(scope="session")
def service_host(replica):
    return lambda service: testinfra.get_host(f"docker://{replica.services[service].container}")
"""


@dataclass(frozen=True)
class Script:
    """The same suites as a team would script them."""

    plan: Plan
    images: Mapping[Role, Mapping[str, str]]
    work: Path

    def run(self) -> None:
        """Run each suite on each version, one after the other."""
        for role in (Role.BASELINE, Role.CANDIDATE):
            for suite in SUITES:
                with self._standing(role) as replica:
                    file = self.work / "replica.json"
                    file.write_text(replica.model_dump_json())
                    environment = {**os.environ, "CLINOPS_REPLICA": str(file)}
                    seed = HOME / "environments/orthanc" / str(self.plan.environment.clinops.seed)
                    subprocess.run([sys.executable, seed], env=environment, check=True)
                    self._pytest(suite, environment)

    def _pytest(self, suite: str, environment: Mapping[str, str]) -> None:
        tests = HOME / "test_suites/orthanc" / suite
        (self.work / "by_docker_exec.py").write_text(BY_DOCKER_EXEC)
        plugins = ("clinops.adapters.pytest_plugin", "pytest_timeout", "by_docker_exec")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", tests, "-q", f"-c={tests / 'pytest.ini'}",
             f"--rootdir={tests}", f"--confcutdir={tests.parent}", "-p", "no:cacheprovider",
             *(word for name in plugins for word in ("-p", name))],
            env={**environment, "PYTHONPATH": f"{HOME}:{self.work}",
                 "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        # Some tests are of the new version alone: the old one may fail them, here as there.
        if done.returncode not in {0, 1}:
            raise SystemExit(done.stdout + done.stderr)

    @contextmanager
    def _standing(self, role: Role) -> Iterator[Replica]:
        services = self.plan.environment.services
        with Network() as network:
            standing: dict[str, DockerContainer] = {}
            try:
                for wave in self.plan.environment.start_order():
                    for name in wave:
                        container = DockerContainer(self.images[role][name])
                        container.with_network(network).with_network_aliases(name)
                        container.with_kwargs(
                            healthcheck=_healthcheck(services[name].healthcheck), init=True
                        )
                        for key, value in services[name].environment.items():
                            container.with_env(key, value)
                        container.waiting_for(HealthcheckWaitStrategy())
                        standing[name] = container.start()
                yield self._described(role, standing, str(network.name))
            finally:
                for container in standing.values():
                    container.stop()

    def _described(
        self, role: Role, standing: Mapping[str, DockerContainer], network: str
    ) -> Replica:
        services = {}
        for name, container in standing.items():
            wrapped = container.get_wrapped_container()
            wrapped.reload()
            address = wrapped.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
            services[name] = ServiceInstance(
                container=str(wrapped.id), address=address, image=self.images[role][name]
            )
        doors = self.plan.environment.clinops.endpoints.items()
        return Replica(
            id="scripted",
            product=self.plan.release.product,
            version=self.plan.version_of(role),
            role=role,
            release=self.plan.release.id,
            under_test=self.plan.environment.clinops.under_test,
            services=services,
            endpoints={
                name: f"{services[service].address}:{port}"
                for name, (service, _, port) in (
                    (name, door.partition(":")) for name, door in doors
                )
            },
        )


@dataclass(frozen=True)
class Ours:
    """The suites as a qualification runs them."""

    plan: Plan
    images: Mapping[Role, Mapping[str, str]]
    tree: EstateTree
    bench: Bench

    def snapshots(self) -> dict[Role, Snapshot]:
        """Make the snapshots that a qualification has by then: one kept, one of the upgrade."""
        ground = baseline_snapshot(self.plan, self.images[Role.BASELINE], self.tree, self.bench)
        if isinstance(ground, Finding):
            raise SystemExit(ground.summary)
        with started(self.plan, self.images[Role.CANDIDATE], Role.CANDIDATE, self.bench) as offered:
            if isinstance(offered, ReplicaFailure):
                raise SystemExit(offered.reason)
            self.bench.suites.seed(str(self.plan.environment.clinops.seed), offered, self.tree)
            frozen = self.bench.replicas.freeze(
                offered, self.plan.environment, "0" * 64, lease=self.bench.lease
            )
        return {Role.BASELINE: ground, Role.CANDIDATE: frozen}

    def run(self, snapshots: Mapping[Role, Snapshot]) -> None:
        """Run all suites at once, each on a fork."""

        def one(which: tuple[str, Role]) -> None:
            images, snapshot = self.images[which[1]], snapshots[which[1]]
            tried = run_suite(which, self.plan, images, self.tree, self.bench, snapshot=snapshot)
            if tried.run is None or not tried.run.completed:
                raise SystemExit(f"{which}: did not complete")

        with ThreadPoolExecutor() as pool:
            list(pool.map(one, [(suite, role) for role in snapshots for suite in SUITES]))


def _healthcheck(check: Any) -> dict[str, Any]:
    # Asked as often as the engine can: a script that waits longer is slower still.
    return {"test": list(check.test), "interval": 10**9, "timeout": 5 * 10**9, "retries": 60}


def _seconds(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


@contextmanager
def _offered() -> Iterator[Path]:
    """A checkout in which the vendor offers the next version."""
    with tempfile.TemporaryDirectory() as place:
        checkout = Path(place) / "checkout"
        subprocess.run(["git", "clone", "-q", HOME, checkout], check=True)
        (checkout / MANIFEST).write_bytes(OFFERED.read_bytes())
        yield checkout


def measured(rounds: int) -> dict[str, Any]:
    """Measure both ways in turns; seconds and their ratio by medians."""
    taken: dict[str, list[float]] = {"script": [], "ours": []}
    with _offered() as checkout, tempfile.TemporaryDirectory() as place:
        work, tree = Path(place), folder(checkout)
        with (
            plan_here(MANIFEST, checkout, tree) as (plan, trees),
            local_bench(work / "evidence", trees, work / "drop") as bench,
        ):
            images = obtain(plan, tree, bench).images
            script, ours = Script(plan, images, work), Ours(plan, images, tree, bench)
            begun = time.monotonic()
            snapshots = ours.snapshots()
            preparing = time.monotonic() - begun
            for _ in range(rounds):
                taken["script"].append(_seconds(script.run))
                with profile() as processors:
                    taken["ours"].append(_seconds(lambda: ours.run(snapshots)))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {
        "what": f"{' and '.join(SUITES)} of two versions",
        "script_seconds": [round(each, 1) for each in taken["script"]],
        "our_seconds": [round(each, 1) for each in taken["ours"]],
        "our_processor_seconds": processors,
        "snapshot_seconds": round(preparing, 1),
        "suite_ratio": round(medians["script"] / medians["ours"], 2),
    }


def main() -> None:
    """Measure and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps(measured(parser.parse_args().rounds)), flush=True)


if __name__ == "__main__":
    main()
