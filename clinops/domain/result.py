"""A result of a qualification: what came of one suite, the rehearsal, the comparison, one fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clinops.domain import behaviour, fault_trial, rehearsal
from clinops.domain.comparison import Comparison
from clinops.domain.evidence import COMPARISON, Evidence
from clinops.domain.fault_trial import FaultsTried, FaultTrial
from clinops.domain.finding import Finding, Weight
from clinops.domain.measured import BEHAVIOUR, REHEARSAL, of_fault, of_suite
from clinops.domain.rehearsal import Rehearsal
from clinops.domain.suite import Role, SuiteRun, Verdict

Result = SuiteRun | Rehearsal | Comparison | tuple[FaultTrial, ...] | None
_MOST_LINES = 20


def result_of(evidence: Evidence, what: str) -> Result:
    """Return what evidence holds of a result; none where it holds nothing."""
    if what == REHEARSAL:
        return evidence.rehearsal
    if what == BEHAVIOUR:
        return evidence.comparison
    trials = evidence.faults.trials if evidence.faults else ()
    tried = tuple(trial for trial in trials if of_fault(trial.fault) == what)
    runs = (run for run in evidence.runs if of_suite(run.suite, run.role) == what)
    return tried or next(runs, None)


def files_of(evidence: Evidence, what: str) -> dict[str, str]:
    """Return the evidence files that a result consists of, with their digests."""
    owners = dict(_owners(evidence))
    return {
        name: digest
        for name, digest in evidence.files.items()
        if owners.get(name, _owner(name)) == what
    }


def _owners(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield the names that files of suites and faults have, each with its result."""
    services = {name for images in evidence.images for name in images.services}
    for suite, role in evidence.plan:
        what = of_suite(suite, role)
        yield f"log/{suite}-{role}.txt", what
        yield f"junit/{suite}-{role}.xml", what
        yield from ((f"containers/{suite}-{role}-{service}.log", what) for service in services)
    for fault in evidence.faults.asked if evidence.faults else ():
        for role in Role:
            stem = f"containers/fault-{fault}-{role}"
            yield from ((f"{stem}-{service}.log", of_fault(fault)) for service in services)


def _owner(name: str) -> str:
    if name == COMPARISON or name.startswith("comparison/"):
        return BEHAVIOUR
    return REHEARSAL if name.startswith(("rehearsal/", "containers/rehearsal-")) else ""


def came_out_well(result: Result, what: str) -> bool:
    """Whether nothing about a result, waived or not, would keep a release from passing."""
    if isinstance(result, SuiteRun):
        passed = all(case.verdict is Verdict.PASSED for case in result.cases)
        return result.completed and result.exit_code == 0 and passed
    # Where there are no probes, there is nothing to be compared, and that is all there is to it.
    if result is None:
        return what == BEHAVIOUR
    return all(found.weight is Weight.NOTE for found in _findings(result))


def _findings(result: Rehearsal | Comparison | tuple[FaultTrial, ...]) -> Iterable[Finding]:
    if isinstance(result, Rehearsal):
        return rehearsal.findings(result)
    if isinstance(result, Comparison):
        return behaviour.findings(result)
    asked = tuple(dict.fromkeys(trial.fault for trial in result))
    return fault_trial.findings(FaultsTried(asked=asked, trials=result))


def differences(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    """Say what came out otherwise, by the essence of two results; nothing where both are alike."""
    was, now = dict.fromkeys(before), dict.fromkeys(after)
    lines = [
        *(f"before: {line}" for line in was if line not in now),
        *(f"now: {line}" for line in now if line not in was),
    ]
    more = len(lines) - _MOST_LINES
    return (*lines[:_MOST_LINES], *([f"and {more} more"] if more > 0 else ()))


def essence(result: Result) -> Iterator[str]:
    """Tell what a result comes to, in lines that are the same each time that it does."""
    if result is None:
        yield "there is no result"
    elif isinstance(result, SuiteRun):
        yield f"it ended with {result.exit_code}"
        yield from (f"{case.name} {case.verdict}" for case in result.cases)
        yield from (f"{case.name} verifies {one}" for case in result.cases for one in case.hazards)
    elif isinstance(result, Rehearsal):
        yield from _essence_of_rehearsal(result)
    elif isinstance(result, Comparison):
        yield f"{result.answers} answers to {result.probes} probes"
        yield from (f"{group.subject}, {group.change}" for group in result.groups)
        yield from (f"noise at {one.probe} {one.path}" for one in result.noise)
        yield from _weighty(result)
    else:
        yield from (_essence_of_trial(trial) for trial in result)


def _essence_of_rehearsal(found: Rehearsal) -> Iterator[str]:
    """What decides. Which new records a way back loses is another matter each time."""
    yield f"the upgrade {'works' if found.upgraded else 'fails'}"
    yield f"the way back is {found.way_back}"
    yield from (f"{step.name}: {'failed' if step.problem else 'done'}" for step in found.steps)
    yield from (f"{number} records of {name}" for name, number in found.read.items())
    yield from _weighty(found)


def _essence_of_trial(trial: FaultTrial) -> str:
    came = "survived" if trial.survived else "did not survive"
    return f"{trial.role} {came}{', as far as can be told' if trial.doubt else ''}"


def _weighty(result: Rehearsal | Comparison) -> Iterator[str]:
    """Tell the findings that decide, by what they are about; notes depend on the time it takes."""
    for finding in _findings(result):
        if finding.weight is not Weight.NOTE:
            yield f"{finding.occurrence or finding.kind} ({finding.weight})"
