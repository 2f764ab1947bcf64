"""How fast seeded systems are forked, and what it costs to ask three of them side by side.

Prints one JSON object a line for each product: how long four forks at once take beside
initialising and seeding one afresh, and 100 probes in lockstep beside the answers of the slowest
replica when it is asked alone. On an engine that does something else at the time, all is slower.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from clinops.domain.comparing import compare
from clinops.domain.plan import Plan
from clinops.domain.probe import ProbeCase
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import EstateTree, ProbeSession
from clinops.wiring import Bench, estate_of, folder, local_bench
from flows.compare import in_lockstep
from flows.local import plan_here
from flows.replicas import forked, obtain, started

HOME = Path(__file__).parents[1]
PRODUCTS = ("orthanc", "gnuhealth")
ROLE = Role.CANDIDATE
"""What the manifest describes, of which it is no matter here whether it is in use."""
FORKS, REPLICAS, PROBES = 4, 3, 100

T = TypeVar("T")


@dataclass(frozen=True)
class _Measured:
    plan: Plan
    tree: EstateTree
    bench: Bench
    images: Mapping[str, str]

    def fresh(self) -> tuple[Snapshot, float]:
        """Initialise and seed a system, time it, and freeze it."""
        begun = time.monotonic()
        with started(self.plan, self.images, ROLE, self.bench) as standing:
            replica = _ready(standing)
            if seed := self.plan.environment.clinops.seed:
                self.bench.suites.seed(seed, replica, self.tree)
            seconds = time.monotonic() - begun
            frozen = self.bench.replicas.freeze(
                replica, self.plan.environment, "0" * 64, lease=self.bench.lease
            )
        return frozen, seconds

    @contextmanager
    def forks(self, snapshot: Snapshot, number: int) -> Iterator[list[tuple[Replica, float]]]:
        """Fork several systems at once, each with the seconds until it was ready."""
        with ExitStack() as stack:

            def one(_: int) -> tuple[Replica, float]:
                fork = forked(self.plan, snapshot, ROLE, self.bench)
                standing, seconds = _timed(lambda: stack.enter_context(fork))
                return _ready(standing), seconds

            with ThreadPoolExecutor(number) as pool:
                ready = list(pool.map(one, range(number)))
            yield ready

    def forking(self, snapshot: Snapshot, fresh: float) -> dict[str, Any]:
        """Time one fork, and several at once."""
        with self.forks(snapshot, 1) as [(_, alone)]:
            pass
        begun = time.monotonic()
        with self.forks(snapshot, FORKS) as ready:
            wall = time.monotonic() - begun
        slowest = max(seconds for _, seconds in ready)
        return {
            "what": f"{FORKS} forks at once",
            "fresh_seconds": round(fresh, 2),
            "one_fork_seconds": round(alone, 2),
            "slowest_fork_seconds": round(slowest, 2),
            "all_forks_seconds": round(wall, 2),
            "one_fork_to_fresh": round(alone / fresh, 3),
            "slowest_fork_to_fresh": round(slowest / fresh, 3),
        }

    def comparing(self, snapshot: Snapshot) -> dict[str, Any]:
        """Time probes on replicas one after the other, then on all in lockstep."""
        estate, product = estate_of(self.tree), self.plan.release.product
        cases = list(itertools.islice(itertools.cycle(estate.probes(product)), PROBES))
        rules, day = estate.noise_rules(product), self.bench.clock().date()
        with self.forks(snapshot, REPLICAS) as ready, ExitStack() as stack:
            probes, environment = self.bench.probes, self.plan.environment
            sessions = [
                stack.enter_context(probes.session(replica, environment)) for replica, _ in ready
            ]
            in_lockstep(cases, sessions)  # caches fill, connections open
            own = [_answers(cases, session) for session in sessions]
            (one, other, offered), lockstep = _timed(lambda: in_lockstep(cases, sessions))
        _, held = _timed(lambda: compare(one, other, offered, rules, day))
        return {
            "what": f"{PROBES} probes of {REPLICAS} replicas",
            "slowest_alone_seconds": round(max(own), 2),
            "lockstep_seconds": round(lockstep, 2),
            "comparing_seconds": round(held, 2),
            "all_to_slowest": round((lockstep + held) / max(own), 2),
        }


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begun = time.monotonic()
    return work(), time.monotonic() - begun


def _answers(cases: Sequence[ProbeCase], session: ProbeSession) -> float:
    """Ask one replica alone; return the seconds that it took for its answers, and no others."""
    return sum(session.run(case).milliseconds for case in cases) / 1000


def _ready(standing: Replica | ReplicaFailure) -> Replica:
    if isinstance(standing, ReplicaFailure):
        raise SystemExit(f"{standing.service} never got ready: {standing.reason}")
    return standing


def measured(product: str, estate: Path) -> Iterator[dict[str, Any]]:
    """Measure one product of a checkout."""
    tree = folder(estate)
    manifest, _ = estate_of(tree).manifest_for(product)
    with tempfile.TemporaryDirectory() as work, plan_here(manifest, estate, tree) as (plan, trees):
        root = Path(work)
        with local_bench(root / "evidence", trees, root / "drop") as bench:
            images = obtain(plan, tree, bench).images[ROLE]
            system = _Measured(plan, tree, bench, images)
            snapshot, fresh = system.fresh()
            name = {"product": product, "version": plan.release.version}
            yield {**name, **system.forking(snapshot, fresh)}
            yield {**name, **system.comparing(snapshot)}


def main() -> None:
    """Measure products and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--product", action="append", help="may be given more than once")
    parser.add_argument("--estate", type=Path, default=HOME, help="a checkout")
    chosen = parser.parse_args()
    for product in chosen.product or PRODUCTS:
        for line in measured(product, chosen.estate):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
