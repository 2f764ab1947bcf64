"""Stages of a qualification that touch containers: obtain images, run a suite on a replica."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from clinops.domain.finding import Finding, Weight
from clinops.domain.plan import Plan
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role, SuiteRun
from clinops.errors import PackageError, SeedError
from clinops.ports import EstateTree
from clinops.wiring import Bench


@dataclass(frozen=True)
class Obtained:
    """Image digests by role and service; without a candidate's where its package is at fault."""

    images: Mapping[Role, Mapping[str, str]]
    findings: tuple[Finding, ...]
    configurations: Mapping[Role, Mapping[str, str]] = field(default_factory=dict)
    """How the images under test say that they are run."""


@dataclass(frozen=True)
class Tried:
    """What came of one suite on one version: a run, or the finding that there could be none."""

    suite: str
    role: Role
    run: SuiteRun | None
    findings: tuple[Finding, ...]
    logs: Mapping[str, bytes]
    """Container logs by service."""


def obtain(plan: Plan, tree: EstateTree, bench: Bench) -> Obtained:
    """Pull, load or build every image."""
    environment = plan.environment
    around = bench.images.of_environment(environment, tree)
    under_test = environment.clinops.under_test
    images: dict[Role, dict[str, str]] = {}
    if plan.baseline is not None:
        images[Role.BASELINE] = {**around, under_test: _baseline_image(plan, bench)}
    try:
        candidate = bench.images.obtain(plan.manifest.package, tree, name=plan.release.id)
    except PackageError as error:
        summary = "the package can't be had as the manifest pins it"
        wrong = fault(Role.CANDIDATE, "package", summary, error.diagnostics())
        return Obtained(images, (wrong,))
    images[Role.CANDIDATE] = {**around, under_test: candidate}
    configurations = {
        role: bench.images.configuration(by_service[under_test])
        for role, by_service in images.items()
    }
    return Obtained(images, (), configurations)


def _baseline_image(plan: Plan, bench: Bench) -> str:
    baseline = plan.baseline
    assert baseline is not None  # noqa: S101  # the caller has checked
    if baseline.image is not None and bench.images.present(baseline.image):
        return baseline.image
    return bench.images.obtain(
        baseline.package,
        bench.tree_at(baseline.commit),
        name=f"{plan.release.product}-{baseline.version}",
    )


def run_suite(
    which: tuple[str, Role],
    plan: Plan,
    images: Mapping[str, str],
    tree: EstateTree,
    bench: Bench,
    *,
    snapshot: Snapshot | None = None,
) -> Tried:
    """Run one suite on a replica of its own. What the product does wrong is a finding.

    Args:
        which: The suite and the version.
        plan: The plan that both belong to.
        images: The version's image digests by service.
        tree: The estate at the release's commit.
        bench: What it is done with.
        snapshot: What to fork; without one, a fresh system is started and seeded.
    """
    suite, role = which
    wanted = plan.environment.clinops.forks.get(suite, 1) if snapshot else 1
    standing = [
        started(plan, images, role, bench)
        if snapshot is None
        else forked(plan, snapshot, role, bench)
        for _ in range(wanted)
    ]
    with side_by_side(standing) as replicas:
        failure = next((one for one in replicas if isinstance(one, ReplicaFailure)), None)
        if failure is not None:
            under_test = plan.environment.clinops.under_test
            finding = never_ready(suite, role, failure, under_test)
            logs = {failure.service: failure.log_tail.encode()}
            tried = Tried(suite, role, None, (finding,), logs)
        else:
            ready = [one for one in replicas if isinstance(one, Replica)]
            tried = _on_replicas(which, plan, ready, tree, bench, seeded=snapshot is not None)
        # A suite fails as well when the engine goes away under it; that is not the product's
        # fault, so nothing above is believed before this has been asked.
        bench.replicas.ensure_engine_stayed()
    return tried


@contextmanager
def side_by_side(
    standing: Sequence[AbstractContextManager[Replica | ReplicaFailure]],
) -> Iterator[list[Replica | ReplicaFailure]]:
    """Start replicas all at once, and remove them so; all are removed, whatever becomes of any."""
    with ExitStack() as unwinding:
        stacks = [unwinding.enter_context(ExitStack()) for _ in standing]
        with ThreadPoolExecutor(len(stacks)) as pool:
            yield list(pool.map(ExitStack.enter_context, stacks, standing))
            list(pool.map(ExitStack.close, stacks))


def forked(
    plan: Plan, snapshot: Snapshot, role: Role, bench: Bench
) -> AbstractContextManager[Replica | ReplicaFailure]:
    """Fork one of the two versions from its snapshot."""
    return bench.replicas.fork(
        plan.environment,
        snapshot,
        product=plan.release.product,
        version=plan.version_of(role),
        role=role,
        release=plan.release.id,
        lease=bench.lease,
    )


def started(
    plan: Plan, images: Mapping[str, str], role: Role, bench: Bench
) -> AbstractContextManager[Replica | ReplicaFailure]:
    """Start one of the two versions afresh, without data."""
    return bench.replicas.start(
        plan.environment,
        images,
        product=plan.release.product,
        version=plan.version_of(role),
        role=role,
        release=plan.release.id,
        lease=bench.lease,
    )


def _on_replicas(
    which: tuple[str, Role],
    plan: Plan,
    replicas: Sequence[Replica],
    tree: EstateTree,
    bench: Bench,
    *,
    seeded: bool,
) -> Tried:
    suite, role = which
    run: SuiteRun | None = None
    findings: tuple[Finding, ...] = ()
    first, *beside = replicas
    try:
        if plan.environment.clinops.seed is not None and not seeded:
            bench.suites.seed(plan.environment.clinops.seed, first, tree)
        run = bench.suites.run(suite, first, tree, beside=beside)
    except SeedError as error:
        findings = (fault(role, "seed-failed", f"could not be seeded for {suite}", str(error)),)
    return Tried(suite, role, run, findings, _logs(replicas, bench))


def _logs(replicas: Sequence[Replica], bench: Bench) -> dict[str, bytes]:
    """Return what each service wrote, on one replica after the other."""
    logs: dict[str, bytes] = {}
    for replica in replicas:
        for service, log in bench.replicas.logs(replica).items():
            logs[service] = logs.get(service, b"") + log
    return logs


def never_ready(purpose: str, role: Role, failure: ReplicaFailure, under_test: str) -> Finding:
    """Say which service never got ready, and for what; whose fault it is decides the weight."""
    summary = f"{failure.service} never got ready for {purpose}: {failure.reason}"
    finding = fault(role, "replica-never-ready", summary, failure.log_tail)
    if failure.service != under_test:
        # The environment's own service (a database) failed: that is not the vendor's doing.
        finding = finding.model_copy(update={"weight": Weight.INCONCLUSIVE})
    return finding


def fault(role: Role, kind: str, summary: str, detail: str) -> Finding:
    """Find fault with the candidate, or find that nothing can be known about it."""
    # Where the version in use fails as well, nothing is known about the release.
    weight = Weight.REFUSES if role is Role.CANDIDATE else Weight.INCONCLUSIVE
    return Finding(kind=kind, weight=weight, summary=f"{role}: {summary}", detail=detail)
