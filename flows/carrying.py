"""Carrying over: what was measured before of just the same thing is not measured again.

A share of it, drawn at random, is: where that comes out otherwise, something matters that nobody
knows of, and whoever noted it is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

from clinops.domain.evidence import Evidence
from clinops.domain.measured import REHEARSAL, Measured, Origin, of_suite
from clinops.domain.plan import Plan
from clinops.domain.result import differences
from clinops.domain.reuse import may_be_carried
from clinops.domain.suite import Role
from clinops.errors import EvidenceError, PackageError
from clinops.ports import Begin, EstateTree, EvidenceStore, Pending
from clinops.wiring import Bench
from flows.inputs import Inputs, inputs_of
from flows.replicas import Obtained
from flows.results import Came, came_home, essence_of

T = TypeVar("T")


@dataclass(frozen=True)
class Prior:
    """What was measured before, and by which rules it may be carried over."""

    conditions: Inputs
    """What ClinOps itself is made of now."""
    origins: Iterable[Evidence]
    """Evidence that is recent enough, newest first."""
    sampled: Callable[[], bool]
    """Draws whether one result is measured again all the same."""
    note: Callable[[Measured], None]
    """Called at once where that comes out otherwise."""


class _Kept(NamedTuple):
    """A result that could be carried over."""

    origin: Origin
    came: Came


@dataclass(frozen=True)
class _Done(Generic[T]):
    """A stage that need not be begun."""

    came: T

    def result(self) -> T:
        return self.came


@dataclass(frozen=True)
class Carrying:
    """What of one qualification is carried over, and what is measured; of all of it, a record."""

    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    """What every result depends on; empty where nothing is kept track of."""
    kept: Mapping[str, _Kept] = field(default_factory=dict)
    """What is carried over."""
    sampled: Mapping[str, _Kept] = field(default_factory=dict)
    """What could be, and is measured again to be sure."""
    note: Callable[[Measured], None] = lambda _: None
    """Called at once where that comes out otherwise."""
    _measured: dict[str, Measured] = field(default_factory=dict)

    @property
    def measured(self) -> tuple[Measured, ...]:
        """Where each result came from, as far as there are any yet."""
        return tuple(self._measured[what] for what in sorted(self._measured))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be measured."""
        return bool(self.kept) and self.kept.keys() == self.inputs.keys()

    def begin(self, begin: Begin, what: str, name: str, stage: Callable[[], T]) -> Pending[T]:
        """Begin the stage that measures something, unless it is carried over."""
        if what in self.kept:
            return _Done(self.carried(what))
        return begin(name, lambda: self._held(what, stage()))

    def carried(self, what: str) -> Any:
        """Return what is carried over in place of what its stage would come home with."""
        origin, came = self.kept[what]
        self._measured[what] = Measured(what=what, inputs=dict(self.inputs[what]), carried=origin)
        return came

    def _held(self, what: str, came: T) -> T:
        """Hold what was measured against what would have been carried over, and note it."""
        if what in self.inputs:
            found = Measured(what=what, inputs=dict(self.inputs[what]))
            if before := self.sampled.get(what):
                differs = differences(essence_of(before.came), essence_of(came))
                found = found.model_copy(update={"sampled": before.origin, "differs": differs})
                if differs:
                    self.note(found)
            self._measured[what] = found
        return came


NOTHING: Final = Carrying()
"""Nothing is carried over, and nothing kept track of: a vendor's own check has no ledger."""


def carrying(
    prior: Prior, plan: Plan, obtained: Obtained, tree: EstateTree, bench: Bench
) -> Carrying:
    """Find what was measured before of just what this plan is about."""
    if obtained.findings:
        return NOTHING
    try:
        inputs = inputs_of(plan, obtained, tree, bench, prior.conditions)
    except PackageError:
        # The rehearsal says so, in words for a person.
        return NOTHING
    found = dict(_found(inputs, prior.origins, bench.evidence))
    again = {what for what in found if prior.sampled()}
    if not _only_in_use(inputs.keys() - found.keys() | again, plan):
        # What is tried on the upgraded data needs an upgrade.
        again.add(REHEARSAL)
    return Carrying(
        inputs=inputs,
        kept={what: kept for what, kept in found.items() if what not in again},
        sampled={what: kept for what, kept in found.items() if what in again},
        note=prior.note,
    )


def _only_in_use(measured: Iterable[str], plan: Plan) -> bool:
    """Whether nothing is measured but suites on the version in use."""
    return {*measured} <= {of_suite(suite, Role.BASELINE) for suite in plan.suites}


def _found(
    wanted: Mapping[str, Inputs], origins: Iterable[Evidence], store: EvidenceStore
) -> Iterator[tuple[str, _Kept]]:
    missing = set(wanted)
    for evidence in origins:
        for what in sorted(missing):
            theirs = may_be_carried(evidence, what)
            if theirs is None or theirs.inputs != wanted[what]:
                continue
            with suppress(EvidenceError):
                result = came_home(evidence, what, store)
                missing.discard(what)
                origin = Origin(
                    release=evidence.release.id, evidence=evidence.digest, measured=evidence.ended
                )
                yield what, _Kept(origin, result)
        if not missing:
            return
