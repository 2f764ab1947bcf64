"""What stages come home with: made of the evidence that holds it, and told by its essence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clinops.domain.behaviour import differing_behaviour
from clinops.domain.evidence import Evidence
from clinops.domain.inventory import Inventory
from clinops.domain.inventory_change import changes, differences
from clinops.domain.measured import BEHAVIOUR, REHEARSAL, of_fault, of_suite
from clinops.domain.result import essence, files_of
from clinops.errors import EvidenceError
from clinops.ports import EvidenceStore
from flows.bundled_evidence import AFTER, BEFORE
from flows.compare import Compared
from flows.faults import FaultTried
from flows.rehearse import Rehearsed
from flows.replicas import Tried

Came = Tried | Rehearsed | Compared | FaultTried | None
"""What a stage that measures something comes home with."""


def came_home(evidence: Evidence, what: str, store: EvidenceStore) -> Came:
    """Make of evidence what the stage that it came from brought home; raises EvidenceError."""
    files = {name: store.get(digest) for name, digest in files_of(evidence, what).items()}
    if what == REHEARSAL:
        return _rehearsed(evidence, files)
    if what == BEHAVIOUR:
        found = evidence.comparison
        if found is None:
            return None
        return Compared(found, tuple(differing_behaviour(found)), files=files)
    for run in evidence.runs:
        if of_suite(run.suite, run.role) == what:
            logs = _logs(files, f"containers/{run.suite}-{run.role}-")
            return Tried(run.suite, run.role, run, (), logs)
    trials = evidence.faults.trials if evidence.faults else ()
    mine = tuple(trial for trial in trials if of_fault(trial.fault) == what)
    return FaultTried(mine, _logs(files, "containers/fault-"))


def _rehearsed(evidence: Evidence, files: Mapping[str, bytes]) -> Rehearsed:
    assert evidence.rehearsal is not None  # noqa: S101  # it came out well
    try:
        before, after = (Inventory.model_validate_json(files[name]) for name in (BEFORE, AFTER))
    except (KeyError, ValueError) as error:
        raise EvidenceError(f"the records before and after it can't be read: {error}") from None
    logs = _logs(files, "containers/rehearsal-")
    others = {name: data for name, data in files.items() if name.startswith("rehearsal/")}
    found = tuple(differences(changes(before, after)))
    return Rehearsed(evidence.rehearsal, found, None, others, logs)


def _logs(files: Mapping[str, bytes], stem: str) -> dict[str, bytes]:
    """Return the logs of containers by the rest of their names."""
    return {
        name.removeprefix(stem).removesuffix(".log"): data
        for name, data in files.items()
        if name.startswith(stem)
    }


def essence_of(came: object) -> Iterator[str]:
    """Tell what a stage came home with, in lines that are the same where it comes to the same."""
    if isinstance(came, Tried):
        yield from essence(came.run)
    elif isinstance(came, Rehearsed):
        yield from essence(came.rehearsal)
        yield from (f"{one.subject}, {one.change}" for one in came.differences)
    elif isinstance(came, Compared):
        yield from essence(came.comparison)
    else:
        yield from essence(came.trials if isinstance(came, FaultTried) else None)
