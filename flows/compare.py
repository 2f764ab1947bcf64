"""Compare: two identical baselines and the candidate answer the same probes, side by side.

What the two baselines do differently is noise; what the candidate does beyond that is the vendor's
to have declared. Nothing here decides: it all follows from the comparison, for whoever verifies it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from operator import methodcaller
from statistics import median
from typing import Final

from clinops.domain import comparing
from clinops.domain.behaviour import bounded, differing_behaviour
from clinops.domain.comparison import Comparison
from clinops.domain.difference import Difference
from clinops.domain.digest import canonical
from clinops.domain.evidence import COMPARISON
from clinops.domain.finding import Finding
from clinops.domain.observation import Observation
from clinops.domain.plan import Plan
from clinops.domain.probe import ProbeCase
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.snapshot import Snapshot
from clinops.domain.suite import Role
from clinops.ports import EstateTree, ProbeSession
from clinops.wiring import Bench, estate_of
from flows.measure import SECONDS, measure
from flows.replicas import forked, never_ready, side_by_side

PROPOSED: Final = "comparison/proposed-noise.json"
"""Noise rules that the two baselines suggest, among the evidence files: a person may take them."""

_ASKED_AGAIN: Final = 4
"""How often, where the candidate seems to be much slower."""

_ROLES = (Role.BASELINE, Role.BASELINE, Role.CANDIDATE)


@dataclass(frozen=True)
class Compared:
    """What came of all probes."""

    comparison: Comparison | None
    """None where a fork never got ready: a finding says so."""
    differences: tuple[Difference, ...] = ()
    """Before anybody has looked which of them the vendor declared."""
    findings: tuple[Finding, ...] = ()
    """What does not follow from the comparison itself."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Evidence files by name."""


def compare(
    plan: Plan, baseline: Snapshot, candidate: Snapshot, tree: EstateTree, bench: Bench
) -> Compared | None:
    """Ask three forks everything at once, and hold their answers against each other.

    Args:
        plan: The plan; it has a baseline.
        baseline: The version in use with its data.
        candidate: The version offered, on the same data.
        tree: The estate at the release's commit: probes and noise rules.
        bench: What it is done with.

    Returns:
        The comparison; None where the estate has no probes for the product.

    Raises:
        BadInputError: Probes or noise rules can't be read.
        InfrastructureError: ClinOps failed.
    """
    estate = estate_of(tree)
    cases, rules = estate.probes(plan.release.product), estate.noise_rules(plan.release.product)
    if not cases:
        return None
    snapshots = (baseline, baseline, candidate)
    begun = map(partial(forked, plan), snapshots, _ROLES, repeat(bench))
    with side_by_side(list(begun)) as forks, ExitStack() as stack:
        ready = [fork for fork in forks if isinstance(fork, Replica)]
        if len(ready) < len(forks):
            bench.replicas.ensure_engine_stayed()
            return Compared(None, findings=_never_ready(plan, forks))
        sessions = [
            stack.enter_context(bench.probes.session(replica, plan.environment))
            for replica in ready
        ]
        one, other, offered = asked_again(cases, in_lockstep(cases, sessions), sessions)
        speeds = measure(cases, (one, offered), (sessions[0], sessions[2]))
        # Silence of an engine that went away must not be taken for the product's.
        bench.replicas.ensure_engine_stayed()
    found = comparing.compare(one, other, offered, rules, bench.clock().date())
    patterns = comparing.proposed(one, other) if found.noise else []
    proposed = [pattern.model_dump(mode="json", exclude_none=True) for pattern in patterns]
    comparison = bounded(found).model_copy(
        update={
            "speeds": speeds.measured,
            "unmeasured": speeds.unmeasured,
            "unanswered": (*found.unanswered, *speeds.unanswered),
        }
    )
    return Compared(
        comparison,
        tuple(differing_behaviour(comparison)),
        files={
            COMPARISON: canonical(comparison.json_value()),
            PROPOSED: canonical(proposed),
        },
    )


def _never_ready(plan: Plan, forks: Sequence[Replica | ReplicaFailure]) -> tuple[Finding, ...]:
    told = partial(never_ready, "the comparison")
    under_test = plan.environment.clinops.under_test
    found = [
        told(role, fork, under_test)
        for role, fork in zip(_ROLES, forks, strict=True)
        if isinstance(fork, ReplicaFailure)
    ]
    return tuple(dict.fromkeys(found))


def in_lockstep(
    cases: Sequence[ProbeCase], sessions: Sequence[ProbeSession]
) -> list[list[Observation]]:
    """Ask every probe of all replicas at the same moment, one probe after the other.

    Only when all have answered are they asked the next, so that no replica is ever ahead: what
    depends on the time of day, or on the order of writes, is the same for all. All answers take
    as long as the slowest to each probe, which can't be more than the replicas' times together.

    Returns:
        The observations of each session, in the order of the probes.
    """
    with ThreadPoolExecutor(len(sessions)) as pool:
        rows = [list(pool.map(methodcaller("run", case), sessions)) for case in cases]
    return [list(observations) for observations in zip(*rows, strict=True)]


def asked_again(
    cases: Sequence[ProbeCase],
    answers: Sequence[Sequence[Observation]],
    sessions: Sequence[ProbeSession],
) -> list[list[Observation]]:
    """Ask all three again where the candidate seems to be much slower: one stall is not its speed.

    Returns:
        The same observations; where they were asked again, each has the median of its times. A
        version that then has no answer, or takes too long to be asked so often, keeps its own.
    """
    rows = [list(row) for row in zip(*answers, strict=True)]
    left = SECONDS * 1000
    for case, row in zip(cases, rows, strict=True):
        once = max(each.milliseconds for each in row)
        if any(each.problem for each in row) or not comparing.is_much_slower(*row):
            continue
        if once * _ASKED_AGAIN > left:
            continue
        left -= once * _ASKED_AGAIN
        row[:] = map(_usually, row, in_lockstep([case] * _ASKED_AGAIN, sessions))
    return [list(observations) for observations in zip(*rows, strict=True)]


def _usually(first: Observation, again: Sequence[Observation]) -> Observation:
    if any(each.problem for each in again):
        return first
    times = [each.milliseconds for each in (first, *again)]
    return first.model_copy(update={"milliseconds": median(times)})
