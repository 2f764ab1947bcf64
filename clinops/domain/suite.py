"""Suites and their runs."""

from __future__ import annotations

from enum import StrEnum

from clinops.domain.digest import Digest
from clinops.domain.value import Value


class Role(StrEnum):
    """Which of the two versions a replica stands for."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


class Verdict(StrEnum):
    """How one test ended, in JUnit's words."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class CaseResult(Value):
    """One test of one run."""

    name: str
    """`file::class::test[parameters]`, the same on baseline and candidate."""
    verdict: Verdict
    milliseconds: int
    message: str = ""
    detail: str = ""
    hazards: tuple[str, ...] = ()


class SuiteRun(Value):
    """One execution of one suite on one replica."""

    suite: str
    role: Role
    cases: tuple[CaseResult, ...]
    exit_code: int
    """pytest's: 0 all passed, 1 some failed; anything else means that it did not really run."""
    milliseconds: int
    junit: Digest | None
    """The JUnit file in the evidence store, or none if pytest did not get that far."""
    log: Digest
    """Standard output and error of the run, and the containers' logs."""

    @property
    def completed(self) -> bool:
        """Whether pytest ran to its end with at least one test."""
        return self.exit_code in {0, 1} and self.junit is not None and bool(self.cases)
