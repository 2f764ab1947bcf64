"""Probes as part of an estate: what `validate` says of them."""

from __future__ import annotations

import pytest

from clinops.adapters.estate import Estate
from clinops.adapters.estate_validation import validate
from tests.fakes.trees import FakeTree
from tests.unit.test_hazard import GOOD as HAZARDS

HOME = "test_suites/archive/probes"
COMPOSE = """\
name: archive
services:
  archive: {image: package}
x-clinops:
  under_test: archive
  endpoints: {http: archive:80, dicom: archive:104}
  databases:
    index: {kind: postgresql, endpoint: http, name: a, user: b, password: c}
"""
GOOD = """\
schema: 1
product: archive
defaults: {sql: {database: index}}
probes:
  - {id: read, http: {path: /}}
  - {id: version, hazards: [PAS-001], command: {argv: [a]}}
  - {id: rows, sql: {query: select 1}}
"""


def tree(**probes: str) -> FakeTree:
    return FakeTree(
        {
            "environments/archive/compose.yaml": COMPOSE.encode(),
            "environments/archive/hazards.yaml": HAZARDS.encode(),
            "test_suites/archive/smoke/test_a.py": b"",
            **{f"{HOME}/{name}.yaml": text.encode() for name, text in probes.items()},
        }
    )


def problems(**probes: str) -> list[str]:
    return [f"{p.file}:{p.line}: {p.what}" for p in validate(tree(**probes), live={}, paths=[HOME])]


def test_sound_probes_have_no_problem():
    assert problems(good=GOOD) == []


def test_an_estate_gives_the_cases_of_all_files_in_order():
    other = GOOD.replace("id: ", "id: other-")
    estate = Estate(tree(b=GOOD, a=other))
    assert [case.id for case in estate.probes("archive")] == [
        *("other-read", "other-version", "other-rows"),
        *("read", "version", "rows"),
    ]
    assert estate.probes("other") == []


def test_the_folder_of_probes_is_no_suite():
    held = tree(good=GOOD)
    held.files[f"{HOME}/test_a.py"] = b""
    assert Estate(held).suites("archive") == ["smoke"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("product: archive", "product: other", "2: the folder is that of the product archive"),
        ("{path: /}", "{path: /, endpoint: web}", "5: there is no endpoint web"),
        ("sql: {database: index}", "http: {endpoint: web}", "3: there is no endpoint web"),
        ("{argv: [a]}", "{argv: [a], service: db}", "6: there is no service db"),
        ("{query: select 1}", "{query: select 1, database: x}", "7: there is no database x"),
        ("id: read,", "id: read, hazards: [NON-999],", "5: the hazard log has no NON-999"),
        (
            "http: {path: /}",
            "dicom: {verb: find, query: {PatentID: x}}",
            "5: DICOM has no attribute PatentID",
        ),
        (
            "http: {path: /}",
            "dicom: {verb: find, query: {RequestAttributesSequence: [{Nothing: x}]}}",
            "5: DICOM has no attribute Nothing",
        ),
        (
            "http: {path: /}",
            "dicom: {verb: store, attributes: {Nothing: x}}",
            "5: DICOM has no attribute Nothing",
        ),
        (
            "http: {path: /}",
            "steps: [{http: {path: /}}, {hl7: {message: 'MSH|^~\\&|'}}]",
            "5: there is no endpoint mllp",
        ),
    ],
)  # fmt: skip
def test_says_what_does_not_fit_the_rest_of_the_estate(old: str, new: str, problem: str):
    found = problems(bad=GOOD.replace(old, new))
    assert f"{HOME}/bad.yaml:{problem}" in found


def test_a_query_needs_a_database():
    text = GOOD.replace("defaults: {sql: {database: index}}\n", "")
    assert problems(bad=text) == [f"{HOME}/bad.yaml:6: names no database"]


def test_no_two_files_have_a_probe_of_the_same_name():
    found = problems(a=GOOD, b=GOOD)
    assert found[0] == f"{HOME}/b.yaml:5: {HOME}/a.yaml has a probe read as well"
    assert len(found) == 3


def test_every_fault_of_a_file_is_told_with_its_line():
    text = GOOD.replace("path: /", "path: x").replace("[a]", "[]")
    assert [each.split(":")[1] for each in problems(bad=text)] == ["5", "6"]


def test_a_file_that_nobody_would_read_is_a_problem():
    held = tree(good=GOOD)
    held.files[f"{HOME}/more.yml"] = GOOD.encode()
    found = validate(held, live={}, paths=[HOME])
    assert [(p.file, p.what) for p in found] == [(f"{HOME}/more.yml", "this file is not read")]
