"""Suites that are split over several replicas, by real processes of pytest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinops.adapters.pytest_plugin.part import shares
from clinops.adapters.pytest_suites import PytestSuites
from clinops.adapters.suite_parts import Part, put_together
from clinops.domain.replica import Replica
from clinops.domain.suite import Role, Verdict
from tests.fakes.evidence import FakeEvidence
from tests.fakes.trees import FakeTree

FOLDER = "test_suites/demo/regression"
ONE = "def test_a(replica): assert replica.id\ndef test_b(): pass\n"
OTHER = "def test_c(): assert 1 == 2\n"
THIRD = "def test_d(replica): assert replica.id == 'second'\n"


def replica(name: str) -> Replica:
    return Replica(
        id=name,
        product="demo",
        version="1.2",
        role=Role.CANDIDATE,
        release="demo-1.2",
        under_test="app",
        services={},
        endpoints={},
    )


def split(evidence, *names, **files):
    tree = FakeTree({f"{FOLDER}/test_{name}.py": text.encode() for name, text in files.items()})
    first, *beside = map(replica, names)
    return PytestSuites(evidence, 30.0).run("regression", first, tree, beside=beside)


@pytest.fixture
def evidence():
    return FakeEvidence()


def test_every_test_runs_once_and_on_one_replica(evidence):
    run = split(evidence, "first", "second", one=ONE, other=OTHER, third=THIRD)
    assert {case.name: case.verdict for case in run.cases} == {
        "test_one.py::test_a": Verdict.PASSED,
        "test_one.py::test_b": Verdict.PASSED,
        "test_other.py::test_c": Verdict.FAILED,
        "test_third.py::test_d": Verdict.PASSED,
    }
    assert (run.exit_code, run.completed) == (1, True)
    junit = evidence.get(run.junit).decode()
    assert [junit.count(f'name="test_{test}"') for test in "abcd"] == [1, 1, 1, 1]
    assert "== part 2 of 2" in evidence.get(run.log).decode()


def test_more_replicas_than_files_change_nothing(evidence):
    run = split(evidence, "first", "second", "third", one=ONE)
    assert (len(run.cases), run.exit_code, run.completed) == (2, 0, True)


def test_no_tests_are_no_run_however_many_replicas_there_are(evidence):
    run = split(evidence, "first", "second", one="")
    assert (run.exit_code, run.completed) == (5, False)


def test_a_part_that_crashes_leaves_the_whole_unfinished(evidence):
    crash = "import os\ndef test_e(): os._exit(9)\n"
    run = split(evidence, "first", "second", one=ONE, other=crash)
    assert (run.exit_code, run.completed, run.cases) == (9, False, ())


def test_a_file_that_only_one_part_can_collect_leaves_the_whole_unfinished(evidence):
    moody = "import os\nif os.environ['CLINOPS_PART'] == '1/2':\n    def test_f(): pass\n"
    run = split(evidence, "first", "second", one=ONE, other=moody)
    assert not run.completed
    assert "not the whole suite" in evidence.get(run.log).decode()


def part(*tests: str, of: int | None, code: int = 0) -> Part:
    cases = "".join(f'<testcase classname="t" name="{test}" time="0.1"/>' for test in tests)
    report = f"<testsuites><testsuite>{cases}</testsuite></testsuites>"
    return Part(code, 10, b"", report.encode(), of)


@pytest.mark.parametrize(
    "parts",
    [
        (part("a", of=2), part(of=2, code=5)),
        (part("a", of=2), part("a", of=2)),
        (part("a", of=2), part("b", of=3)),
        (part("a", of=None), part("b", of=None)),
        (part("a", of=2), part("b", of=2)._replace(report=b"<tests")),
    ],
    ids=["one is missing", "one is there twice", "they disagree", "nobody knows", "half a file"],
)
def test_what_is_not_whole_has_not_run(parts):
    assert put_together(parts).exit_code == -1
    assert put_together(parts).cases is None


def test_takes_as_long_as_its_longest_part():
    whole = put_together([part("a", of=2), part("b", of=2)._replace(milliseconds=70)])
    assert (whole.milliseconds, whole.exit_code) == (70, 0)


names = st.lists(st.sampled_from([f"test_{letter}.py" for letter in "abcdefg"]), max_size=60)


@given(names, st.integers(1, 8))
def test_shares_hold_every_file_once_and_are_about_equal(files, parts):
    tests = [f"{file}::test_{number}" for number, file in enumerate(files)]
    shared = shares(tests, parts)
    assert sorted(file for share in shared for file in share) == sorted(set(files))
    sizes = [sum(files.count(file) for file in share) for share in shared]
    largest = max((files.count(file) for file in files), default=0)
    assert max(sizes) - min(sizes) <= largest
