"""One site of a promotion: back up, deploy, check, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clinops.domain.environment import Environment
from clinops.domain.fold import live_name
from clinops.domain.ledger import Kind
from clinops.domain.manifest import Manifest
from clinops.domain.rehearsal import Rehearsal, Waypoint
from clinops.domain.release import Release
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.site import Backup, LiveSystem
from clinops.domain.suite import Verdict
from clinops.errors import ClinOpsError
from clinops.ports import EstateTree
from clinops.wiring import Wiring


@dataclass(frozen=True)
class Deployment:
    """Everything that a deployment needs, read from the release's own commit."""

    release: Release
    manifest: Manifest
    environment: Environment
    tree: EstateTree
    path: tuple[Waypoint, ...] = ()
    """The versions that are put on a site's data one after the other, the candidate last."""


@dataclass(frozen=True)
class Before:
    """What was at a site before a deployment: a system and its backup, or nothing."""

    site: str
    live: LiveSystem | None
    backup: Backup | None


@dataclass(frozen=True)
class Setback:
    """Why a release did not stay at a site."""

    site: str
    """Empty where no site had been touched."""
    cause: str
    problem: str = ""
    """What went wrong on the way back as well."""


def deployment_of(
    release: Release, wiring: Wiring, rehearsal: Rehearsal | None = None
) -> Deployment:
    """Read what a release's deployment needs; it goes the way that was rehearsed."""
    tree = wiring.repository.at(release.commit)
    estate = wiring.estate(tree)
    return Deployment(
        release=release,
        manifest=estate.manifest(release.manifest_path),
        environment=estate.environment(release.product),
        tree=tree,
        path=rehearsal.path if rehearsal is not None else (),
    )


def to_site(
    deployment: Deployment, images: Mapping[str, str], site: str, wiring: Wiring
) -> Setback | None:
    """Back up, deploy, check; on failure roll back. Does nothing where the release is live."""
    release = deployment.release
    if _is_live_at(site, release, wiring):
        return None
    after = LiveSystem(
        product=release.product,
        site=site,
        version=release.version,
        images=dict(images),
        commit=release.commit,
        release=release.id,
    )
    before = _back_up(site, release, wiring)
    cause = _deploy_and_check(deployment, after, before, wiring)
    if cause:
        return _roll_back(deployment, before, cause, wiring)
    wiring.ledger.append(
        Kind.SITE_LIVE,
        live_name(after),
        {
            "live": after.json_value(),
            "release": release.id,
            "backup": before.backup.json_value() if before.backup else None,
        },
    )
    return None


def bring_back(deployment: Deployment, site: str, cause: str, wiring: Wiring) -> Setback | None:
    """Roll a site back that a crash left half-deployed; leave one that is whole as it is."""
    release = deployment.release
    if _is_live_at(site, release, wiring) or _is_untouched(site, release, wiring):
        return None
    return _roll_back(deployment, _back_up(site, release, wiring), cause, wiring)


def _live_at(site: str, release: Release, wiring: Wiring) -> LiveSystem | None:
    return next((live for live in wiring.ledger.live(release.product) if live.site == site), None)


def _is_live_at(site: str, release: Release, wiring: Wiring) -> bool:
    live = _live_at(site, release, wiring)
    return live is not None and live.release == release.id


def _is_untouched(site: str, release: Release, wiring: Wiring) -> bool:
    live, system = _live_at(site, release, wiring), wiring.sites.running(release.product, site)
    if live is None or system is None:
        return live is None and system is None
    return system.release != release.id and system.images == live.images


def _back_up(site: str, release: Release, wiring: Wiring) -> Before:
    live = _live_at(site, release, wiring)
    if live is None:
        return Before(site, None, None)
    environment = wiring.estate(wiring.repository.at(live.commit)).environment(live.product)
    # The name makes a second attempt find the first one's backup, not the data it has changed.
    return Before(site, live, wiring.sites.back_up(live, environment, f"{release.id}-{site}"))


def _deploy_and_check(
    deployment: Deployment, after: LiveSystem, before: Before, wiring: Wiring
) -> str:
    """Return why the release can't stay, or ``""``."""
    way = deployment.path if before.live is not None else ()
    try:
        return _pass_through(way[:-1], deployment, after, before, wiring) or _stand_up(
            after,
            deployment.environment,
            deployment.tree,
            wiring,
            upgrade=before.live is not None,
            command=way[-1].command if way else (),
        )
    except ClinOpsError as error:
        # The next run goes on where the engine failed; what would fail again must come back now.
        if error.retryable:
            raise
        return error.diagnostics()


