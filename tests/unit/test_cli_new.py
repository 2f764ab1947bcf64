"""`clinops new` on an engine of fakes: what it says, what it writes, what it refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from clinops.adapters import placing
from clinops.cli import new
from clinops.domain.environment import Environment
from clinops.domain.parsing import parse
from clinops.domain.probe import ProbeCase
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.sighting import Inside, Process
from clinops.ports import EstateTree
from clinops.wiring import Bench
from tests.fakes.looking import FakeLook, facts
from tests.fakes.probes import FakeProbes
from tests.fakes.wiring import FakeWiring

PINNED = f"acme/portal@sha256:{'a' * 64}"
DATABASE = f"acme/db@sha256:{'d' * 64}"
STATEMENT = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
COMPOSE = """\
services:
  portal:
    image: acme/portal:3.1
    restart: always
  db: {image: "acme/db:1"}
"""


def answers(replica: Replica, case: ProbeCase) -> object:
    """Speak FHIR on 8080, DICOM on 104 and 105 (where it knows no one), HL7 on 2575."""
    port = replica.endpoints["knock"].rpartition(":")[2]
    call = case.steps[0].call
    if port == "8080" and case.kind == "http":
        fhir = call.path == "/fhir/metadata"
        headers = {"content-type": "application/json"}
        return {"status": 200, "headers": headers, "body": STATEMENT if fhir else {}}
    if port == "104" and case.kind == "dicom":
        return {"status": "0x0000"}
    if port == "105" and case.kind == "dicom":
        return {"association": {"reason": "called AE title not recognised"}}
    if port == "2575" and case.kind == "hl7":
        return {"body": {"segments": "MSH MSA", "MSH": []}}
    if port == "7" and case.kind == "hl7":
        return {"body": {"length": 3}}
    return ConnectionError("no answer")


@pytest.fixture
def look() -> FakeLook:
    known = [
        facts("acme/portal:3.1", ports=(8080,), volumes=("/data",)),
        facts("acme/pinned:2.0", pinned=PINNED),
        facts("acme/db:1", pinned=DATABASE),
    ]
    return FakeLook({one.reference: one for one in known}, {})


@pytest.fixture
def engine(monkeypatch, look) -> FakeWiring:
    wiring = FakeWiring()
    wiring.probes = FakeProbes(answers)  # type: ignore[arg-type]

    @contextmanager
    def local_bench(
        evidence_root: Path, tree_at: Callable[[str], EstateTree], drop: Path
    ) -> Iterator[Bench]:
        with wiring.bench("local:") as bench:
            yield replace(bench, tree_at=tree_at)

    monkeypatch.setattr(new, "local_bench", local_bench)
    monkeypatch.setattr(new, "looking", lambda _: look)
    return wiring


@pytest.fixture
def estate(tmp_path) -> Path:
    (tmp_path / "estate").mkdir()
    return tmp_path / "estate"


@pytest.fixture
def run(terminal, engine, estate, tmp_path):
    """Run `clinops new portal` with more words."""

    def run_new(*words: object, product: str = "portal"):
        return terminal.run("new", product, "--estate", estate, "--work", tmp_path / "work", *words)

    return run_new


def files_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def environment(estate: Path) -> Environment:
    path = "environments/portal/compose.yaml"
    return parse(path, (estate / path).read_bytes(), Environment)


def test_an_image_becomes_an_estate_without_problems(terminal, run, estate, tmp_path):
    said = run("--image", "acme/portal:3.1", "--vendor", "acme")
    assert said.code == 0
    assert "saw       portal: portald as portal" in said.out
    assert "door      http: http at portal:8080" in said.out
    assert "wrote     environments/portal/compose.yaml" in said.out
    checked = terminal.run("--estate", estate, "validate")
    assert (checked.code, checked.out) == (0, "no problems\n")


def test_the_next_step_can_be_pasted(run, estate, tmp_path):
    last = run("--image", "acme/portal:3.1").err.splitlines()[-1]
    assert last == (
        f"next: read what says DECIDE; then clinops --estate {estate} validate && "
        f"clinops --estate {estate} qualify vendor_manifests/portal/portal.yaml "
        f"--work {tmp_path / 'work'}"
    )


def test_the_result_is_json_for_a_program(run, estate):
    said = run("--image", "acme/portal:3.1", "--vendor", "acme", "--json")
    assert (said.json["version"], said.json["left_out"]) == ("3.1", [])
    assert said.json["files"] == sorted(files_in(estate))
    assert said.json["seen"]["answers"][1]["fhir"] == "4.0.1"


def test_an_image_of_this_machine_is_kept_as_an_archive(run, estate, tmp_path):
    run("--image", "acme/portal:3.1", "--vendor", "acme")
    manifest = yaml.safe_load((estate / "vendor_manifests/acme/portal.yaml").read_text())
    archive = tmp_path / "work/drop" / manifest["package"]["archive"]["path"]
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert manifest["package"]["archive"]["sha256"] == digest


@pytest.mark.parametrize("reference", ["acme/pinned:2.0", PINNED])
def test_an_image_of_a_registry_is_pinned_by_its_digest(run, estate, tmp_path, reference):
    assert run("--image", reference, "--version", "2.0").code == 0
    manifest = yaml.safe_load((estate / "vendor_manifests/portal/portal.yaml").read_text())
    assert (manifest["package"], manifest["version"]) == ({"image": PINNED}, "2.0")
    assert not files_in(tmp_path / "work/drop")


def test_a_shipped_archive_stays_the_file_that_the_vendor_shipped(run, estate, tmp_path):
    (tmp_path / "portal.tar").write_bytes(b"an image")
    assert run("--image", tmp_path / "portal.tar").code == 0
    manifest = yaml.safe_load((estate / "vendor_manifests/portal/portal.yaml").read_text())
    pinned = manifest["package"]["archive"]
    assert pinned["sha256"] == hashlib.sha256(b"an image").hexdigest()
    assert (tmp_path / "work/drop" / pinned["path"]).read_bytes() == b"an image"


def test_every_door_is_named_by_what_answers(run, look):
    look.services["portal"] = Inside(
        ports=(7, 104, 105, 2575, 5432, 8080),
        processes=(Process(program="postgres", user="postgres"),),
    )
    said = run("--image", "acme/portal:3.1", "--json")
    doors = {door["name"]: (door["port"], door["speaks"]) for door in said.json["seen"]["doors"]}
    assert doors == {
        "port-7": (7, ""),
        "dicom": (104, "dicom"),
        "dicom-105": (105, "dicom"),
        "mllp": (2575, "mllp"),
        "sql": (5432, "postgresql"),
        "http": (8080, "http"),
    }
    kinds = [(answer["door"], answer["kind"]) for answer in said.json["seen"]["answers"]]
    assert kinds == [("dicom", "dicom"), ("mllp", "hl7"), ("http", "http"), ("http", "http")]


def test_a_service_that_needs_capabilities_gets_the_harmless_ones(run, look, estate):
    look.ends = ["portal"]
    said = run("--image", "acme/portal:3.1")
    assert said.code == 0
    assert "portal with the harmless capabilities" in said.err
    assert "SETUID" in environment(estate).services["portal"].cap_add
    assert "SYS_ADMIN" not in environment(estate).services["portal"].cap_add


def test_a_health_check_is_made_where_the_image_has_none(run, estate):
    run("--image", "acme/portal:3.1")
    check = environment(estate).services["portal"].healthcheck
    assert check is not None
    assert ":1F90 " in check.test[1]


def test_a_compose_file_is_carried_over_and_the_rest_is_named(run, estate, tmp_path):
    file = tmp_path / "compose.yaml"
    file.write_text(COMPOSE)
    said = run("--compose", file)
    assert said.code == 0
    assert f"left out  {file}:4: `services.portal.restart` is refused" in said.err
    assert environment(estate).services["db"].image == DATABASE
    assert run("--compose", file, "--force", "--json").json["left_out"][0]["line"] == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("services: {a: {image: x}, b: {image: x}}\n", "which service does a release replace?"),
        ("services: {portal: {build: .}}\n", "neither image nor build"),
        (
            "services: {portal: {image: 'acme/portal:3.1'}, db: {build: {context: x}}}\n",
            "no image is named for db",
        ),
        ("services: {portal: {image: 'acme/none:1'}}\n", "docker pull acme/none:1"),
        ("services: [\n", "not valid YAML"),
    ],
)
def test_a_compose_file_that_cannot_be_stood_up_is_bad_input(run, estate, tmp_path, content, words):
    (tmp_path / "c.yaml").write_text(content)
    said = run("--compose", tmp_path / "c.yaml")
    assert said.code == 2
    assert words in said.err
    assert not files_in(estate)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--image", "acme/portal:3.1", "--compose", "c.yaml"),
        ("--image", "acme/unknown:1"),
        ("--image", ""),
        ("--compose", "none.yaml"),
        ("--image", "acme/portal:3.1", "--vendor", "../acme"),
        ("--image", "acme/portal:3.1", "--version", "latest"),
        ("--image", "acme/portal:3.1", "--estate", "nowhere"),
    ],
)
def test_bad_input_writes_nothing(run, estate, words):
    said = run(*words)
    assert said.code == 2
    assert not files_in(estate)


@pytest.mark.parametrize("product", ["Portal", "../portal", "a b", "", "a/b", "-"])
def test_a_name_that_is_none_is_bad_input(run, estate, product):
    assert run("--image", "acme/portal:3.1", product=product).code == 2
    assert not files_in(estate)


def test_a_system_that_never_stays_up_is_told_with_its_log(run, look, estate, engine):
    look.ends = ["portal", "portal"]
    said = run("--image", "acme/portal:3.1")
    assert said.code == 2
    assert "portal can't be stood up: portal ended soon after its start" in said.err
    assert "the log of portal" in said.err
    assert not files_in(estate)
    assert not engine.replicas.present


def test_a_system_that_never_gets_ready_is_told_with_its_log(run, engine, estate):
    engine.replicas.failures["3.1"] = ReplicaFailure(
        service="portal", reason="not ready within 90 s", log_tail="\x1b[2Jno licence"
    )
    said = run("--image", "acme/portal:3.1")
    assert said.code == 2
    assert "no licence" in said.err


def test_a_system_of_which_nothing_can_be_seen_is_told(run, look, estate):
    look.services["portal"] = Inside(shell=False)
    said = run("--image", "acme/portal:3.1")
    assert said.code == 2
    assert "nothing can be seen of portal" in said.err
    assert not files_in(estate)


def test_an_interrupt_leaves_neither_files_nor_replicas(run, look, engine, estate, tmp_path):
    look.interrupted = True
    assert run("--image", "acme/portal:3.1").code == 130
    assert not engine.replicas.present
    assert look.closed
    assert list(estate.iterdir()) == []
    assert not files_in(tmp_path / "work")


def test_an_engine_that_does_not_answer_is_an_outside_failure(run, engine, estate):
    engine.replicas.engine_gone = True
    assert run("--image", "acme/portal:3.1").code == 3


def test_nothing_is_overwritten_without_force(run, estate):
    assert run("--image", "acme/portal:3.1").code == 0
    before = files_in(estate)
    said = run("--image", "acme/pinned:2.0")
    assert said.code == 2
    assert "--force" in said.err
    assert files_in(estate) == before


def test_force_writes_anew_but_leaves_what_belongs_to_the_whole_estate(run, estate):
    run("--image", "acme/portal:3.1")
    mine = b"schema: 1\nsigners: {}\n# mine\n"
    (estate / "environments/signers.yaml").write_bytes(mine)
    (estate / "environments/portal/gate.yaml").write_bytes(b"edited")
    assert run("--image", "acme/portal:3.1", "--force").code == 0
    assert (estate / "environments/signers.yaml").read_bytes() == mine
    assert (estate / "environments/portal/gate.yaml").read_bytes() != b"edited"


def test_another_vendors_product_is_never_taken_over(run, estate):
    run("--image", "acme/portal:3.1", "--vendor", "acme")
    said = run("--image", "acme/portal:3.1", "--vendor", "other", "--force")
    assert said.code == 2
    assert "vendor_manifests/acme/portal.yaml" in said.err


def test_a_served_estate_is_only_changed_by_a_push(run, estate):
    (estate / "clinops.toml").write_text("")
    said = run("--image", "acme/portal:3.1")
    assert said.code == 2
    assert "git clone" in said.err


def test_files_never_go_through_a_symbolic_link(run, estate, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (estate / "environments").symlink_to(tmp_path / "elsewhere")
    assert run("--image", "acme/portal:3.1").code == 2
    assert not files_in(tmp_path / "elsewhere")


def test_a_move_that_fails_leaves_all_as_it_was(tmp_path):
    old, stage = tmp_path / "old.txt", tmp_path / "stage"
    old.write_text("old")
    stage.mkdir()
    for name in "ab":
        (stage / name).write_text("new")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    staged = {
        stage / "a": old,
        stage / "b": tmp_path / "deep/er/new.txt",
        stage / "none": tmp_path / "never.txt",
    }
    with pytest.raises(FileNotFoundError):
        placing.place(staged)
    assert old.read_text() == "old"
    assert not (tmp_path / "deep").exists()
    assert not (tmp_path / "never.txt").exists()
