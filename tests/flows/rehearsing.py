"""What the tests of rehearsals share: an estate's rehearsal of one release, and what it tells."""

from __future__ import annotations

from functools import partial
from typing import Any

from clinops.domain.digest import digest_bytes
from clinops.domain.finding import Finding, Weight
from clinops.domain.plan import Plan
from clinops.domain.rehearsal import findings
from clinops.domain.release import Release
from clinops.domain.replica import ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import CaseResult, Role, SuiteRun, Verdict
from clinops.ports import EstateTree
from flows.baseline import steps_to
from flows.qualify import pin
from flows.rehearse import Rehearsed, Upgraded, rehearse_upgrade
from flows.replicas import Tried, obtain
from flows.snapshots import baseline_snapshot
from flows.way_back import rehearse_restore, rehearse_way_back
from tests.fakes.inventories import PATIENTS
from tests.fakes.wiring import FakeWiring

MUELLER, ONEILL = sorted(PATIENTS)
FAILURE = ReplicaFailure(service="app", reason="it exited with code 3", log_tail="can't migrate")


def smoke(*cases: CaseResult, exit_code: int = 0) -> Tried:
    """Make a run of the smoke suite on the version in use, before the upgrade."""
    log = digest_bytes(b"log")
    run = SuiteRun(
        suite="smoke",
        role=Role.BASELINE,
        cases=cases,
        exit_code=exit_code,
        milliseconds=1,
        junit=log if cases else None,
        log=log,
    )
    return Tried("smoke", Role.BASELINE, run, (), {})


def case(verdict: Verdict = Verdict.PASSED, name: str = "test_smoke.py::test_works") -> CaseResult:
    """Make a result of the smoke suite's test."""
    return CaseResult(name=name, verdict=verdict, milliseconds=1)


class Rehearsal:
    """An estate, and the rehearsal of one release on it."""

    def __init__(self, wiring: FakeWiring) -> None:
        self.wiring = wiring
        self.systems = wiring.replicas
        self.suites = wiring.suites
        self.inventories = wiring.inventories
        self.before = [smoke(case())]
        """Runs on the version in use, before the upgrade."""
        with wiring.bench("this run") as bench:
            self.bench = bench

    def planned(self, **changes: Any) -> tuple[Plan, EstateTree]:
        """Offer a release, and plan its qualification."""
        record = self.wiring.offer(**changes)
        release = Release.model_validate(record.release)
        tree = self.wiring.repository.at(release.commit)
        plan = pin(release, tree, self.wiring)
        return plan.model_copy(update={"steps": steps_to(plan.manifest, self.wiring)}), tree

    def goes_up(self, strategy: str = "restore", **changes: Any) -> Upgraded:
        """Rehearse the upgrade to a release, upon a snapshot of the version in use."""
        rollback = {"strategy": strategy}
        if strategy == "script":
            rollback["command"] = ["downgrade", "--to", "1.0"]
        self.plan, self.tree = self.planned(rollback=rollback, **changes)
        obtained = obtain(self.plan, self.tree, self.bench)
        self.images = obtained.images
        snapshot = baseline_snapshot(self.plan, self.images[Role.BASELINE], self.tree, self.bench)
        assert isinstance(snapshot, Snapshot)
        self.snapshot = snapshot
        self.systems.done.clear()
        candidate = self.images[Role.CANDIDATE]
        return rehearse_upgrade(self.plan, snapshot, candidate, self.tree, self.bench)

    def comes_back(self, strategy: str = "restore", **changes: Any) -> Rehearsed:
        """Rehearse the upgrade and the way back; nothing may be left of either."""
        upgraded = self.goes_up(strategy, **changes)
        ways = self.plan, self.snapshot, self.tree, self.bench
        before = partial(list, self.before)
        restore = partial(rehearse_restore, *ways, before=before)
        rehearsed = rehearse_way_back(
            upgraded, *ways, before=before, restored=restore if strategy == "restore" else None
        )
        assert self.systems.present == {}
        return rehearsed


def told(rehearsed: Rehearsed) -> list[tuple[str, Weight]]:
    """Name what was found, and how heavy it is."""
    return [(finding.kind, finding.weight) for finding in findings(rehearsed.rehearsal)]


def the_finding(rehearsed: Rehearsed, kind: str) -> Finding:
    """Return the one finding of a kind."""
    (found,) = [one for one in findings(rehearsed.rehearsal) if one.kind == kind]
    return found


def without(*names: str):
    """Make a change of records that loses some."""
    return lambda records: {key: fields for key, fields in records.items() if key not in names}


def renamed(name: str, to: str):
    """Make a change of records that gives one another name."""
    return lambda records: {**records, name: {**records[name], "name": to}}
