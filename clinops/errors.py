"""Every error that ClinOps raises on purpose, by whose mistake it is.

One root, so that the command line can turn any of them into a text for a human and an exit code.
Outcomes are *not* here: a suite that fails or a gate that refuses is a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ClinOpsError(Exception):
    """Root of all errors that ClinOps raises on purpose."""

    exit_code = 3
    retryable = False

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend

    def diagnostics(self) -> str:
        """Say what happened and how to mend it, for a person."""
        return f"{self}\n  mend: {self.mend}" if self.mend else str(self)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file: where (1-based line), what, and how to mend it."""

    file: str
    line: int
    what: str
    mend: str = ""

    def __str__(self) -> str:
        """Render as `file:line: what, how to mend it`."""
        return f"{self.file}:{self.line}: {self.what}" + (f"; {self.mend}" if self.mend else "")


class BadInputError(ClinOpsError):
    """The author of a file or the caller of a command made a mistake; nothing was written."""

    exit_code = 2

    def __init__(self, message: str, *, mend: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, mend=mend)
        self.problems = tuple(problems)

    def diagnostics(self) -> str:
        """List every problem on a line of its own."""
        if self.problems:
            return "\n".join(str(problem) for problem in sorted(self.problems))
        return super().diagnostics()


class NotFoundError(BadInputError):
    """The thing that the caller named does not exist."""


class PackageError(BadInputError):
    """A vendor's package is not what its manifest pins, or can't be built: the product's fault."""


class RefusedError(ClinOpsError):
    """The answer is no: a gate that is not open, a signature that does not hold."""

    exit_code = 1


class EvidenceError(ClinOpsError):
    """Evidence is missing or was altered."""

    exit_code = 1


class LedgerError(ClinOpsError):
    """The ledger's chain is broken, or an entry contradicts it."""

    exit_code = 1


class InfrastructureError(ClinOpsError):
    """Something outside failed (engine, git, database, network): try again."""

    retryable = True


class EngineError(InfrastructureError):
    """The container engine does not answer or refused a call that should work."""


class SeedError(InfrastructureError):
    """The seed program of an environment failed on a system that was ready."""


class LeaseLostError(InfrastructureError):
    """Another process holds the work that this one was about to do."""


class DeploymentError(ClinOpsError):
    """A deployment did not reach its end; the site's state is on the ledger."""


class RollbackError(DeploymentError):
    """A rollback failed as well: a person must act now."""
