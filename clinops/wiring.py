"""The only place that builds adapters.

`Wiring` is a served estate: repository, ledger, evidence, engine. `Bench` is the part of it that
a qualification needs; a vendor's own check has a bench without a ledger.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, TypedDict

from clinops.adapters import leases, settings
from clinops.adapters.estate import Estate
from clinops.adapters.folder import Folder
from clinops.domain.digest import digest_of
from clinops.domain.fold import ReleaseRecord
from clinops.errors import BadInputError, NotFoundError
from clinops.ports import (
    Advisories,
    Clock,
    EstateRepository,
    EstateTree,
    EvidenceStore,
    Faults,
    Images,
    Inventories,
    Ledger,
    Materials,
    Notifier,
    Orchestrator,
    Planner,
    Probes,
    Proposals,
    Replicas,
    Signatures,
    SiteSystems,
    Suites,
    Traces,
)

if TYPE_CHECKING:
    from clinops.adapters.attestations import EngineKey
    from clinops.adapters.git_repository import GitRepository
    from clinops.domain.evidence import Evidence

ENGINE_VERSION = version("clinops")
_COLLECTORS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SECONDS_TO_READ = 120.0
"""For the databases and the volumes of one replica together."""


def _bills() -> Path:
    """Where bills of materials are kept by image: for all estates, as the engine keeps images."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "clinops" / "materials"


