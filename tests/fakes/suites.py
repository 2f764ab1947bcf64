"""Suites without pytest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf

from clinops.domain.attempt import Attempt
from clinops.domain.digest import digest_bytes
from clinops.domain.replica import Replica
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.errors import SeedError
from clinops.ports import EstateTree
from tests.fakes.inventories import NEW, PATIENTS, Records


class FakeSuites:
    """Implements Suites: one passing test a suite, unless told otherwise.

    Seeds and programs write into the records of fake replicas, by replica id.
    """

    def __init__(self, records: dict[str, Records] | None = None) -> None:
        self._records = {} if records is None else records
        self.failing: set[tuple[str, str]] = set()
        """Suite and version whose test fails."""
        self.crashing: set[tuple[str, str]] = set()
        """Suite and version on which pytest does not get to its end."""
        self.seed_fails = False
        self.writer_fails = False
        self.writes: Callable[[Records], Records] = lambda records: {**records, **NEW}
        """What a writer program makes of the records."""
        self.runs: list[tuple[str, str, Role]] = []
        """Suite, version and role of every run, in order."""
        self.split: dict[str, int] = {}
        """Over how many replicas each suite was split, when it was last run."""
        self.reports: dict[str, dict[str, dict[str, str]]] | None = {
            "patients": {name: dict(fields) for name, fields in NEW.items()}
        }
        """What a writer says that it was acknowledged; none where it says nothing."""
        self.attempt_problem = ""
        """What a writer ends with while something is broken."""
        self.last_acknowledged = inf
        """When a writer was last told that something is stored."""
        self.seeded: list[str] = []
        """Ids of the replicas that were seeded."""
        self.stopped = False

    def ready(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(
        self, suite: str, replica: Replica, tree: EstateTree, *, beside: Sequence[Replica] = ()
    ) -> SuiteRun:
        self.runs.append((suite, replica.version, replica.role))
        self.split[suite] = len({replica.id, *(one.id for one in beside)})
        key = (suite, replica.version)
        failing = key in self.failing
        if key in self.crashing:
            return self._finished(suite, replica, (), exit_code=-9)
        case = CaseResult(
            name=f"test_{suite}.py::test_works",
            verdict=Verdict.FAILED if failing else Verdict.PASSED,
            milliseconds=1,
            message="assert 1 == 2" if failing else "",
            hazards=("PAS-001",),
        )
        return self._finished(suite, replica, (case,), exit_code=int(failing))

    def _finished(
        self, suite: str, replica: Replica, cases: Iterable[CaseResult], exit_code: int
    ) -> SuiteRun:
        digest = digest_bytes(f"{suite} on {replica.version}".encode())
        return SuiteRun(
            suite=suite,
            role=replica.role,
            cases=tuple(cases),
            exit_code=exit_code,
            milliseconds=1,
            junit=digest if exit_code in {0, 1} else None,
            log=digest,
        )

    def stop(self) -> None:
        self.stopped = True

    def seed(self, program: str, replica: Replica, tree: EstateTree) -> None:
        if self.seed_fails:
            raise SeedError(f"{program} ended with code 1")
        self.seeded.append(replica.id)
        self._records[replica.id] = PATIENTS

    def attempt(
        self,
        program: str,
        replica: Replica,
        tree: EstateTree,
        *,
        within: float,
        noticed: Callable[[], None],
    ) -> Attempt:
        self._records[replica.id] = self.writes(self._records[replica.id])
        noticed()
        problem = self.attempt_problem
        result = b"" if self.reports is None else json.dumps(self.reports).encode()
        return Attempt(problem=problem, result=result, last=self.last_acknowledged)

    def run_program(self, program: str, replica: Replica, tree: EstateTree) -> bytes:
        if self.writer_fails:
            raise SeedError(f"{program} ended with code 1")
        self._records[replica.id] = self.writes(self._records[replica.id])
        return b""
