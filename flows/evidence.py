"""The last stage of a qualification: evidence, and the outcome that it comes to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from clinops.domain.difference import Difference, declared, differing_images, differing_results
from clinops.domain.digest import canonical
from clinops.domain.evidence import Evidence, Images, decide, findings_from
from clinops.domain.finding import Finding, Weight
from clinops.domain.hazard import HazardLog
from clinops.domain.materials_change import Changes
from clinops.domain.parsing import parse
from clinops.domain.plan import Plan
from clinops.domain.suite import Role, SuiteRun
from clinops.domain.value import Document
from clinops.domain.waiver import Waiver, Waivers
from clinops.errors import BadInputError
from clinops.ports import EstateTree
from clinops.wiring import ENGINE_VERSION, Bench, merged_junit
from flows.compare import Compared
from flows.faults import FaultTried, all_faults
from flows.listing import NOT_LISTED, Listed
from flows.rehearse import Rehearsed
from flows.replicas import Obtained, Tried
from flows.trials import Trials

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Result:
    """What a qualification comes to."""

    evidence: Evidence
    totals: Mapping[str, int]
    """Tests, failures, errors and skipped of the merged JUnit file."""
    materials: Changes | None = None
    """What changed of what the image is made of; none where nobody knows."""


def assemble(
    plan: Plan,
    obtained: Obtained,
    trials: Trials,
    tree: EstateTree,
    bench: Bench,
    *,
    started: dt.datetime,
    listed: Listed = NOT_LISTED,
) -> Result:
    """Store every file, hold candidate against baseline, decide, and bind it all by digest.

    Args:
        plan: What was to be done.
        obtained: The images.
        trials: What came of suites, rehearsal and comparison.
        tree: The estate at the release's commit.
        bench: Where files are kept.
        started: When the qualification began.
        listed: What the images are made of.
    """
    tried, rehearsed, compared = trials.tried, trials.rehearsed, trials.compared
    rehearsal = rehearsed.rehearsal if rehearsed else None
    comparison = compared.comparison if compared else None
    faults = all_faults(plan, trials.faults)
    ended = bench.clock()
    runs = tuple(one.run for one in tried if one.run is not None)
    differences = declared(
        [
            *_differences(obtained, runs),
            *(rehearsed.differences if rehearsed else ()),
            *(compared.differences if compared else ()),
        ],
        plan.manifest.changes,
    )
    waivers, unreadable = _waivers(plan.release.product, tree)
    findings = (
        *obtained.findings,
        *trials.findings,
        *(finding for one in tried for finding in one.findings),
        *findings_from(
            plan.runs,
            runs,
            differences,
            waivers,
            version=plan.release.version,
            day=ended.date(),
            rehearsal=rehearsal,
            comparison=comparison,
            faults=faults,
            measured=trials.measured,
        ),
        *(compared.findings if compared else ()),
        *unreadable,
        *listed.findings,
    )
    evidence = Evidence(
        release=plan.release,
        baseline_version=plan.baseline.version if plan.baseline else None,
        images=tuple(Images(role=role, services=dict(by)) for role, by in obtained.images.items()),
        plan=plan.runs,
        runs=runs,
        findings=findings,
        differences=differences,
        waivers=waivers,
        rehearsal=rehearsal,
        comparison=comparison,
        faults=faults,
        measured=trials.measured,
        outcome=decide(findings, runs),
        files={
            **_files(plan, obtained, tried, tree, bench),
            **{name: bench.evidence.put(data) for name, data in listed.files.items()},
            **_files_beyond_suites(rehearsed, compared, trials.faults, bench),
        },
        engine=ENGINE_VERSION,
        started=started.isoformat(),
        ended=ended.isoformat(),
    )
    junit, totals = merged_junit(evidence)
    evidence = evidence.model_copy(
        update={"files": {**evidence.files, "junit.xml": bench.evidence.put(junit.encode())}}
    )
    bench.evidence.put(canonical(evidence.json_value()))
    return Result(evidence, totals, listed.changes)


def _differences(obtained: Obtained, runs: Sequence[SuiteRun]) -> list[Difference]:
    before, after = (obtained.configurations.get(role) for role in (Role.BASELINE, Role.CANDIDATE))
    found = differing_results(runs)
    if before is not None and after is not None:
        found += differing_images(before, after)
    return found


def _waivers(product: str, tree: EstateTree) -> tuple[tuple[Waiver, ...], tuple[Finding, ...]]:
    """Read the waivers, and note what of them or of the hazard log can't be read.

    A push with such a file is refused, but a vendor's own check of a folder comes here with one.
    """
    home = f"environments/{product}"
    log = _read(f"{home}/hazards.yaml", HazardLog, tree)
    has_waivers = tree.exists(f"{home}/waivers.yaml")
    waivers = _read(f"{home}/waivers.yaml", Waivers, tree) if has_waivers else None
    unreadable = tuple(one for one in (log, waivers) if isinstance(one, Finding))
    return tuple(waivers.waivers) if isinstance(waivers, Waivers) else (), unreadable


def _read(path: str, model: type[D], tree: EstateTree) -> D | Finding:
    try:
        return parse(path, tree.read(path), model)
    except BadInputError as error:
        return Finding(
            kind="unreadable-document",
            weight=Weight.NOTE,
            summary=f"{path} is missing or can't be read, so nothing in it counts",
            detail=error.diagnostics(),
        )


def _files(
    plan: Plan, obtained: Obtained, tried: Sequence[Tried], tree: EstateTree, bench: Bench
) -> dict[str, str]:
    product = plan.release.product
    files = {
        "manifest.yaml": bench.evidence.put(tree.read(plan.release.manifest_path)),
    }
    for path in tree.paths(f"environments/{product}"):
        if "/" not in path.removeprefix(f"environments/{product}/"):
            name = path.removeprefix(f"environments/{product}/")
            files[f"environment/{name}"] = bench.evidence.put(tree.read(path))
    for role, configuration in obtained.configurations.items():
        files[f"image/{role}.json"] = bench.evidence.put(canonical(dict(configuration)))
    for one in tried:
        stem = f"{one.suite}-{one.role}"
        for service, log in one.logs.items():
            files[f"containers/{stem}-{service}.log"] = bench.evidence.put(log)
        if one.run is not None:
            files[f"log/{stem}.txt"] = one.run.log
            if one.run.junit is not None:
                files[f"junit/{stem}.xml"] = one.run.junit
    return files


def _files_beyond_suites(
    rehearsed: Rehearsed | None,
    compared: Compared | None,
    faults: Sequence[FaultTried],
    bench: Bench,
) -> dict[str, str]:
    files = {**(rehearsed.files if rehearsed else {}), **(compared.files if compared else {})}
    for service, log in (rehearsed.logs if rehearsed else {}).items():
        files[f"containers/rehearsal-{service}.log"] = log
    for one in faults:
        files |= {f"containers/fault-{name}.log": log for name, log in one.logs.items()}
    return {name: bench.evidence.put(data) for name, data in files.items()}
