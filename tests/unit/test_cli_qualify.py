from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import git
import pytest

from clinops.adapters.evidence_files import EvidenceFiles
from clinops.cli import release
from clinops.errors import EngineError
from clinops.ports import EstateTree
from clinops.wiring import Bench
from tests.fakes.wiring import ESTATE, MANIFEST, FakeWiring, ScriptedSuites, manifest


@pytest.fixture
def wiring(monkeypatch) -> FakeWiring:
    """Fakes in place of the engine; evidence is kept in real files."""
    wiring = FakeWiring()

    @contextmanager
    def local_bench(
        evidence_root: Path, tree_at: Callable[[str], EstateTree], drop: Path
    ) -> Iterator[Bench]:
        store = EvidenceFiles(evidence_root)
        suites = ScriptedSuites(store, wiring.replicas.records)  # type: ignore[arg-type]
        suites.failing = wiring.suites.failing
        with wiring.bench("local:") as bench:
            yield replace(bench, evidence=store, suites=suites, tree_at=tree_at)

    monkeypatch.setattr(release, "local_bench", local_bench)
    return wiring


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A clone whose history has version 1.0, a broken manifest, none at all, and 2.0."""
    place = tmp_path / "checkout"
    repository = git.Repo.init(place)
    with repository.config_writer() as config:
        config.set_value("user", "name", "Someone").set_value("user", "email", "a@b.example")
    wanted = manifest("2.0", supersedes="1.0")
    for content in (ESTATE[MANIFEST], b"schema: [", None, wanted):
        for path, data in {**ESTATE, MANIFEST: content}.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).unlink(missing_ok=True)
            if data is not None:
                (place / path).write_bytes(data)
        repository.git.add("--all")
        repository.git.commit("--quiet", "--message", "a change")
    repository.close()
    return place


def words(checkout: Path, *more: object) -> tuple[object, ...]:
    return ("--estate", checkout, "qualify", MANIFEST, "--work", checkout.parent / "var", *more)


def test_a_good_release_is_held_against_the_version_that_it_supersedes(terminal, wiring, checkout):
    said = terminal.run(*words(checkout))
    assert said.code == 0
    assert "qualified" in said.out
    assert "smoke suite on baseline 1.0" in said.err
    assert said.err.splitlines()[-1] == "next: commit, signed, and push"


def test_the_result_is_json_for_a_program(terminal, wiring, checkout):
    said = terminal.run(*words(checkout, "--json"))
    assert (said.json["outcome"], said.json["baseline_version"]) == ("qualified", "1.0")
    assert said.json["digest"].startswith("sha256:")
    assert said.json["junit"] == {"tests": 4, "failures": 0, "errors": 0, "skipped": 0}


def test_a_release_at_fault_is_refused_with_its_findings(terminal, wiring, checkout):
    wiring.suites.failing.add(("regression", "2.0"))
    said = terminal.run(*words(checkout))
    assert said.code == 1
    assert "finding   [refuses] regression: test_regression.py::test_works fails" in said.out


def test_the_bundle_that_is_written_can_be_verified(terminal, wiring, checkout, tmp_path):
    bundle = tmp_path / "release.tar"
    assert terminal.run(*words(checkout, "--bundle", bundle)).code == 0
    said = terminal.run("evidence", "verify", bundle)
    assert "every byte of" in said.out


def test_a_version_that_history_does_not_have_is_bad_input(terminal, wiring, checkout):
    (checkout / MANIFEST).write_bytes(manifest("2.0", supersedes="1.5"))
    said = terminal.run(*words(checkout))
    assert said.code == 2
    assert "no commit of this checkout describes 1.5" in said.err


def test_a_folder_without_history_can_only_offer_a_new_system(terminal, wiring, tmp_path):
    for path, data in ESTATE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert terminal.run(*words(tmp_path)).code == 0
    (tmp_path / MANIFEST).write_bytes(manifest("2.0", supersedes="1.0"))
    assert terminal.run(*words(tmp_path)).code == 2


@pytest.mark.parametrize("path", ["none.yaml", "vendor_manifests/acme/none.yaml", "/etc/passwd"])
def test_a_manifest_that_is_not_there_is_bad_input(terminal, wiring, checkout, path):
    assert terminal.run("--estate", checkout, "qualify", path).code == 2


def test_an_engine_that_does_not_answer_is_an_outside_failure(terminal, wiring, checkout):
    wiring.replicas.engine_gone = True
    said = terminal.run(*words(checkout))
    assert said.code == EngineError.exit_code == 3
