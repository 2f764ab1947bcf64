"""Programs that may fail, watched while they write."""

from __future__ import annotations

import textwrap
import time
from threading import Event

import pytest

from clinops.adapters.pytest_suites import PytestSuites
from clinops.domain.replica import Replica
from clinops.domain.suite import Role
from clinops.errors import NotFoundError
from tests.fakes.evidence import FakeEvidence
from tests.fakes.trees import FakeTree

REPLICA = Replica(
    id="r1",
    product="demo",
    version="1.2",
    role=Role.CANDIDATE,
    release="demo-1.2-0123456789ab",
    under_test="app",
    services={},
    endpoints={},
)


def attempt(source: str, noticed: Event, within: float = 10.0):
    tree = FakeTree({"environments/demo/write.py": textwrap.dedent(source).encode()})
    return PytestSuites(FakeEvidence(), 10.0).attempt(
        "write.py", REPLICA, tree, within=within, noticed=noticed.set
    )


def test_what_a_program_left_before_it_failed_is_kept():
    source = """
        import os
        open(os.environ["CLINOPS_RESULT"], "w").write("{}")
        raise SystemExit("connection reset")
    """
    made = attempt(source, Event())
    assert made.result == b"{}"
    assert made.problem == "ended with code 1:\nconnection reset"
    assert abs(made.last - time.time()) < 60


def test_the_first_result_is_noticed_while_the_program_goes_on(tmp_path):
    noticed = Event()
    seen = tmp_path / "seen"

    class Telling(Event):
        def set(self) -> None:
            seen.touch()
            noticed.set()

    source = f"""
        import os, pathlib, time
        open(os.environ["CLINOPS_RESULT"], "w").write("{{}}")
        until = time.monotonic() + 8
        while not pathlib.Path({str(seen)!r}).exists():
            assert time.monotonic() < until
            time.sleep(0.01)
    """
    assert attempt(source, Telling()).problem == ""
    assert noticed.is_set()


def test_a_program_that_leaves_nothing_is_never_noticed():
    noticed = Event()
    made = attempt("", noticed)
    assert (made.result, made.last) == (b"", 0.0)
    assert not noticed.is_set()


def test_a_program_that_hangs_is_ended_and_its_result_kept():
    source = """
        import os, time
        open(os.environ["CLINOPS_RESULT"], "w").write("{}")
        time.sleep(60)
    """
    made = attempt(source, Event(), within=2.0)
    assert made.result == b"{}"
    assert "ended with code -9" in made.problem


def test_a_program_that_is_not_there_is_said_to_be_so():
    with pytest.raises(NotFoundError, match=r"environments/demo/none\.py"):
        PytestSuites(FakeEvidence(), 1.0).attempt(
            "none.py", REPLICA, FakeTree({}), within=1.0, noticed=Event().set
        )
