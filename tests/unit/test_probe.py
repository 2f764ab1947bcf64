"""Files of probes: what they may say, and the cases that come of them."""

from __future__ import annotations

import pytest

from clinops.domain.parameter import fill, fill_tree
from clinops.domain.parsing import parse
from clinops.domain.probe import MAX_CASES, ProbeCase, ProbeFile
from clinops.errors import BadInputError

GOOD = """\
schema: 1
product: archive
defaults:
  http: {endpoint: web, auth: [reference, synthetic-data-only]}
  sql: {database: index}
probes:
  - id: study
    hazards: [ARC-001]
    each: {patient: ["1", "2"], level: [a]}
    speed: true
    http: {path: "/studies/{level}?PatientID={patient}", endpoint: other}
  - {id: rows, each: {patient: ["1"]}, sql: {query: "select '10:30' from p where id = :patient;"}}
  - id: write-and-read
    within: 30
    steps:
      - {http: {method: POST, path: /p, json: {name: "X"}}, take: {uid: body/0/ID}}
      - {http: {path: "/p/{uid}"}}
"""


def parsed(*probes: str) -> ProbeFile:
    text = "schema: 1\nproduct: archive\nprobes:\n" + "".join(f"  - {each}\n" for each in probes)
    return parse("p.yaml", text.encode(), ProbeFile)


def problems_of(*probes: str) -> list[str]:
    with pytest.raises(BadInputError) as caught:
        parsed(*probes)
    return [f"{each.line}: {each.what}" for each in caught.value.problems]


def cases() -> list[ProbeCase]:
    return parse("p.yaml", GOOD.encode(), ProbeFile).cases


def test_asks_once_for_each_combination_and_says_so_in_the_name():
    assert [case.id for case in cases()] == [
        "study[patient=1,level=a]",
        "study[patient=2,level=a]",
        "rows[patient=1]",
        "write-and-read",
    ]


def test_a_case_carries_what_its_probe_says():
    study, _, _, written = cases()
    assert (study.hazards, study.speed, study.within, study.stepwise) == (
        ("ARC-001",),
        True,
        10,
        False,
    )
    assert (written.within, written.stepwise, len(written.steps)) == (30, True, 2)


def test_a_call_says_more_than_the_defaults_of_its_file():
    study, _, rows, written = cases()
    assert study.steps[0].http.endpoint == "other"
    assert study.steps[0].http.auth == ("reference", "synthetic-data-only")
    assert written.steps[1].http.endpoint == "web"
    assert rows.steps[0].sql.database == "index"


def test_a_statement_may_end_with_a_semicolon():
    assert cases()[2].steps[0].sql.query == "select '10:30' from p where id = :patient"


def test_the_step_of_a_case_knows_its_kind():
    assert [case.steps[0].kind for case in cases()] == ["http", "http", "sql", "http"]


@pytest.mark.parametrize(
    ("probe", "problem"),
    [
        ("{id: a}", "4: `probes[0]` must have one call, or steps"),
        (
            "{id: a, http: {path: /}, sql: {query: select 1}}",
            "4: `probes[0]` must have one call, or steps",
        ),
        ("{id: a, steps: [{take: {x: y}}]}", "4: `probes[0].steps[0]` must have one call"),
        (
            '{id: a, http: {path: "/{x}"}}',
            "4: `probes[0].http` needs `x`, which nothing gives",
        ),
        (
            '{id: a, each: {x: ["1"]}, http: {path: "/"}}',
            "4: `probes[0].each.x` is used nowhere, so that every answer is the same",
        ),
        (
            '{id: a, steps: [{http: {path: "/{x}"}, take: {x: body}}]}',
            "4: `probes[0].steps[0].http` needs `x`, which nothing gives",
        ),
        ("{id: a, http: {path: /, body: x, json: 1}}", "4: `probes[0].http` has two bodies"),
        (
            '{id: a, http: {path: "http://elsewhere/"}}',
            "4: `probes[0].http.path` must be a path",
        ),
        (
            '{id: a, http: {path: /, headers: {a: "b\\r\\nc: d"}}}',
            "4: `probes[0].http.headers.a` must be one line of plain ASCII text",
        ),
        (
            '{id: a, sql: {query: "select 1; drop table p"}}',
            "4: `probes[0].sql.query` is more than one statement",
        ),
        (
            '{id: a, sql: {query: "delete from p"}}',
            "4: `probes[0].sql.query` must be a query that only reads",
        ),
        (
            "{id: a, dicom: {verb: echo, level: STUDY}}",
            "4: `probes[0].dicom.level` means nothing for echo",
        ),
        ("{id: a, dicom: {verb: find}}", "4: `probes[0].dicom` has no keys"),
        (
            "{id: a, dicom: {verb: get, model: worklist, query: {PatientID: x}}}",
            "4: `probes[0].dicom.model` can't be retrieved from",
        ),
        (
            "{id: a, hl7: {message: PID|1}}",
            "4: `probes[0].hl7.message` must be an HL7 v2 message",
        ),
        (
            '{id: a, each: {x: ["1"]}, fhir: {path: "/Patient/{x}"}}',
            "4: `probes[0].fhir.path` must be a path below the base",
        ),
    ],
)
def test_says_what_is_wrong_with_a_probe(probe: str, problem: str):
    assert problems_of(probe) == [problem]


def test_refuses_the_id_of_an_earlier_probe():
    twice = "{id: a, http: {path: /}}"
    assert problems_of(twice, twice) == ["5: `probes[1].id` is the id of an earlier probe"]


def test_refuses_more_combinations_than_anybody_wants():
    many = ", ".join(f'"{n}"' for n in range(40))
    probe = f'{{id: a, each: {{x: [{many}], y: [{many}]}}, http: {{path: "/{{x}}/{{y}}"}}}}'
    expected = f"4: `probes[0].each` asks for more than {MAX_CASES} combinations"
    assert problems_of(probe) == [expected]


def test_a_semicolon_inside_quotes_ends_no_statement():
    file = parsed("""{id: a, sql: {query: "select 'a;b', \\"c;d\\" from p"}}""")
    assert file.cases[0].steps[0].sql.query == "select 'a;b', \"c;d\" from p"


def test_fills_only_what_it_has_a_value_for():
    assert fill("/{a}/{b}", {"a": "{b}"}) == "/{b}/{b}"


def test_fills_texts_of_a_tree_and_neither_keys_nor_numbers():
    tree = {"{a}": ["{a}", 1, None, True]}
    assert fill_tree(tree, {"a": '"x"'}) == {"{a}": ['"x"', 1, None, True]}