def _pass_through(
    way: Sequence[Waypoint],
    deployment: Deployment,
    after: LiveSystem,
    before: Before,
    wiring: Wiring,
) -> str:
    """Put each version on the data that the vendor says must be passed on the way up."""
    environment = deployment.environment
    if way and before.backup is not None:
        # A crash may have left any of them there: the way begins where it began.
        wiring.sites.restore(before.backup, environment)
    for point in way:
        images = {**after.images, environment.clinops.under_test: point.image}
        passing = after.model_copy(update={"version": point.version, "images": images})
        if problem := _deploy(passing, environment, wiring, upgrade=True, command=point.command):
            return problem
    return ""


def _deploy(
    live: LiveSystem,
    environment: Environment,
    wiring: Wiring,
    *,
    upgrade: bool,
    command: Sequence[str],
) -> str:
    system = wiring.sites.deploy(environment, live.images, live, upgrade=upgrade)
    if isinstance(system, ReplicaFailure):
        return f"{system.service} never got ready: {system.reason}\n{system.log_tail}"
    if system.images != live.images:
        return f"what runs is not what was to be deployed: {system.images}"
    if command:
        wiring.sites.execute(live.product, live.site, environment.clinops.under_test, command)
    return ""


def _stand_up(
    live: LiveSystem,
    environment: Environment,
    tree: EstateTree,
    wiring: Wiring,
    *,
    upgrade: bool = False,
    command: Sequence[str] = (),
) -> str:
    if problem := _deploy(live, environment, wiring, upgrade=upgrade, command=command):
        return problem
    system = wiring.sites.running(live.product, live.site)
    if system is None:
        return f"{environment.clinops.under_test} ended once it was ready"
    return _site_check(environment, system, tree, wiring)


def _site_check(environment: Environment, system: Replica, tree: EstateTree, wiring: Wiring) -> str:
    for suite in environment.clinops.site_checks:
        run = wiring.suites.run(suite, system, tree)
        failed = [case.name for case in run.cases if case.verdict is not Verdict.PASSED]
        if not run.completed or failed:
            return f"the {suite} suite failed after the deployment: " + (
                ", ".join(failed[:5]) or "it did not run to its end"
            )
    return ""


def _roll_back(deployment: Deployment, before: Before, cause: str, wiring: Wiring) -> Setback:
    """Carry out the declared strategy, and prove by the old version's suite that it worked."""
    if before.live is None or before.backup is None:
        return Setback(before.site, cause, "nothing was there before; it is left as it is")
    try:
        problem = _way_back(deployment, before.live, before.backup, wiring)
    except ClinOpsError as error:
        if error.retryable:
            raise
        problem = error.diagnostics()
    wiring.ledger.append(
        Kind.SITE_ROLLED_BACK,
        live_name(before.live),
        {
            "live": before.live.json_value(),
            "release": deployment.release.id,
            "cause": cause,
            "strategy": deployment.manifest.rollback.strategy,
            "backup": before.backup.json_value(),
            "verified": not problem,
            "problem": problem,
        },
    )
    return Setback(before.site, cause, problem)


def _way_back(deployment: Deployment, live: LiveSystem, backup: Backup, wiring: Wiring) -> str:
    """Go the declared way back; where it does not lead there, put the backup back."""
    strategy = deployment.manifest.rollback.strategy
    if strategy == "restore":
        return _restore(live, backup, wiring)
    try:
        problem = _declared_way(deployment, live, wiring)
    except ClinOpsError as error:
        if error.retryable:
            raise
        problem = error.diagnostics()
    return problem and _restore(live, backup, wiring)


def _declared_way(deployment: Deployment, live: LiveSystem, wiring: Wiring) -> str:
    command = deployment.manifest.rollback.command
    if command is not None:
        service = deployment.environment.clinops.under_test
        wiring.sites.execute(live.product, live.site, service, command)
    return _stand_up_again(live, wiring)


def _restore(live: LiveSystem, backup: Backup, wiring: Wiring) -> str:
    environment = wiring.estate(wiring.repository.at(live.commit)).environment(live.product)
    wiring.sites.restore(backup, environment)
    return _stand_up_again(live, wiring)


def _stand_up_again(live: LiveSystem, wiring: Wiring) -> str:
    tree = wiring.repository.at(live.commit)
    return _stand_up(live, wiring.estate(tree).environment(live.product), tree, wiring)
