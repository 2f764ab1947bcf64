"""Requests and the board's policy as documents, and among the others of an estate."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from clinops.adapters.estate import Estate
from clinops.adapters.estate_validation import validate
from clinops.adapters.push_validation import policies_reused, requests_deleted
from clinops.domain.board_policy import BoardPolicy
from clinops.domain.parsing import parse
from clinops.domain.request import Request, first_versions
from clinops.errors import BadInputError, NotFoundError, Problem
from clinops.wiring import folder
from tests.conftest import HOME
from tests.unit.test_validate import GOOD as ESTATE
from tests.unit.test_validate import tree

GOOD = """\
schema: 1
id: archive-2
title: Bring the archive to 2.0
commissioned_by: clinical-lead
commissioned: 2026-01-05
owner: Head of radiology systems
kind: upgrade
systems: [archive]
hazards: [ARC-001]
benefit:
  points: 6
  reasons: [Priors are found]
deadline:
  by: 2026-06-30T22:00:00Z
  source: end-of-support
  reference: The makers' notice
effort: {integration: 6, testing: 4.5}
fix: {component: openssl, versions: ">=3.0.15,<3.1", cve: CVE-2026-12345}
confidence: high
releases:
  - {product: archive, version: "2.0"}
"""
BOARD = """\
schema: 1
version: 1
decided: Minute 7
weights: {risk: 40, clock: 25, statute: 20, benefit: 15}
confidence: {low: 0.5, medium: 0.8, high: 1}
capacity: {integration: 24, testing: 18}
"""
R, B = "requests/archive-2.yaml", "environments/board.yaml"


def request(text: str = GOOD) -> Request:
    return parse(R, text.encode(), Request)


def problems_of(changes: Mapping[str, str | None]) -> list[Problem]:
    return validate(tree({**ESTATE, R: GOOD, B: BOARD, **changes}), live={})


def test_takes_a_good_request_beside_a_policy():
    assert problems_of({}) == []
    assert request().days == 10.5
    assert request().awaits == {"archive": "2.0"}


def test_takes_a_policy_without_requests_and_an_estate_without_either():
    assert problems_of({R: None}) == []
    assert problems_of({R: None, B: None}) == []


def test_takes_a_study_of_a_system_that_is_not_there_and_a_text_for_readers():
    study = GOOD.replace("upgrade", "research").replace("[archive]", "[portal]")
    study = study.replace("hazards: [ARC-001]\n", "").split("releases:")[0]
    assert problems_of({R: study, "requests/README.md": "How to ask."}) == []


def test_the_requests_of_the_reference_estate_are_good():
    estate = Estate(folder(HOME))
    assert [
        problem for problem in validate(estate.tree, live={}) if "request" in str(problem)
    ] == []
    assert len(list(estate.requests())) == len(estate.request_paths()) >= 8
    assert estate.board().version == 1


COPY = "requests/archive-3.yaml"


@pytest.mark.parametrize(
    ("changes", "file", "line", "what", "mend"),
    [
        ({R: "{"}, R, 1, "not valid YAML", "quotes"),
        ({COPY: GOOD}, COPY, 2, "not named after its id", R),
        ({R: GOOD.replace("upgrade", "whim")}, R, 7, "must be 'security-patch'", ""),
        ({R: GOOD.replace("archive]", "archives]").replace("t: archive,", "t: archives,")}, R, 8,
         "no product archives", "`archive`?"),
        ({R: GOOD.replace("[archive]", "[]")}, R, 8, "names no system", "name one"),
        ({R: GOOD.replace("[archive]", "[archive, archive]")}, R, 8, "is listed twice", "leave"),
        ({R: GOOD.replace("ARC-001", "ARC-002")}, R, 9, "log of its systems has ARC", "`ARC-001`?"),
        ({R: GOOD.replace("points: 6", "points: 11")}, R, 11, "10", ""),
        ({R: GOOD.replace("06-30T22:00:00Z", "06-30")}, R, 14, "deadline.by", ""),
        ({R: GOOD.replace("end-of-support", "soon")}, R, 15, "must be 'statute'", ""),
        ({R: GOOD.replace("testing:", "tests:")}, R, 17, "knows no team tests", "`testing`?"),
        ({R: GOOD.replace("testing: 4.5", "testing: 0")}, R, 17, "0.1", ""),
        ({R: GOOD.replace(">=3.0.15,<3.1", "3.0")}, R, 18, "not a range of versions", ">=3.0.15"),
        ({R: GOOD.replace(">=3.0.15,<3.1", "!=3.0")}, R, 18, "more than a range", ""),
        ({R: GOOD.replace(">=3.0.15,<3.1", "==3.*")}, R, 18, "more than a range", ""),
        ({R: GOOD.replace(">=3.0.15,<3.1", "<3.1")}, R, 18, "from which version", ""),
        ({R: GOOD.replace("component: openssl, ", "")}, R, 18, "only one of `component`", "both"),
        ({R: GOOD.replace("CVE-2026", "CVE-26")}, R, 18, "not a CVE number", "CVE-2026-12345"),
        ({R: GOOD.replace("product: archive,", "product: pas,")}, R, 21, "none of the systems", ""),
        (
            {R: GOOD + '  - {product: archive, version: "3"}\n'},
            R,
            22,
            "has a release here already",
            "leave one out",
        ),
        ({R: GOOD.replace("high", "sure")}, R, 19, "must be 'low'", ""),
        ({"requests/a.yml": ""}, "requests/a.yml", 1, "not read", "requests/<id>.yaml"),
        ({"requests/new/a.yaml": ""}, "requests/new/a.yaml", 1, "not read", "requests/<id>.yaml"),
        ({B: None}, B, 1, "no such file", "add it"),
        ({B: BOARD.replace("risk", "risks")}, B, 4, "`weights.risks` is not a known key", "risk"),
        (
            {B: BOARD.replace("40, clock: 25, statute: 20, benefit: 15", "0, clock: 0, "
             "statute: 0, benefit: 0")},
            B,
            4,
            "lets nothing count",
            "weight",
        ),
        ({B: BOARD.replace("low: 0.5", "low: 0.9")}, B, 5, "do not rise", "order them"),
    ],
)  # fmt: skip
def test_tells_each_problem_where_it_is(
    changes: dict[str, str | None], file: str, line: int, what: str, mend: str
):
    problems = problems_of(changes)
    assert any(
        p.file == file and p.line == line and what in p.what and mend in p.mend for p in problems
    ), problems


def test_a_fix_that_nobody_could_tell_is_refused():
    with pytest.raises(BadInputError) as refused:
        request(GOOD.replace('{component: openssl, versions: ">=3.0.15,<3.1", cve: CVE-2026-12345}',
                             "{}"))  # fmt: skip
    assert "does not say which fix it is" in refused.value.diagnostics()


def test_hazards_are_not_held_against_a_log_that_cannot_be_read():
    log = {"environments/archive/hazards.yaml": "{"}
    assert {problem.file for problem in problems_of(log)} == set(log)


def test_what_cannot_be_read_keeps_no_other_request_from_being_read():
    estate = Estate(tree({R: GOOD, COPY: "{", B: BOARD}))
    assert [one.id for one in estate.requests()] == ["archive-2"]


def test_an_estate_may_have_no_policy():
    with pytest.raises(NotFoundError):
        Estate(tree({R: GOOD})).board()


@pytest.mark.parametrize(
    ("text", "awaits"),
    [
        (GOOD.split("releases:", maxsplit=1)[0], {}),
        (GOOD.split("fix:", maxsplit=1)[0] + "fix: {release: {product: archive, version: '2.1'}}\n"
         "confidence: low\n", {"archive": "2.1"}),
        (GOOD.replace("[archive]", "[archive, pas]"), {}),
    ],
    ids=["no release", "the fix is a release", "one system has none"],
)  # fmt: skip
def test_awaits_a_release_for_each_of_its_systems_or_none_will_do(text: str, awaits):
    assert request(text).awaits == awaits


def test_the_first_version_of_a_range_is_what_mends():
    assert [str(one) for one in first_versions(">=3.0.15,<3.1")] == ["3.0.15"]


def test_another_policy_has_a_higher_version():
    before, later = tree({B: BOARD}), BOARD.replace("risk: 40", "risk: 0")
    [problem] = policies_reused(tree({B: later}), before)
    assert (problem.file, problem.line, problem.mend) == (B, 2, "write `version: 2`")
    newer = later.replace("version: 1", "version: 2")
    assert policies_reused(tree({B: newer}), before) == []
    assert policies_reused(before, before) == []
    assert policies_reused(before, tree({})) == []
    assert policies_reused(tree({B: "{"}), before) == []
    assert policies_reused(before, tree({B: "{"})) == []


def test_requests_are_closed_and_never_deleted():
    before = tree({R: GOOD, "requests/README.md": "How to ask."})
    [problem] = requests_deleted(tree({}), before)
    assert (problem.file, problem.mend) == (R, "put it back, with `closed: {day: …, reason: …}`")
    closed = GOOD + "closed: {day: 2026-02-01, reason: Taken back}\n"
    assert requests_deleted(tree({R: closed}), before) == []


def test_a_policy_is_told_by_what_it_says():
    policy = parse(B, BOARD.encode(), BoardPolicy)
    other = parse(B, BOARD.replace("40", "41").encode(), BoardPolicy)
    assert policy.digest != other.digest
    assert request().digest != request(GOOD.replace("points: 6", "points: 5")).digest