def utc_now() -> dt.datetime:
    """Return the time now, in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Bench:
    """What a qualification works with."""

    images: Images
    materials: Materials
    replicas: Replicas
    suites: Suites
    inventories: Inventories
    probes: Probes
    faults: Faults
    evidence: EvidenceStore
    tree_at: Callable[[str], EstateTree]
    lease: str
    """The label of every object that the qualification makes on the engine."""
    clock: Clock = utc_now


class Wiring:
    """A served estate. Adapters are made when they are first asked for: quick commands stay so."""

    def __init__(self, root: Path, clock: Clock = utc_now) -> None:
        self.root = root.resolve()
        self.settings = settings.load(self.root)
        self.clock = clock

    def draw(self) -> float:
        """Draw a number between 0 and 1 that nobody can foresee."""
        return SystemRandom().random()

    def conditions(self) -> dict[str, str]:
        """Digest what ClinOps measures under here, by what it is; the engine's is not in it."""
        from clinops.adapters.conditions import conditions

        limits = {"suite seconds": self.settings.suite_seconds}
        return {**conditions(), "version": digest_of(ENGINE_VERSION), "limits": digest_of(limits)}

    @property
    def repository(self) -> EstateRepository:
        """The bare repository of the estate."""
        return self.git

    @cached_property
    def git(self) -> GitRepository:
        """The same, with what only the hooks ask of it."""
        from clinops.adapters.git_repository import GitRepository

        return GitRepository(self.root / self.settings.repository, self.settings.branch)

    @cached_property
    def proposals(self) -> Proposals:
        """The branches that hold what is proposed."""
        from clinops.adapters.git_proposals import GitProposals

        return GitProposals(self.root / self.settings.repository, self.settings.branch)

    @cached_property
    def ledger(self) -> Ledger:
        """The append-only record."""
        from clinops.adapters.sql_ledger import SqlLedger
        from clinops.adapters.witness import Witness

        state = self.root / "state"
        state.mkdir(mode=0o700, exist_ok=True)
        witness = Witness(state / "witness")
        return SqlLedger(self.settings.database_url(self.root), self.clock, witness)

    @cached_property
    def evidence(self) -> EvidenceStore:
        """The content-addressed files."""
        from clinops.adapters.evidence_files import EvidenceFiles

        return EvidenceFiles(self.root / self.settings.evidence)

    @cached_property
    def engine_key(self) -> EngineKey:
        """The key with which this engine attests what it measured."""
        from clinops.adapters.attestations import EngineKey

        return EngineKey.kept_in(self.root / "state" / "engine-key.pem")

    @cached_property
    def images(self) -> Images:
        """Container images of the local engine."""
        from clinops.adapters.docker_images import DockerImages

        return DockerImages(drop=self.root / self.settings.drop)

    @cached_property
    def materials(self) -> Materials:
        """What images of the local engine are made of."""
        from clinops.adapters.syft import SyftMaterials

        return SyftMaterials(_bills())

    @cached_property
    def advisories(self) -> Advisories:
        """The advisories that were imported."""
        from clinops.adapters.sqlite_advisories import SqliteAdvisories

        return SqliteAdvisories(self.root / "state" / "advisories.sqlite")

    @cached_property
    def replicas(self) -> Replicas:
        """Replicas on the local engine."""
        from clinops.adapters.docker_replicas import DockerReplicas

        return DockerReplicas()

    @cached_property
    def suites(self) -> Suites:
        """Suites, in processes of their own."""
        from clinops.adapters.pytest_suites import PytestSuites

        return PytestSuites(self.evidence, float(self.settings.suite_seconds))

    @cached_property
    def sites(self) -> SiteSystems:
        """The systems at the sites of the protected branch."""
        from clinops.adapters.docker_sites import DockerSites

        sites = self.estate(self.repository.head()).sites().sites
        return DockerSites({name: site.engine for name, site in sites.items()}, self.clock)

    @cached_property
    def signatures(self) -> Signatures:
        """Signing with SSH keys; verifying what SSH keys and passkeys signed."""
        from clinops.adapters.signatures import AnySignatures

        return AnySignatures()

    @cached_property
    def orchestrator(self) -> Orchestrator:
        """The Prefect server."""
        from clinops.adapters.prefect_server import PrefectServer

        return PrefectServer(self.settings.api, self.settings.prefect_auth(self.root))

    @cached_property
    def notifier(self) -> Notifier:
        """Mail, chat or pager, as `clinops.toml` has it."""
        from clinops.adapters.notifications import AppriseNotifier

        return AppriseNotifier(self.settings.notify)

    @cached_property
    def planner(self) -> Planner:
        """What solves which fixes to make."""
        from clinops.adapters.ortools_planner import OrToolsPlanner

        return OrToolsPlanner()

    @cached_property
    def traces(self) -> Traces | None:
        """The collector of traces that the environment names; none where it names none."""
        if not any(map(os.environ.get, _COLLECTORS)):
            return None
        from clinops.adapters.traces import OtlpTraces

        return OtlpTraces(self.settings.estate)

    def estate(self, tree: EstateTree) -> Estate:
        """Read documents out of a tree."""
        return Estate(tree)

    def release(self, name: str) -> ReleaseRecord:
        """Return a release by its id, or by the only prefix of one; raises NotFoundError."""
        record = self.ledger.release(name)
        if record is not None:
            return record
        found = [one for one in self.ledger.releases() if one.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        what = "no release is called" if not found else f"{len(found)} releases start with"
        raise NotFoundError(f"{what} {name}", mend="clinops release list")

    def lease(self, name: str) -> leases.HeldLease:
        """Make a lease on a piece of work, for a `with` block."""
        return leases.HeldLease(self.ledger, name, leases.holder(self.settings.estate))

    def lease_alive(self, label: str) -> bool:
        """Whether the work that labelled an object still goes on.

        Objects of other estates on the same engine are none of this estate's business.
        """
        mine = label.startswith(f"{self.settings.estate}:")
        return not mine or label in self.ledger.leases().values()

    @contextmanager
    def bench(self, lease: str) -> Iterator[Bench]:
        """Make a bench for one qualification; its engine watch ends with the block."""
        from clinops.adapters.docker_faults import DockerFaults
        from clinops.adapters.docker_replicas import DockerReplicas

        with self.suites.ready(), DockerReplicas() as replicas, DockerFaults() as faults:
            yield Bench(
                images=self.images,
                materials=self.materials,
                replicas=replicas,
                suites=self.suites,
                **_readers(self.suites, replicas),
                faults=faults,
                evidence=self.evidence,
                tree_at=self.repository.at,
                lease=lease,
                clock=self.clock,
            )
            replicas.sweep(lambda label: label != lease)


@contextmanager
def local_bench(
    evidence_root: Path, tree_at: Callable[[str], EstateTree], drop: Path
) -> Iterator[Bench]:
    """Make a bench without a ledger: a vendor's own check before pushing."""
    from clinops.adapters.docker_faults import DockerFaults
    from clinops.adapters.docker_images import DockerImages
    from clinops.adapters.docker_replicas import DockerReplicas
    from clinops.adapters.evidence_files import EvidenceFiles
    from clinops.adapters.pytest_suites import PytestSuites
    from clinops.adapters.syft import SyftMaterials

    evidence, lease = EvidenceFiles(evidence_root), leases.holder(leases.LOCAL)
    suites = PytestSuites(evidence, 900.0)
    with suites.ready(), DockerReplicas() as replicas, DockerFaults() as faults:
        # There is no housekeeping here: what an earlier, killed check left is swept now.
        replicas.sweep(leases.local_alive)
        yield Bench(
            images=DockerImages(drop=drop),
            materials=SyftMaterials(_bills()),
            replicas=replicas,
            suites=suites,
            **_readers(suites, replicas),
            faults=faults,
            evidence=evidence,
            tree_at=tree_at,
            lease=lease,
        )
        replicas.sweep(lambda label: label != lease)


class _Readers(TypedDict):
    inventories: Inventories
    probes: Probes


def _readers(suites: Suites, replicas: Replicas) -> _Readers:
    """Make what reads replicas and asks them."""
    from clinops.adapters.inventories import ReplicaInventories
    from clinops.adapters.probes import ReplicaProbes

    return {
        "inventories": ReplicaInventories(suites, replicas, _SECONDS_TO_READ),
        "probes": ReplicaProbes(replicas),
    }


def merged_junit(evidence: Evidence) -> tuple[str, dict[str, int]]:
    """Merge the runs of a release into one JUnit text, with its totals."""
    from clinops.adapters.junit import merged

    text, totals = merged(evidence)
    return text, dict(totals._asdict())


def folder(path: Path) -> EstateTree:
    """Read an estate from a plain folder (a checkout)."""
    if not path.is_dir():
        raise BadInputError(f"{path} is no folder", mend="give the estate with --estate DIR")
    return Folder(path)


def estate_of(tree: EstateTree) -> Estate:
    """Read documents out of a tree."""
    return Estate(tree)


@contextmanager
def checkout_history(checkout: Path, path: str) -> Iterator[list[EstateTree]]:
    """Give the trees of a checkout's history in which a path changed, newest first."""
    import git

    from clinops.adapters.git_repository import GitRepository

    try:
        with git.Repo(checkout) as found:
            commits = [commit.hexsha for commit in found.iter_commits(paths=path)]
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError):
        yield []
        return
    with closing(GitRepository(checkout / ".git")) as repository:
        yield [repository.at(commit) for commit in commits]


def offline_signatures() -> Signatures:
    """Make what verifies signatures without an estate."""
    from clinops.adapters.signatures import AnySignatures

    return AnySignatures()


def served(root: Path) -> bool:
    """Whether a folder is a served estate rather than a plain checkout."""
    return (root / settings.FILE).is_file()
