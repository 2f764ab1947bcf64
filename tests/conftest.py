"""Estates: one of fakes, and for the end-to-end tests real ones, with real vendor systems."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from clinops.adapters.git_commits import PushResult, commit_and_push
from clinops.domain.manifest import Manifest
from clinops.wiring import Wiring
from scripts.demo import HOME, PRODUCT, Demo
from tests.fakes.wiring import FakeWiring
from tests.ward import Ward

GOOD_IMAGE = "clinops/held:test-good-1.12.7"
MANIFEST = f"vendor_manifests/{PRODUCT}/{PRODUCT}.yaml"
NEXT = (HOME / f"docs/examples/{PRODUCT}-1.12.7.yaml").read_text()

# A shell's background job ignores it and hands that on: what tests start could not be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def wiring(tmp_path: Path) -> FakeWiring:
    """An estate of fakes with version 1.0 in use."""
    made = FakeWiring(tmp_path)
    made.adopt()
    return made


@dataclass(frozen=True)
class Demonstrated:
    """What `make demo` left: its result, what it said, and a running estate."""

    demo: Demo
    result: dict[str, Any]
    said: str

    def clinops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on the estate."""
        return clinops(self.demo.estate, *arguments)


def clinops(estate: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "clinops", "--estate", estate, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=HOME,
    )


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstrated]:
    """The demonstration, carried out as a reader would; its server stays up for the tests."""
    root = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "scripts/demo.py", "--estate", root, "--prefix", "test-"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HOME)
        assert done.returncode == 0, done.stderr[-40000:]
        result = json.loads(done.stdout.splitlines()[-1])
        yield Demonstrated(Demo(root, "test-"), result, done.stderr)
    finally:
        subprocess.run([*command, "--remove"], check=True, cwd=HOME, capture_output=True)


class Setback:
    """An estate with one site and no server: flows are run here, on the real engine."""

    def __init__(self, root: Path) -> None:
        self.demo = Demo(root, "setback-")
        self.demo.remove()
        self.demo.prepare()
        self.site, self.second = self.demo.sites
        self._one_site()
        self._no_probes()
        command = ["init", self.demo.estate, "--from", self.demo.source]
        key = str(self.demo.keys / "demo-admin")
        self._must(*command, "--key", key, "--port", "4998")
        self._build_the_good_image()
        self._must("--estate", self.demo.estate, "adopt", PRODUCT, "1.10.1",
                   "--site", self.site, "--install", "--seed")  # fmt: skip
        cso = self.demo.as_signer("demo-cso", "clinical-safety-officer")
        self._must("--estate", self.demo.estate, "approve", PRODUCT, "hazard-log", *cso)

    def _build_the_good_image(self) -> None:
        wiring = self.wiring
        package = Manifest.model_validate(yaml.safe_load(NEXT)).package
        wiring.images.obtain(package, wiring.repository.head(), name=GOOD_IMAGE.split(":")[1])

    def _one_site(self) -> None:
        sites = {"schema": 1, "sites": {self.site: self.demo.sites[self.site]}}
        (self.demo.source / "environments/sites.yaml").write_text(yaml.safe_dump(sites))

    def _no_probes(self) -> None:
        """Leave out what takes longest: no setback is found by it."""
        shutil.rmtree(self.demo.source / "test_suites" / PRODUCT / "probes")
        (self.demo.source / "environments" / PRODUCT / "noise.yaml").unlink()

    @staticmethod
    def _must(*arguments: str | Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "clinops", *arguments],
            capture_output=True, text=True, check=False, cwd=HOME,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    @property
    def wiring(self) -> Wiring:
        """A fresh look at the estate, as another process would have it."""
        return Wiring(self.demo.estate)

    def push(self, changes: dict[str, str], who: str = "demo-vendor") -> PushResult:
        """Push files, signed with one of the demonstration's keys."""
        return commit_and_push(
            self.demo.estate / "estate.git",
            {path: text.encode() for path, text in changes.items()},
            key=str(self.demo.keys / who),
            author=f"{who} <{who}@example.org>",
            message="a change",
        )

    def push_release(self, spoiled_by: str) -> str:
        """Push 1.12.7 as the vendor's own package, spoiled by some lines of a Dockerfile."""
        folder = f"vendor_manifests/{PRODUCT}/package"
        # A vendor's Dockerfile is built without a network, so it starts from the good image.
        dockerfile = f"FROM {GOOD_IMAGE}"
        manifest = yaml.safe_load(NEXT)
        manifest["package"] = {"build": {"folder": folder}}
        pushed = self.push(
            {
                f"{folder}/Dockerfile": f"{dockerfile}\n{spoiled_by}\n",
                MANIFEST: yaml.safe_dump(manifest),
            }
        )
        assert pushed.returncode == 0, pushed.stderr
        found = re.search(r"release (orthanc-1\.12\.7-[0-9a-f]{12})", pushed.stderr)
        assert found, pushed.stderr
        return found[1]


@pytest.fixture(scope="module")
def setback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setback]:
    """An estate in which things go wrong."""
    root = tmp_path_factory.mktemp("setback")
    try:
        yield Setback(root)
    finally:
        Demo(root, "setback-").remove()


@pytest.fixture(scope="module")
def ward(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ward]:
    """A small system's estate, real throughout, for tests of the gate; a site for each module."""
    site = request.module.__name__.rpartition(".")[2].replace("_", "-")
    try:
        yield Ward(tmp_path_factory.mktemp("ward"), site=site)
    finally:
        Ward.remove(site)
