"""What the tests of results that are carried over share."""

from __future__ import annotations

from collections.abc import Callable

from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.measured import BEHAVIOUR, REHEARSAL
from clinops.domain.outcome import State
from clinops.domain.suite import Verdict
from flows.gate import load_evidence
from tests.fakes.evidence import case
from tests.fakes.wiring import FakeWiring

ALL = {
    "regression suite on baseline",
    "smoke suite on baseline",
    "regression suite on candidate",
    "smoke suite on candidate",
    REHEARSAL,
    BEHAVIOUR,
}
OF_CANDIDATE = {what for what in ALL if not what.endswith("baseline")}
RETOLD = {"deadline": "2030-01-01"}
"""What makes another release of the same package."""
Spoil = Callable[[FakeWiring], None]


def evidence_of(record: ReleaseRecord, wiring: FakeWiring) -> Evidence:
    """Return a release's evidence; it must not contradict itself."""
    evidence = load_evidence(record, wiring)
    assert evidence.contradictions() == []
    return evidence


def carried(record: ReleaseRecord, wiring: FakeWiring) -> set[str]:
    """Name what was carried over."""
    return {one.what for one, _ in evidence_of(record, wiring).carried}


def twice(wiring: FakeWiring, between: Spoil = lambda wiring: None) -> ReleaseRecord:
    """Qualify a version, let something happen, and qualify the same package once more."""
    assert wiring.qualify(wiring.offer()).state is State.AWAITING_SIGN_OFF
    between(wiring)
    return wiring.qualify(wiring.offer(**RETOLD))


def planted(wiring: FakeWiring) -> ReleaseRecord:
    """Qualify twice; the second time a test fails that nobody has touched."""

    def plant(wiring: FakeWiring) -> None:
        wiring.drawn = 0.01
        wiring.suites.cases["regression", "1.0"] = (
            case("test_regression.py::test_works", hazards=("PAS-001",)),
            case("test_regression.py::test_more", Verdict.FAILED),
        )

    again = twice(wiring, plant)
    wiring.drawn = 0.99
    wiring.suites.cases.clear()
    return again
