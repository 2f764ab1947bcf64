"""Promote: from an open gate to live at every site, or back, with the cause on record.

Everything is checked again right before acting. Prefect only carries this out: whether the gate
is open is decided here, from the ledger, the evidence and the estate's protected branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clinops.domain.environment import Environment
from clinops.domain.ledger import Kind
from clinops.domain.manifest import Manifest
from clinops.domain.outcome import State
from clinops.domain.release import Release
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.site import Backup, LiveSystem
from clinops.domain.suite import Verdict
from clinops.errors import ClinOpsError, DeploymentError, RollbackError
from clinops.ports import EstateTree, Stages
from clinops.wiring import Wiring
from flows.gate import Check, check_everything


@dataclass(frozen=True)
class Deployment:
    """Everything that a deployment needs, read from the release's own commit."""

    release: Release
    manifest: Manifest
    environment: Environment
    tree: EstateTree
    images: Mapping[str, str]


def promote_release(release_id: str, wiring: Wiring, stages: Stages) -> State:
    """Promote a release to every site in ring order.

    Returns:
        `live`, `rolled-back`, or the state that the release had where the answer is no.
    """
    record = wiring.release(release_id)
    if record.state in {State.LIVE, State.ROLLED_BACK}:
        stages.progress(1.0, f"{release_id} is {record.state} already: nothing to do")
        return record.state
    with wiring.lease(f"promote:{release_id}"), wiring.lease(f"system:{record.product}"):
        check = stages.run("check everything again", lambda: check_everything(record, wiring))
        if not check.open:
            return _refuse(check, wiring, stages)
        wiring.ledger.append(
            Kind.DEPLOYMENT_STARTED,
            release_id,
            {"sites": list(check.sites), "resume": record.state is State.PROMOTING}
            | {"gate": check.report.json_value() if check.report else {}},
        )
        deployment = _deployment(check, wiring)
        for number, site in enumerate(check.sites):
            stages.progress(number / len(check.sites), f"{release_id}: {site}")
            cause = stages.run(
                f"deploy to {site}",
                lambda site=site: _to_site(deployment, site, wiring),  # type: ignore[misc]
            )
            if cause:
                wiring.ledger.append(Kind.ROLLED_BACK, release_id, {"site": site, "cause": cause})
                stages.report("deployment", f"Rolled back at {site}. The cause is on the ledger.")
                return State.ROLLED_BACK
        wiring.ledger.append(Kind.DEPLOYED, release_id, {"sites": list(check.sites)})
    stages.progress(1.0, f"{release_id}: live")
    return State.LIVE


def _refuse(check: Check, wiring: Wiring, stages: Stages) -> State:
    wiring.ledger.append(Kind.PROMOTION_REFUSED, check.record.id, {"reasons": list(check.refusals)})
    stages.table("gate", [{"why the gate is not open": reason} for reason in check.refusals])
    return check.record.state


def _deployment(check: Check, wiring: Wiring) -> Deployment:
    assert check.evidence is not None  # noqa: S101  # an open check has evidence
    release = check.evidence.release
    tree = wiring.repository.at(release.commit)
    estate = wiring.estate(tree)
    return Deployment(
        release=release,
        manifest=estate.manifest(release.manifest_path),
        environment=estate.environment(release.product),
        tree=tree,
        images=check.evidence.candidate_images(),
    )


def _to_site(deployment: Deployment, site: str, wiring: Wiring) -> str:
    """Back up, deploy, check; on failure roll back. Returns the cause of a rollback, or ``""``."""
    release = deployment.release
    before = next((x for x in wiring.ledger.live(release.product) if x.site == site), None)
    if before is not None and before.release == release.id:
        return ""
    after = LiveSystem(
        product=release.product,
        site=site,
        version=release.version,
        images=dict(deployment.images),
        commit=release.commit,
        release=release.id,
    )
    backup = _back_up(before, release, wiring)
    cause = _deploy_and_check(deployment, after, wiring)
    if not cause:
        wiring.ledger.append(
            Kind.SITE_LIVE,
            release.id,
            {
                "live": after.json_value(),
                "release": release.id,
                "backup": backup.json_value() if backup else None,
            },
        )
        return ""
    _roll_back(deployment, before, backup, cause, wiring)
    return cause


def _back_up(before: LiveSystem | None, release: Release, wiring: Wiring) -> Backup | None:
    if before is None:
        return None
    environment = wiring.estate(wiring.repository.at(before.commit)).environment(before.product)
    return wiring.sites.back_up(before, environment, f"{release.id}-{before.site}")


def _deploy_and_check(deployment: Deployment, after: LiveSystem, wiring: Wiring) -> str:
    system = wiring.sites.deploy(deployment.environment, deployment.images, after)
    if isinstance(system, ReplicaFailure):
        return f"{system.service} never got ready: {system.reason}"
    return _site_check(deployment.environment, system, deployment.tree, wiring)


def _site_check(environment: Environment, system: Replica, tree: EstateTree, wiring: Wiring) -> str:
    for suite in environment.clinops.site_checks:
        run = wiring.suites.run(suite, system, tree)
        failed = [case.name for case in run.cases if case.verdict is not Verdict.PASSED]
        if not run.completed or failed:
            return f"the {suite} suite failed after the deployment: " + (
                ", ".join(failed[:5]) or "it did not run to its end"
            )
    return ""


def _roll_back(
    deployment: Deployment,
    before: LiveSystem | None,
    backup: Backup | None,
    cause: str,
    wiring: Wiring,
) -> None:
    """Carry out the declared strategy, and prove by the old version's suite that it worked."""
    release = deployment.release
    if before is None or backup is None:
        raise DeploymentError(
            f"{release.id} failed at its first site and nothing was there before: {cause}",
            mend="a person must decide; the system is left as it is",
        )
    try:
        problem = _way_back(deployment, before, backup, wiring)
    except ClinOpsError as error:
        problem = error.diagnostics()
    wiring.ledger.append(
        Kind.SITE_ROLLED_BACK,
        release.id,
        {
            "live": before.json_value(),
            "release": release.id,
            "cause": cause,
            "strategy": deployment.manifest.rollback.strategy,
            "backup": backup.json_value(),
            "verified": not problem,
            "problem": problem,
        },
    )
    if problem:
        raise RollbackError(
            f"{before.site}: the rollback of {release.id} failed as well: {problem}",
            mend="a person must act now; the backup is kept",
        )


def _way_back(
    deployment: Deployment,
    before: LiveSystem,
    backup: Backup,
    wiring: Wiring,
) -> str:
    tree = wiring.repository.at(before.commit)
    environment = wiring.estate(tree).environment(before.product)
    rollback = deployment.manifest.rollback
    if rollback.strategy == "script" and rollback.command is not None:
        service = deployment.environment.clinops.under_test
        wiring.sites.execute(before.product, before.site, service, rollback.command)
    if rollback.strategy == "restore":
        wiring.sites.restore(backup, environment)
    system = wiring.sites.deploy(environment, before.images, before)
    if isinstance(system, ReplicaFailure):
        return f"{system.service} never got ready: {system.reason}"
    return _site_check(environment, system, tree, wiring)
