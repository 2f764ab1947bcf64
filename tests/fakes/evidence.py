"""The evidence store in memory, and evidence to put into it."""

from __future__ import annotations

from typing import Any

from clinops.domain.digest import digest_bytes
from clinops.domain.evidence import Evidence, Images
from clinops.domain.outcome import Outcome
from clinops.domain.release import Inputs, Release
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.errors import EvidenceError
from clinops.ports import EvidenceStore


class FakeEvidence:
    """Implements EvidenceStore in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        digest = digest_bytes(data)
        self.files[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        if digest not in self.files:
            raise EvidenceError(f"the evidence store has no file {digest}")
        if digest_bytes(self.files[digest]) != digest:
            raise EvidenceError(f"the file {digest} was altered")
        return self.files[digest]


def case(name: str = "test_a", verdict: Verdict = Verdict.PASSED, **changes: Any) -> CaseResult:
    return CaseResult(name=name, verdict=verdict, milliseconds=5, **changes)


def run(
    *cases: CaseResult, role: Role = Role.CANDIDATE, suite: str = "smoke", **changes: Any
) -> SuiteRun:
    """Make a completed run of these cases, with the exit code that pytest would give."""
    failed = any(one.verdict in {Verdict.FAILED, Verdict.ERROR} for one in cases)
    made = SuiteRun(
        suite=suite,
        role=role,
        cases=cases,
        exit_code=1 if failed else 0,
        milliseconds=10,
        junit=digest_bytes(b"<testsuites/>"),
        log=digest_bytes(b"1 passed"),
    )
    return made.model_copy(update=changes)


def qualified(store: EvidenceStore) -> Evidence:
    """Make evidence of one good run, with its files in the store."""
    digest = digest_bytes(b"input")
    return Evidence(
        release=Release(
            id="pas-1.2.0-0123456789ab",
            product="pas",
            vendor="acme",
            version="1.2.0",
            commit="1" * 40,
            committer="vendor:acme",
            manifest_path="vendor_manifests/acme/pas.yaml",
            inputs=Inputs(manifest=digest, environment=digest, suites=digest, package=digest),
        ),
        baseline_version=None,
        images=(Images(role=Role.CANDIDATE, services={"app": digest}),),
        plan=(("smoke", Role.CANDIDATE),),
        runs=(run(case()),),
        findings=(),
        outcome=Outcome.QUALIFIED,
        files={
            "junit/smoke-candidate.xml": store.put(b"<testsuites/>"),
            "log/smoke-candidate.txt": store.put(b"1 passed"),
        },
        engine="0.1.0",
        started="2025-06-10T12:00:00+00:00",
        ended="2025-06-10T12:01:00+00:00",
    )
