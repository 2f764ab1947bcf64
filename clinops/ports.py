"""The doors to the outside: one Protocol per outside system.

Adapters implement them, fakes in `tests/fakes` implement them too and pass the same contract
tests. Values that cross a door are the domain's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from clinops.domain.advisory import Advisory, AdvisorySource
from clinops.domain.attempt import Attempt
from clinops.domain.board_plan import Problem, Solution
from clinops.domain.course import Course
from clinops.domain.envelope import Envelope, VerifiedEnvelope
from clinops.domain.environment import Environment, FaultName
from clinops.domain.fault_trial import Impossible
from clinops.domain.fold import ReleaseRecord
from clinops.domain.inventory import Inventory
from clinops.domain.ledger import Anchor, Entry, Kind
from clinops.domain.manifest import Package
from clinops.domain.materials import Bill
from clinops.domain.observation import Observation
from clinops.domain.outcome import State
from clinops.domain.probe import ProbeCase
from clinops.domain.replica import Executed, Moved, Replica, ReplicaFailure
from clinops.domain.site import Backup, LiveSystem
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role, SuiteRun
from clinops.domain.urgency import Turn
from clinops.domain.vulnerability import Published

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Clock = Callable[[], dt.datetime]
"""The time now, in UTC, with its zone."""


class EstateTree(Protocol):
    """The files of an estate at one commit (or of a plain folder, for a vendor's own check)."""

    @property
    def commit(self) -> str:
        """40 hex digits, or `worktree` for a folder."""

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raises NotFoundError."""

    def exists(self, path: str) -> bool:
        """Whether there is a file at that path."""

    def paths(self, below: str = "") -> list[str]:
        """Return the paths of all regular files below a folder, sorted. Symlinks are refused."""


class EstateRepository(Protocol):
    """The estate's bare repository. Its protected branch is the only source of policy."""

    def head(self) -> EstateTree:
        """Return the tree at the tip of the protected branch."""

    def at(self, commit: str) -> EstateTree:
        """Return the tree at a commit; raises NotFoundError."""

    def arrived(self) -> dt.datetime | None:
        """Return when the protected branch came to where it is; None where nobody knows."""

    def introduced(self, path: str, commit: str) -> str:
        """Return the last commit that changed a path, looking back from a commit."""

    def contributors(
        self, paths: Sequence[str], commit: str, since: str | None = None
    ) -> frozenset[str]:
        """Return whoever signed a commit that changed one of some files or folders.

        By every name that the key has had: at the commit's first parent and today, good or not.

        Args:
            paths: Files and folders.
            commit: The commit to look back from.
            since: The commit to look back to; none for the whole history.
        """

    def changed(self, paths: Sequence[str], since: str, until: str) -> list[str]:
        """Return the files, sorted, at or below some paths whose bytes differ between two commits.

        No paths, no files. Raises NotFoundError where a commit does not exist.
        """

    def signer_of(self, commit: str) -> str:
        """Return who signed a commit: `vendor:<name>` or `trust:<signer id>`.

        Keys are those known at the commit's first parent, so that a commit can't introduce its
        own signer. Raises RefusedError where no known, valid key signed it.
        """


class Proposals(Protocol):
    """Branches of the estate that hold what is proposed; the pipeline never reads them."""

    def propose(self, branch: str, changes: Mapping[str, bytes | None], message: str) -> None:
        """Put an unsigned commit with these changes on a branch, in place of what was there."""

    def withdraw(self, branch: str) -> None:
        """Remove a branch, if it is there."""

    def tip(self, branch: str) -> str | None:
        """Return the commit of a branch, or None where there is no such branch."""


class Ledger(Protocol):
    """The append-only record. Every write is one transaction."""

    def append(self, kind: Kind, subject: str, body: Mapping[str, Any]) -> Entry:
        """Append and fold. Raises LedgerError where the entry contradicts the record.

        Contradictions: a release known twice, a second verdict, a verdict without a started
        qualification, a deployment started twice at once.
        """

    def head(self) -> Anchor:
        """Return the place of the last entry, which fixes every entry up to it.

        Raises LedgerError where the last entries are missing.
        """

    def entries(self, subject: str | None = None, after: int = 0) -> Iterator[Entry]:
        """Yield entries in order, of one subject or of all, after a sequence number."""

    def release(self, release_id: str) -> ReleaseRecord | None:
        """Return where a release stands."""

    def about(self, release_id: str) -> Iterator[Entry]:
        """Yield the entries about a release in order, those about its sites included."""

    def recent(
        self, subject: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[Entry]:
        """Return the newest entries first, of one subject or of all, before a sequence number.

        The last one's sequence number is what the next page is before.
        """

    def last_sequence(self, subject: str) -> int:
        """Return the sequence number of the last entry of a subject; 0 where there is none."""

    def releases(
        self, product: str | None = None, states: Collection[State] | None = None
    ) -> list[ReleaseRecord]:
        """Return releases, newest first; of one product or all, in some states or any."""

    def live(self, product: str | None = None) -> list[LiveSystem]:
        """Return what is live, by product and site."""

    def problems(self) -> Iterable[str]:
        """Verify the chain, its head and the folded tables; one sentence per problem."""

    def take_lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lease; False where another holder's lease is still alive."""

    def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back."""

    def leases(self) -> dict[str, str]:
        """Return the holders of the leases that are alive now, by lease name."""


class EvidenceStore(Protocol):
    """Content-addressed files."""

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their digest."""

    def get(self, digest: str) -> bytes:
        """Return the bytes; raises EvidenceError where they are missing or altered."""


class Signatures(Protocol):
    """Signatures by people, with keys that ClinOps never holds."""

    def public_key(self, key: str) -> str:
        """Return the public half of a key, `type base64`, without asking for a passphrase.

        Raises BadInputError where there is no such key.
        """

    def sign(self, statement: bytes, key: str) -> Envelope:
        """Sign a statement; may ask the person for a passphrase, a PIN or a touch.

        Raises BadInputError where the key is missing, is no key, or does not sign.
        """

    def verify(self, envelope: Envelope) -> VerifiedEnvelope:
        """Return which key signed what; whose key that is, is the gate's to say.

        Raises RefusedError, with the reason, where the signature does not hold.
        """


class Images(Protocol):
    """Container images, by digest (the image id: the digest of its configuration)."""

    def obtain(self, package: Package, tree: EstateTree, *, name: str) -> str:
        """Pull, load or build a package and return its image id.

        `name` is a local tag that keeps the image. Raises BadInputError where the package is not
        what the manifest pins, EngineError where the engine fails.
        """

    def of_environment(self, environment: Environment, tree: EstateTree) -> dict[str, str]:
        """Return the image id of each service that is not under test, building where needed."""

    def present(self, image: str) -> bool:
        """Whether the engine has exactly this image."""

    def configuration(self, image: str) -> dict[str, str]:
        """Return how an image says that it is run, by which user, with which entrypoint.

        What the image does not set is left out; secrets in its environment are not given away.
        Raises EngineError where the engine fails or has no such image.
        """


class Materials(Protocol):
    """What images are made of."""

    def of_image(self, image: str) -> Bill:
        """Return the bill of materials of an image, listing it now if that was not done before.

        Raises InfrastructureError where it can't be listed, in time or at all.
        """

    def known(self, image: str) -> Bill | None:
        """Return the bill of an image that was listed before; None where there is none."""


class Advisories(Protocol):
    """Advisories that were imported; nothing is ever fetched."""

    def replace(self, source: AdvisorySource, advisories: Iterable[Advisory]) -> None:
        """Put a source in place of what it was before: all of it, or nothing."""

    def sources(self) -> list[AdvisorySource]:
        """Return every source, by name."""

    def about(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], list[Published]]:
        """Return what is published about packages, by ecosystem without release, and name."""

    def of(self, sources: Sequence[str]) -> Iterator[Advisory]:
        """Yield all advisories of some sources."""


class Replicas(Protocol):
    """Isolated, disposable copies of environments."""

    def start(
        self,
        environment: Environment,
        images: Mapping[str, str],
        *,
        product: str,
        version: str,
        role: Role,
        release: str,
        lease: str,
    ) -> AbstractContextManager[Replica | ReplicaFailure]:
        """Start a replica; on leaving the context it is removed, whatever happened.

        A service that never gets ready gives a ReplicaFailure: the product's fault. An engine
        that fails raises EngineError: ours.
        """

    def freeze(
        self, replica: Replica, environment: Environment, key: str, *, lease: str | None
    ) -> Snapshot:
        """Stop a replica cleanly and freeze it as image layers; it is not usable afterwards.

        With a lease the snapshot goes with it; without one it is kept, and found by its key.
        """

    def snapshot(self, key: str) -> Snapshot | None:
        """Return the kept snapshot of a key, and note that it was used; None where it is not."""

    def fork(
        self,
        environment: Environment,
        snapshot: Snapshot,
        *,
        product: str,
        version: str,
        role: Role,
        release: str,
        lease: str,
    ) -> AbstractContextManager[Replica | ReplicaFailure]:
        """Start a replica from a snapshot, otherwise like `start`.

        Its services name the images that the snapshot was made from.
        """

    def move(
        self,
        replica: Replica,
        environment: Environment,
        images: Mapping[str, str],
        *,
        version: str,
        role: Role,
        upgrade: bool,
    ) -> Moved:
        """Put other images on the data of a replica, as a site would.

        What lies where the environment's named volumes are mounted goes with it, nothing else.

        Args:
            replica: What runs now; it is gone afterwards, with its context still its owner.
            environment: The environment of the version to come.
            images: Image ids by service; services whose image stays the same go on.
            version: The version to come.
            role: What it stands for from now on.
            upgrade: Whether to run `x-clinops.upgrade.command` and to wait for `drained`.
        """

    def execute(
        self, replica: Replica, service: str, command: Sequence[str], *, within: float
    ) -> Executed:
        """Run a command inside a service, at most that many seconds."""

    def archive(self, replica: Replica, service: str, path: str) -> Iterator[bytes]:
        """Yield a tar archive of a path inside a service."""

    def collect(self, unused_for: dt.timedelta) -> list[str]:
        """Remove the kept snapshots that nothing has used for so long; name them."""

    def logs(self, replica: Replica) -> dict[str, bytes]:
        """Return the containers' logs by service."""

    def engine(self) -> str:
        """Digest what runs containers: the engine with its parts, the kernel, the machine."""

    def ensure_engine_stayed(self) -> None:
        """Raise EngineError if the engine went away at any time since this object was made."""

    def sweep(self, alive: Callable[[str], bool]) -> list[str]:
        """Remove every container and network of replicas whose lease is not alive; name them."""


class Suites(Protocol):
    """Test suites, each run in a process of its own."""

    def ready(self) -> AbstractContextManager[None]:
        """Be ready to start suites and programs at once, for as long as the context lasts."""

    def run(
        self, suite: str, replica: Replica, tree: EstateTree, *, beside: Sequence[Replica] = ()
    ) -> SuiteRun:
        """Run `test_suites/<product>/<suite>` of a tree on a replica, split over more alike."""

    def seed(self, program: str, replica: Replica, tree: EstateTree) -> None:
        """Run `environments/<product>/<program>`; raises SeedError."""

    def run_program(self, program: str, replica: Replica, tree: EstateTree) -> bytes:
        """Run a program as `seed` does; return the file that it may leave at `CLINOPS_RESULT`.

        Raises SeedError where it fails.
        """

    def attempt(
        self,
        program: str,
        replica: Replica,
        tree: EstateTree,
        *,
        within: float,
        noticed: Callable[[], None],
    ) -> Attempt:
        """Run a program that may fail; return what it has left at `CLINOPS_RESULT` all the same.

        `noticed` is called once, while it runs, as soon as it has left anything there.
        """

    def stop(self) -> None:
        """End every suite and seed that runs, and start no more; whoever waits goes on."""


class SiteSystems(Protocol):
    """Products as they run at sites, with their data in named volumes."""

    def running(self, product: str, site: str) -> Replica | None:
        """Describe what runs at a site now, for checks; None where nothing does."""

    def deploy(
        self,
        environment: Environment,
        images: Mapping[str, str],
        live: LiveSystem,
        *,
        upgrade: bool = False,
    ) -> Replica | ReplicaFailure:
        """Replace what runs at a site, keeping its data; idempotent.

        An upgrade runs `x-clinops.upgrade.command` on the data before the start.
        """

    def back_up(self, live: LiveSystem, environment: Environment, name: str) -> Backup:
        """Stop the system and copy its volumes; the same name twice returns the first backup."""

    def execute(self, product: str, site: str, service: str, command: Sequence[str]) -> None:
        """Run a vendor's command inside a service; raises DeploymentError unless it exits 0."""

    def restore(self, backup: Backup, environment: Environment) -> None:
        """Stop the system and put the data of a backup back."""


class Orchestrator(Protocol):
    """The flow server, as far as anything but flows needs it."""

    def create_run(
        self,
        deployment: str,
        *,
        name: str,
        key: str,
        parameters: Mapping[str, Any],
        turn: Turn | None = None,
    ) -> str:
        """Create a flow run once per idempotency key and return its id.

        Args:
            deployment: `flow/deployment`.
            name: What operations read.
            key: One that still waits is moved to its turn, one that goes on is left alone.
            parameters: The flow's.
            turn: Where it stands among those that wait; without one, behind them.
        """

    def run_link(self, run_id: str) -> str:
        """Return the address of a run in the UI."""

    def mark_crashed(self, alive: Callable[[str], bool]) -> list[str]:
        """Mark running flow runs crashed whose release has no lease alive; return their names."""


class Notifier(Protocol):
    """Messages to people. They only point at what the ledger says: the gate knows nothing of them.

    Somebody without an address is no error: what was due is on the ledger, and on the pages.
    """

    def notify(self, whom: str, title: str, text: str, link: str) -> None:
        """Send a message to whoever holds a role, or to a person, by id.

        Raises InfrastructureError where it was sent and nobody whom it is for got it.
        """


class Planner(Protocol):
    """Chooses what to do, out of more than can be done."""

    def solve(self, problem: Problem) -> Solution:
        """Choose within capacity: of tier after tier the most value, then the fewest fixes.

        Raises InfrastructureError where nothing was found in time.
        """


class Traces(Protocol):
    """What happened when, for a collector of traces; nothing depends on its arrival."""

    def export(self, course: Course, record: ReleaseRecord) -> None:
        """Send one run of a release; never raises for what is wrong with the collector."""


class Pending(Protocol[T_co]):
    """A stage that was begun."""

    def result(self) -> T_co:
        """Wait for its end, and return what came of it or raise its error."""


class Begin(Protocol):
    """Begins a stage that runs beside what was begun before."""

    def __call__(self, name: str, stage: Callable[[], T], /) -> Pending[T]:
        """Begin a stage under a name that operations can read."""


class Stages(Protocol):
    """Runs the stages of a flow: a Prefect task each, or a plain call with a progress line."""

    @property
    def created(self) -> dt.datetime | None:
        """When the flow run was created; none where no flow server had a part in it."""

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Run one stage under a name that operations can read."""

    def beside(self) -> AbstractContextManager[Begin]:
        """Begin stages that run beside each other, each with the call that the context gives.

        On leaving the context all have ended, and the first error of any is raised.
        """

    def progress(self, fraction: float, text: str) -> None:
        """Report progress, 0 to 1."""

    def report(self, key: str, markdown: str) -> None:
        """Leave a markdown artifact. Foreign text in it is escaped by the caller."""

    def table(self, key: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Leave a table artifact."""

    def link(self, key: str, address: str, text: str) -> None:
        """Leave a link artifact."""


class Inventories(Protocol):
    """What systems hold, read record by record: nothing else proves that nothing was lost."""

    def read(self, replica: Replica, environment: Environment, tree: EstateTree) -> Inventory:
        """Read everything that a replica holds, without changing it.

        Three sources: the environment's inventory program, the tables of its databases, the
        files of its volumes. What an environment has none of is left out.

        Raises BadInputError where the program's result is none, InfrastructureError (SeedError
        for the program) where something could not be read. Whose fault that is, only the caller
        knows: with the engine still there, the system's.
        """


class ProbeSession(Protocol):
    """Questions to one replica, over connections that are kept between them."""

    def run(self, case: ProbeCase) -> Observation:
        """Ask once, and observe; never raises for what a system does or fails to do.

        An error that the system answers is an answer. No answer at all, one that is too long to
        be compared, or none in time, is an observation with a `problem`.
        """


class Probes(Protocol):
    """Asks replicas what a product's probes ask."""

    def session(
        self, replica: Replica, environment: Environment
    ) -> AbstractContextManager[ProbeSession]:
        """Open a session; on leaving the context its connections are closed.

        One thread at a time uses a session; sessions of several replicas run side by side.
        """


class StagedFault(Protocol):
    """One fault, ready to happen to one replica."""

    @property
    def replica(self) -> Replica | ReplicaFailure:
        """The replica as it was made ready, maybe with other containers than before."""

    def strike(self) -> None:
        """Let it happen, and go on."""

    def mend(self) -> Replica | ReplicaFailure:
        """Take it back, start what has ended, and wait until every service is ready again.

        Addresses may have changed. What never gets ready is the product's fault.
        """


class Faults(Protocol):
    """What goes wrong at sites, done to replicas."""

    def stage(
        self, fault: FaultName, replica: Replica, environment: Environment
    ) -> StagedFault | Impossible:
        """Make everything ready that a fault needs, so that it strikes at once.

        Replaces containers where it must: what lies in volumes goes along, nothing else.
        """
