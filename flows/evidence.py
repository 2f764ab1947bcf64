"""The last stage of a qualification: evidence, and the outcome that it comes to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clinops.domain.digest import canonical
from clinops.domain.evidence import Evidence, Images, compare_runs, decide, missing_runs
from clinops.domain.finding import Finding
from clinops.domain.plan import Plan
from clinops.domain.suite import SuiteRun
from clinops.ports import EstateTree
from clinops.wiring import ENGINE_VERSION, Bench, merged_junit
from flows.replicas import Obtained, Tried


@dataclass(frozen=True)
class Result:
    """What a qualification comes to."""

    evidence: Evidence
    totals: Mapping[str, int]
    """Tests, failures, errors and skipped of the merged JUnit file."""


def assemble(
    plan: Plan,
    obtained: Obtained,
    tried: Sequence[Tried],
    tree: EstateTree,
    bench: Bench,
    *,
    started: dt.datetime,
) -> Result:
    """Store every file, hold candidate against baseline, decide, and bind it all by digest."""
    runs = tuple(one.run for one in tried if one.run is not None)
    findings = (*obtained.findings, *_findings(plan, tried, runs))
    evidence = Evidence(
        release=plan.release,
        baseline_version=plan.baseline.version if plan.baseline else None,
        images=tuple(Images(role=role, services=dict(by)) for role, by in obtained.images.items()),
        plan=plan.runs,
        runs=runs,
        findings=findings,
        outcome=decide(findings, runs),
        files=_files(plan, tried, tree, bench),
        engine=ENGINE_VERSION,
        started=started.isoformat(),
        ended=bench.clock().isoformat(),
    )
    junit, totals = merged_junit(evidence)
    evidence = evidence.model_copy(
        update={"files": {**evidence.files, "junit.xml": bench.evidence.put(junit.encode())}}
    )
    bench.evidence.put(canonical(evidence.json_value()))
    return Result(evidence, totals)


def _findings(plan: Plan, tried: Sequence[Tried], runs: Sequence[SuiteRun]) -> tuple[Finding, ...]:
    found = [finding for one in tried for finding in one.findings]
    return tuple(found + missing_runs(plan.runs, runs) + compare_runs(runs))


def _files(plan: Plan, tried: Sequence[Tried], tree: EstateTree, bench: Bench) -> dict[str, str]:
    product = plan.release.product
    files = {
        "manifest.yaml": bench.evidence.put(tree.read(plan.release.manifest_path)),
    }
    for path in tree.paths(f"environments/{product}"):
        if "/" not in path.removeprefix(f"environments/{product}/"):
            name = path.removeprefix(f"environments/{product}/")
            files[f"environment/{name}"] = bench.evidence.put(tree.read(path))
    for one in tried:
        stem = f"{one.suite}-{one.role}"
        for service, log in one.logs.items():
            files[f"containers/{stem}-{service}.log"] = bench.evidence.put(log)
        if one.run is not None:
            files[f"log/{stem}.txt"] = one.run.log
            if one.run.junit is not None:
                files[f"junit/{stem}.xml"] = one.run.junit
    return files
