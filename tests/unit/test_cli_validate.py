from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.terminal import Said
from tests.fakes.wiring import document, signer, signers

HOME = Path(__file__).parents[2]
MANIFEST = "vendor_manifests/orthanc/orthanc.yaml"
DIGEST = "sha256:" + "0" * 64
LINE = re.compile(r"^[a-z_/.-]+:[1-9][0-9]*: .+$")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout of the repository's own estate, with people who can sign."""
    for folder in ("environments", "test_suites", "vendor_manifests"):
        shutil.copytree(
            HOME / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    people = signers(joy=signer("joy", "clinical-safety-officer"), sam=signer("sam", "operations"))
    (tmp_path / "environments/signers.yaml").write_bytes(people)
    vendor = {"schema": 1, "name": "Orthanc", "keys": signer("acme")["keys"]}
    (tmp_path / "vendor_manifests/orthanc/vendor.yaml").write_bytes(document(vendor))
    return tmp_path


def refused(said: Said, file: str = MANIFEST) -> list[str]:
    """Return the problems; each stands on a line of its own that names file and line."""
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines
    assert all(LINE.match(line) for line in lines), lines
    assert any(line.startswith(f"{file}:") for line in lines), lines
    return lines


def test_finds_nothing_wrong_with_the_repositorys_own_estate(terminal, checkout):
    said = terminal.run("--estate", checkout, "validate")
    assert (said.code, said.out) == (0, "no problems\n")
    assert said.err.startswith("next: ")


RAW = {
    "nothing": b"",
    "only a comment": b"# nothing\n",
    "a list": b"- schema: 1\n",
    "one word": b"orthanc\n",
    "an unclosed bracket": b"schema: [1\n",
    "a tab": b"schema: 1\nrollback:\n\tstrategy: restore\n",
    "not UTF-8": b"schema: 1\nvendor: \xff\xfe\n",
    "a NUL": b"schema: 1\n\x00\n",
    "an escape code": b"schema: 1\nproduct: \x1b[2Jorthanc\n",
    "an escaped escape code": b'schema: 1\nproduct: "\\e[2Jorthanc"\n',
    "two documents": b"schema: 1\n---\nschema: 1\n",
    "an alias": b"schema: &a 1\nversion: *a\n",
    "a bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a merge key": b"<<: {schema: 1}\n",
    "a tag": b"schema: !!python/object/apply:os.system [id]\n",
    "a key twice": b"schema: 1\nschema: 1\n",
    "too large": b"#" * 300_000,
    "too deep": b"a: " + b"[" * 60 + b"]" * 60,
    "a key with a line end": b'schema: 1\n"evil\\nvendor_manifests/x.yaml": 1\n',
}

CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no schema": lambda m: m.pop("schema"),
    "another schema": lambda m: m.update(schema=2),
    "an unknown key": lambda m: m.update(versoin="1.2"),
    "no version": lambda m: m.pop("version"),
    "a version that is a number": lambda m: m.update(version=1.1),
    "a version that cannot be ordered": lambda m: m.update(version="latest"),
    "superseding something newer": lambda m: m.update(supersedes="99.0"),
    "a product in capitals": lambda m: m.update(product="Orthanc"),
    "a product that nobody knows": lambda m: m.update(product="orthnac"),
    "another vendor": lambda m: m.update(vendor="acme"),
    "no package": lambda m: m.pop("package"),
    "an empty package": lambda m: m.update(package={}),
    "two packages": lambda m: m["package"].update(image=f"a@{DIGEST}"),
    "an image by its tag": lambda m: m.update(package={"image": "orthanc:latest"}),
    "a digest cut short": lambda m: m.update(package={"image": f"orthanc@{DIGEST[:-1]}"}),
    "an archive outside": lambda m: m.update(
        package={"archive": {"path": "../../etc/passwd", "sha256": "0" * 64}}
    ),
    "a build folder that is not there": lambda m: m.update(
        package={"build": {"folder": "environments/orthanc/images/none"}}
    ),
    "a build folder of somebody else": lambda m: m.update(
        package={"build": {"folder": "environments/other/images"}}
    ),
    "an unknown kind": lambda m: m.update(kind="update"),
    "an unknown strategy": lambda m: m.update(rollback={"strategy": "pray"}),
    "a script without a command": lambda m: m.update(rollback={"strategy": "script"}),
    "a command without a script": lambda m: m.update(
        rollback={"strategy": "binary", "command": ["x"]}
    ),
    "a deadline that is no date": lambda m: m.update(deadline="soon"),
    "a safety case that is not there": lambda m: m.update(
        safety_case={"document": "none.md", "sha256": "0" * 64}
    ),
    "changes without a list": lambda m: m.update(changes="many"),
    "markup": lambda m: m.update({"[red]versoin[/red]": 1}),
}


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    manifest = yaml.safe_load((HOME / MANIFEST).read_text())
    change(manifest)
    return document(manifest)


BAD = RAW | {name: changed(change) for name, change in CHANGES.items()}


@pytest.mark.parametrize("name", BAD)
def test_names_file_line_and_mend_for(terminal, checkout, name):
    (checkout / MANIFEST).write_bytes(BAD[name])
    refused(terminal.run("--estate", checkout, "validate"))


@pytest.mark.parametrize("name", ["no version", "two documents"])
def test_problems_are_json_for_a_program(terminal, checkout, name):
    (checkout / MANIFEST).write_bytes(BAD[name])
    said = terminal.run("--estate", checkout, "validate", "--json")
    assert said.code == 2
    assert {tuple(problem) for problem in said.json} == {("file", "line", "what", "mend")}
    assert said.json[0]["file"] == MANIFEST


def test_no_problems_are_an_empty_list_for_a_program(terminal, checkout):
    said = terminal.run("--estate", checkout, "validate", "--json")
    assert (said.code, said.json) == (0, [])


def test_markup_in_a_manifest_is_shown_as_it_is_written(terminal, checkout):
    (checkout / MANIFEST).write_bytes(BAD["markup"])
    assert "[red]versoin[/red]" in "".join(refused(terminal.run("-e", checkout, "validate")))


def test_only_problems_of_the_paths_that_are_asked_about_are_told(terminal, checkout):
    (checkout / MANIFEST).write_bytes(BAD["no version"])
    run = ("--estate", checkout, "validate")
    assert terminal.run(*run, "environments").code == 0
    refused(terminal.run(*run, "vendor_manifests/orthanc"))
    said = terminal.run(*run, "vendor_manifests/none")
    refused(said, "vendor_manifests/none")


def test_an_estate_that_is_not_there_is_bad_input(terminal, tmp_path):
    said = terminal.run("--estate", tmp_path / "none", "validate")
    assert said.code == 2
    assert "is no folder" in said.err
    assert "mend: " in said.err


def test_a_symbolic_link_out_of_the_estate_is_refused(terminal, checkout):
    (checkout / "environments/passwd.yaml").symlink_to("/etc/passwd")
    assert terminal.run("--estate", checkout, "validate").code == 2


def test_an_interrupt_is_no_crash(terminal, checkout, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("clinops.adapters.estate_validation.validate", interrupt)
    assert terminal.run("--estate", checkout, "validate").code == 130
