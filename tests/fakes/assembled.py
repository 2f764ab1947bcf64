"""Evidence with a rehearsal and a comparison, put together as a qualification does it."""

from __future__ import annotations

from typing import Any

from clinops.domain.behaviour import differing_behaviour
from clinops.domain.comparison import Comparison
from clinops.domain.difference import Difference
from clinops.domain.digest import canonical
from clinops.domain.evidence import COMPARISON
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.rehearsal import Rehearsal
from clinops.domain.release import Release
from flows.compare import Compared
from flows.evidence import Result, assemble
from flows.qualify import pin
from flows.rehearse import Rehearsed
from flows.replicas import obtain, run_suite
from flows.trials import Trials
from tests.fakes.wiring import FakeWiring


def as_compared(made: Comparison | None) -> Compared:
    """Bring a comparison home as the flow does."""
    if made is None:
        return Compared(None)
    files = {COMPARISON: canonical(made.json_value())}
    return Compared(made, tuple(differing_behaviour(made)), files=files)


def as_rehearsed(made: Rehearsal, *differences: Difference, **more: bytes) -> Rehearsed:
    """Bring a rehearsal home as the flow does, with a log."""
    return Rehearsed(made, differences, None, more, {"candidate-app": b"migrated"})


def assembled(
    wiring: FakeWiring,
    record: ReleaseRecord,
    rehearsed: Rehearsed | None = None,
    compared: Compared | None = None,
) -> Result:
    """Run the suites of an offered release, and assemble evidence of them and of these."""
    release = Release.model_validate(record.release)
    tree = wiring.repository.at(release.commit)
    plan = pin(release, tree, wiring)
    with wiring.bench("0123456789ab:test") as bench:
        obtained = obtain(plan, tree, bench)
        tried = tuple(
            run_suite(which, plan, obtained.images[which[1]], tree, bench) for which in plan.runs
        )
        return assemble(
            plan,
            obtained,
            Trials(tried, rehearsed=rehearsed, compared=compared),
            tree,
            bench,
            started=wiring.clock(),
        )


def qualified_with(
    wiring: FakeWiring,
    rehearsed: Rehearsed | None = None,
    compared: Compared | None = None,
    **manifest: Any,
) -> ReleaseRecord:
    """Offer a version and record the verdict of evidence with this rehearsal and comparison."""
    record = wiring.offer(**manifest)
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, {"attempt": 1, "holder": "test"})
    result = assembled(wiring, record, rehearsed, compared)
    wiring.ledger.append(
        Kind.VERDICT,
        record.id,
        {
            "outcome": result.evidence.outcome.value,
            "evidence": result.evidence.digest,
            "findings": [],
            "junit": dict(result.totals),
            "attempt": 1,
        },
    )
    return wiring.release(record.id)
