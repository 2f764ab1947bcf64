"""Qualify: from a pinned release to one digest over everything that was found out about it.

The same function runs inside the Prefect flow (each stage a task) and in `clinops qualify`
(each stage a progress line). It ends in evidence whose outcome is a value; it raises only where
ClinOps itself failed, and then nothing is decided.
"""

from __future__ import annotations

from collections.abc import Mapping

from clinops.adapters.timed_stages import TimedStages
from clinops.domain.finding import Finding
from clinops.domain.fold import MAY_FOLLOW, ReleaseRecord
from clinops.domain.ledger import Entry, Kind
from clinops.domain.measured import told
from clinops.domain.plan import Plan
from clinops.domain.release import Release
from clinops.domain.timeline import Timeline
from clinops.domain.usual import usual_ways
from clinops.errors import ClinOpsError, NotFoundError
from clinops.ports import EstateTree, Stages
from clinops.wiring import Bench, Wiring
from flows.baseline import live_baseline, past_timelines, steps_to
from flows.carrying import NOTHING, Prior, carrying
from flows.evidence import Result, assemble
from flows.listing import listed
from flows.replicas import obtain
from flows.reports import verdict_report, verdict_rows
from flows.reuse import prior_to
from flows.tracing import trace
from flows.trials import on_trial


def qualify(
    plan: Plan, tree: EstateTree, bench: Bench, stages: Stages, prior: Prior | None = None
) -> Result:
    """Run a plan and assemble its evidence.

    Args:
        plan: What is to be done.
        tree: The estate at the release's commit.
        bench: What it is done with.
        stages: Runs the stages.
        prior: What was measured before, and may be carried over; none where there is no ledger.

    Raises:
        InfrastructureError: ClinOps failed (engine, disk); try again later.
    """
    started = bench.clock()
    what = f"{plan.release.product} {plan.release.version}"
    stages.progress(0.05, f"{what}: obtaining images")
    obtained = stages.run("obtain images", lambda: obtain(plan, tree, bench))
    stages.progress(0.2, f"{what}: on trial")
    kept = NOTHING
    if prior is not None:
        look = "look for what was measured before"
        kept = stages.run(look, lambda: carrying(prior, plan, obtained, tree, bench))
    with stages.beside() as begin:
        listing = begin("list what images are made of", lambda: listed(plan, obtained, bench))
        trials = on_trial(plan, obtained, tree, bench, stages, kept)
        made_of = listing.result()
    stages.progress(0.9, f"{what}: assembling evidence")
    return stages.run(
        "assemble evidence",
        lambda: assemble(plan, obtained, trials, tree, bench, started=started, listed=made_of),
    )


def qualify_release(release_id: str, wiring: Wiring, stages: Stages) -> ReleaseRecord:
    """Qualify a release of the ledger and record the verdict.

    One process at a time works on a release (a lease). There is one verdict, unless the release is
    opened again.
    """
    stages = TimedStages(stages, wiring.clock)
    release_id = wiring.release(release_id).id
    with wiring.lease(f"qualify:{release_id}") as lease:
        record = wiring.release(release_id)
        if record.state not in MAY_FOLLOW[Kind.QUALIFICATION_STARTED]:
            stages.progress(1.0, f"{record.id} is {record.state} already: nothing to do")
            return record
        attempt = _record_start(record, wiring, lease.holder)
        try:
            with wiring.bench(lease.holder) as bench:
                prior = prior_to(record, attempt, wiring)
                result = _on_bench(record, wiring, bench, stages, prior)
            attestation = _attest(result, wiring)
        except Exception as error:
            trace(_record_error(error, release_id, wiring, attempt, stages.timeline()), wiring)
            raise
        lease.ensure()
        verdict = _record_verdict(wiring, result, attempt, attestation, stages.timeline())
    report(result, stages)
    trace(verdict, wiring)
    return wiring.release(release_id)


def _on_bench(
    record: ReleaseRecord, wiring: Wiring, bench: Bench, stages: Stages, prior: Prior | None
) -> Result:
    release = Release.model_validate(record.release)
    tree = wiring.repository.at(release.commit)
    plan = stages.run("pin inputs", lambda: pin(release, tree, wiring))
    return qualify(plan, tree, bench, stages, prior)


def pin(release: Release, tree: EstateTree, wiring: Wiring) -> Plan:
    """Read every input at the release's commit and check that it is what the id was made from."""
    estate = wiring.estate(tree)
    manifest, _, found = estate.inputs(release.manifest_path)
    if found != release.id:
        raise NotFoundError(f"commit {release.commit} holds {found}, not {release.id}")
    return Plan(
        release=release,
        manifest=manifest,
        environment=estate.environment(release.product),
        suites=tuple(estate.suites(release.product)),
        baseline=live_baseline(release.product, wiring),
        steps=steps_to(manifest, wiring),
        ways=usual_ways(past_timelines(release.product, wiring)),
    )


def _record_start(record: ReleaseRecord, wiring: Wiring, holder: str) -> int:
    attempt = record.attempt + 1
    wiring.ledger.append(
        Kind.QUALIFICATION_STARTED, record.id, {"attempt": attempt, "holder": holder}
    )
    return attempt


def _record_error(
    error: Exception, release_id: str, wiring: Wiring, attempt: int, timeline: Timeline
) -> Entry:
    reason = error.diagnostics() if isinstance(error, ClinOpsError) else repr(error)
    return wiring.ledger.append(
        Kind.QUALIFICATION_ERRORED,
        release_id,
        {"reason": reason[:4000], "attempt": attempt, "timeline": timeline.json_value()},
    )


def _attest(result: Result, wiring: Wiring) -> dict[str, str]:
    """Sign what was measured, for other tools, and keep it with the key that it verifies with."""
    return {
        "envelope": wiring.evidence.put(wiring.engine_key.attest(result.evidence)),
        "key": wiring.evidence.put(wiring.engine_key.public),
    }


def _record_verdict(
    wiring: Wiring,
    result: Result,
    attempt: int,
    attestation: Mapping[str, str],
    timeline: Timeline,
) -> Entry:
    evidence = result.evidence
    return wiring.ledger.append(
        Kind.VERDICT,
        evidence.release.id,
        {
            "outcome": evidence.outcome.value,
            "evidence": evidence.digest,
            "findings": [_line(finding) for finding in evidence.findings],
            "junit": dict(result.totals),
            "attempt": attempt,
            "attestation": dict(attestation),
            "timeline": timeline.json_value(),
            **({"carried": told(evidence.carried)} if evidence.carried else {}),
        },
    )


def _line(finding: Finding) -> dict[str, str]:
    line = {"kind": finding.kind, "weight": finding.weight.value, "summary": finding.summary}
    return line | ({"waiver": finding.waiver} if finding.waiver else {})


def report(result: Result, stages: Stages) -> None:
    """Leave the verdict where operations look."""
    evidence = result.evidence
    stages.report("verdict", verdict_report(evidence, result.totals, result.materials))
    stages.table("suites", verdict_rows(evidence))
    stages.progress(1.0, f"{evidence.release.id}: {evidence.outcome}")
