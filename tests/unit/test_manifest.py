"""The vendor's manifest: what is taken, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinops.domain.manifest import ArchivePackage, BuildPackage, ImagePackage, Manifest, is_above
from clinops.domain.parsing import parse
from clinops.errors import BadInputError

DIGEST = "sha256:" + "a" * 64
GOOD = f"""\
schema: 1
product: orthanc
vendor: osimis
version: "1.12.7"
supersedes: "1.10.1"
kind: upgrade
package:
  image: registry.example/orthanc@{DIGEST}
upgrade_path:
  - version: "1.11.0"
  - version: "1.12.7"
    command: [orthanc, --upgrade]
changes:
  - summary: Worklists answer in UTF-8
    area: worklist
deadline: 2026-01-31
rollback:
  strategy: script
  command: [orthanc, --downgrade]
safety_case:
  document: safety/case.pdf
  sha256: {"b" * 64}
"""


def manifest(text: str) -> Manifest:
    return parse("m.yaml", text.encode(), Manifest)


def package(text: str) -> str:
    old = f"package:\n  image: registry.example/orthanc@{DIGEST}\n"
    assert old in GOOD
    return GOOD.replace(old, text)


def test_takes_a_full_manifest():
    found = manifest(GOOD)
    assert isinstance(found.package, ImagePackage)
    assert found.package.image.endswith(DIGEST)
    assert found.deadline is not None
    assert Manifest.model_validate_json(found.model_dump_json()) == found


def test_a_change_names_the_differences_that_it_covers():
    covering = GOOD.replace("area: worklist", 'covers: ["image: user", "smoke: test_a"]')
    assert manifest(covering).changes[0].covers == ["image: user", "smoke: test_a"]
    assert manifest(GOOD).changes[0].covers == []


def test_tells_the_kind_of_package_by_its_key():
    archive = f"package:\n  archive: {{path: ./a//b.tar, sha256: {'c' * 64}}}\n"
    build = "package:\n  build:\n    folder: environments/orthanc/images/orthanc/\n"
    first, second = manifest(package(archive)).package, manifest(package(build)).package
    assert isinstance(first, ArchivePackage)
    assert isinstance(second, BuildPackage)
    assert first.archive.path == "a/b.tar"
    assert second.build.folder == "environments/orthanc/images/orthanc"
    again = Manifest.model_validate({**dict(manifest(GOOD)), "package": second})
    assert again.package == second


PATH = "must be a path with `/` between its parts"
BAD = [
    (GOOD.replace("schema: 1", "schema: 2"), 1, "`schema` must be 1, not `2`"),
    (GOOD.replace("schema: 1\n", ""), 1, "`schema` is missing"),
    (GOOD.replace("product: orthanc", "product: Orthanc"), 2, "`product` must be lower-case"),
    (GOOD.replace("product: orthanc", "product: ../x"), 2, "`product` must be lower-case"),
    (GOOD.replace("vendor: osimis", "vendor: -x"), 3, "`vendor` must be lower-case"),
    (GOOD.replace("vendor: osimis", "vendr: osimis"), 3, "`vendr` is not a known key"),
    (GOOD.replace("vendor: osimis", "vendr: osimis"), 1, "`vendor` is missing"),
    (GOOD.replace('"1.12.7"\nsup', "1.12\nsup"), 4, "`version` must be text, not `1.12`"),
    (GOOD.replace('"1.12.7"\nsup', "latest\nsup"), 4, "`version` is not a version that can be"),
    (GOOD.replace('"1.12.7"\nsup', '"1 2"\nsup'), 4, "`version` must be letters, digits"),
    (GOOD.replace('"1.12.7"\nsup', f"1.{'0' * 70}\nsup"), 4, "`version` must be"),
    (GOOD.replace('"1.10.1"', '"1.12.7"'), 5, "`supersedes` is not below the version 1.12.7"),
    (GOOD.replace('"1.10.1"', "old"), 5, "`supersedes` is not a version"),
    (GOOD.replace("kind: upgrade", "kind: hotfix"), 6, "`kind` must be 'security-patch'"),
    (package("package: {}\n"), 7, "`package` does not say where the package is"),
    (package("package: nginx\n"), 7, "`package` does not say where the package is"),
    (package("package:\n  imgae: x\n"), 7, "`package` does not say where the package is"),
    (package("package: {image: a, build: b}\n"), 7, "`package` names 2 sources"),
    (package("package:\n  image: a/b:1.25\n"), 8, "`package.image` names an image without its"),
    (package("package:\n  image: a/b@sha256:1\n"), 8, "`package.image` is not a reference"),
    (package("package:\n  image: 3\n"), 8, "`package.image` must be text"),
    (package(f"package:\n  image: a@{DIGEST}\n  tag: x\n"), 9, "`package.tag` is not a known"),
    (package("package:\n  archive:\n    path: a\n"), 8, "`package.archive.sha256` is missing"),
    (
        package("package:\n  archive:\n    path: a\n    sha256: A\n"),
        10,
        "`package.archive.sha256` must be a SHA-256",
    ),
    (
        package(f"package:\n  archive:\n    sha256: {'c' * 64}\n    path: /a\n"),
        10,
        "`package.archive.path` leaves the folder",
    ),
    (package("package:\n  build: x\n"), 8, "`package.build` must hold keys with values"),
    (
        package("package:\n  build:\n    folder: a/../../b\n"),
        9,
        "`package.build.folder` leaves the folder",
    ),
    (package("package:\n  build:\n    folder: a\\b\n"), 9, f"`package.build.folder` {PATH}"),
    (
        package("package:\n  build:\n    folder: a\n    arguments:\n      A: 1\n"),
        11,
        "`package.build.arguments.A` must be text, not `1`",
    ),
    (GOOD.replace('"1.11.0"', '"1.10.1"'), 10, "`upgrade_path[0].version` is not above 1.10.1"),
    (GOOD.replace('"1.11.0"', '"1.12.8"'), 10, "`upgrade_path[0].version` is above the version"),
    (GOOD.replace('"1.12.7"\n    c', '"1.9"\n    c'), 11, "`upgrade_path[1].version` is not above"),
    (GOOD.replace("[orthanc, --upgrade]", "orthanc"), 12, "`upgrade_path[1].command` must be a l"),
    (GOOD.replace("Worklists answer in UTF-8", "''"), 14, "`changes[0].summary` must have at lea"),
    (GOOD.replace("area: worklist", "area: Work List"), 15, "`changes[0].area` must be lower"),
    (GOOD.replace("area: worklist", "covers: image"), 15, "`changes[0].covers` must be a list"),
    (GOOD.replace("area: worklist", "covers: [image: user]"), 15, "`changes[0].covers[0]` must be"),
    (GOOD.replace("2026-01-31", "31/01/2026"), 16, "`deadline` must be a date, not `31/01/2026`"),
    (GOOD.replace("  command: [orthanc, --downgrade]\n", ""), 17, "`rollback` says"),
    (GOOD.replace("strategy: script", "strategy: binary"), 19, "`rollback.command` is not run"),
    (
        GOOD.replace("strategy: script", "strategy: pray"),
        18,
        "`rollback.strategy` must be 'binary'",
    ),
    (GOOD.replace("safety/case.pdf", "../case.pdf"), 21, "`safety_case.document` leaves the"),
    (GOOD.replace("b" * 64, "b" * 63), 22, "`safety_case.sha256` must be a SHA-256"),
    (GOOD + "kind: patch\n", 23, "the key `kind` is given twice"),
]


@pytest.mark.parametrize(("text", "line", "what"), BAD)
def test_tells_each_mistake_with_its_line(text: str, line: int, what: str):
    with pytest.raises(BadInputError) as caught:
        manifest(text)
    told = [(problem.line, problem.what) for problem in caught.value.problems]
    assert any(at == line and said.startswith(what) for at, said in told), told


def test_tells_only_what_is_wrong_with_the_kind_of_package_that_was_meant():
    with pytest.raises(BadInputError) as caught:
        manifest(package("package:\n  archive:\n    pth: a\n"))
    assert [str(problem) for problem in caught.value.problems] == [
        "m.yaml:8: `package.archive.path` is missing; add `path: …`",
        "m.yaml:8: `package.archive.sha256` is missing; add `sha256: …`",
        "m.yaml:9: `package.archive.pth` is not a known key; did you mean `path`?",
    ]


def test_says_how_to_pin_an_image():
    with pytest.raises(BadInputError, match="has 1 problem") as caught:
        manifest(package("package:\n  image: registry.example/orthanc:1.12.7\n"))
    assert "a tag can be moved; pin it: name@sha256:<64 hex>" in caught.value.diagnostics()


def test_refuses_a_package_object_of_no_known_kind():
    with pytest.raises(ValueError, match="package"):
        Manifest.model_validate({**dict(manifest(GOOD)), "package": manifest(GOOD).rollback})


def test_orders_versions_as_people_do():
    assert is_above("1.10", "1.9")
    assert not is_above("1.9", "1.9")
    assert not is_above("2.0rc1", "2.0")


def test_says_that_a_version_cannot_be_ordered():
    with pytest.raises(BadInputError, match="spring"):
        is_above("1.0", "spring")


def test_the_documented_example_is_a_good_manifest():
    page = (Path(__file__).parents[2] / "docs" / "manifest.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert set(dict(manifest(example))) == set(Manifest.model_fields)
    for name, field in Manifest.model_fields.items():
        assert f"`{field.alias or name}" in page


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY"])
def test_refuses_a_build_argument_that_leads_the_build_through_a_proxy(name: str):
    build = f"package:\n  build:\n    folder: x\n    arguments: {{{name}: http://acme.example}}\n"
    with pytest.raises(BadInputError) as caught:
        manifest(package(build))
    (problem,) = caught.value.problems
    assert problem.what == f"`package.build.arguments.{name}` leads a build's traffic elsewhere"
