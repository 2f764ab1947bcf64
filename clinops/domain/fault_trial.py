"""Fault trials: what a system loses when something around it breaks while it is written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import Field

from clinops.domain.environment import FaultName
from clinops.domain.excerpt import NOTHING
from clinops.domain.finding import Finding, Weight
from clinops.domain.inventory import Inventory, Source
from clinops.domain.loss import Readings, losses
from clinops.domain.rehearsal import Loss, named, sorts
from clinops.domain.suite import Role
from clinops.domain.value import Value

IN_WORDS: Final[dict[FaultName, str]] = {
    "database-killed": "database killed and started again",
    "paused": "system paused",
    "disk-full": "disk full",
    "network-cut": "network cut between services",
    "clock-skewed": "clock set a day ahead",
    "restarted-in-a-write": "system killed in the middle of a write",
}


class Impossible(Value):
    """A fault that can't be made to happen to this system."""

    why: str


class FaultTrial(Value):
    """One fault on one version: what was acknowledged, and what of it was there afterwards."""

    fault: FaultName
    role: Role
    services: tuple[str, ...]
    """What it happened to."""
    struck: bool = False
    """Whether it did happen: what is not claimed here was not tried."""
    doubt: str = ""
    """Why the trial proves nothing, or not all that it should."""
    reported: bool = False
    """Whether the writer program said which records the system had acknowledged."""
    acknowledged: dict[str, int] = Field(default_factory=dict)
    """Records that the system acknowledged before and while it was struck, by collection."""
    hindered: bool = False
    """Whether the writer program failed meanwhile, as it may: not everything could be written."""
    before: int = 0
    """Records that were there before."""
    losses: tuple[Loss, ...] = ()
    """At most 200; `lost` has their number. `new` are those that the writer wrote."""
    lost: int = 0
    problem: str = ""
    """Why it did not come back; text from a vendor: hostile until escaped."""
    elsewhere: bool = False
    """Whether what did not come back is another service than the one under test."""
    seconds: float | None = None
    """From the end of the fault until every record could be read again."""

    @property
    def survived(self) -> bool:
        """Whether it came back and lost nothing."""
        return not (self.problem or self.lost)


class FaultsTried(Value):
    """Every fault that the environment asks for, and every trial there was."""

    asked: tuple[FaultName, ...]
    trials: tuple[FaultTrial, ...]


def lost(before: Inventory, written: Inventory | None, after: Inventory) -> list[Loss]:
    """Find what is gone or reads otherwise: what was there before, and what was acknowledged.

    Where the system's interfaces are asked, only what they say counts. Of rows and files only
    those that are gone: a system that starts again moves counters and rewrites indexes.
    """
    everything = _together(before, written)
    asked = _programs(everything)
    counts = asked or everything.collections.keys()
    expected = {name: everything.collections[name] for name in counts}
    # What is acknowledged of a record that was there already has to be there as well.
    was = {
        name: expected[name].model_copy(
            update={"records": {key: expected[name].records[key] for key in each.records}}
        )
        for name, each in before.collections.items()
        if name in counts
    }
    old, new = Inventory(collections=was), Inventory(collections=expected)
    found = losses(Readings(old, old, new, after))
    # A writer may report fewer fields than a record has.
    return [
        loss
        for loss in found
        if (asked or not loss.field) and not (loss.new and loss.before == NOTHING)
    ]


def unknown(written: Inventory, *read: Inventory) -> list[str]:
    """Return the collections that a writer reports and no inventory has: nothing can be checked."""
    known = {name for inventory in read for name in _programs(inventory)}
    return sorted(written.collections.keys() - known)


def counted(inventory: Inventory | None) -> dict[str, int]:
    """Count records by collection: as interfaces show them, where they are asked."""
    if inventory is None:
        return {}
    names = _programs(inventory) or set(inventory.collections)
    sizes = {name: len(inventory.collections[name].records) for name in sorted(names)}
    return {name: size for name, size in sizes.items() if size}


def findings(tried: FaultsTried) -> list[Finding]:
    """Find what a person must know; it follows from the trials alone.

    What happens to the version in use as well says nothing about the release.
    """
    return [finding for fault in tried.asked for finding in _of_fault(fault, tried.trials)]


def _of_fault(fault: FaultName, trials: Sequence[FaultTrial]) -> Iterator[Finding]:
    candidate, baseline = (
        next((one for one in trials if (one.fault, one.role) == (fault, role)), None)
        for role in (Role.CANDIDATE, Role.BASELINE)
    )
    if candidate is None or not (candidate.struck or candidate.doubt or candidate.problem):
        what = "was not tried on the candidate"
        yield _finding("fault-not-tried", Weight.INCONCLUSIVE, fault, what)
        return
    if candidate.doubt:
        kind = "fault-proves-nothing" if candidate.struck else "fault-not-tried"
        said = "proves nothing" if candidate.struck else "was not tried on the candidate"
        yield _finding(kind, Weight.INCONCLUSIVE, fault, f"{said}: {candidate.doubt}")
    elif not candidate.reported:
        what = "only what was there before is known to be kept: the writer reports nothing"
        yield _finding("fault-unreported", Weight.NOTE, fault, what)
    if candidate.problem:
        yield _not_back(candidate, baseline)
    for sort in sorts(candidate.losses):
        yield _gone(sort, candidate, baseline)
    if candidate.lost and not candidate.losses:
        what = "records are lost, and nothing says which"
        yield _finding("fault-loses", Weight.REFUSES, fault, what)


def _not_back(candidate: FaultTrial, baseline: FaultTrial | None) -> Finding:
    both = baseline is not None and bool(baseline.problem)
    what = "the system did not come back" + _on_both(both)
    weight = Weight.INCONCLUSIVE if both or candidate.elsewhere else Weight.REFUSES
    return _finding("fault-not-survived", weight, candidate.fault, what, candidate.problem)


def _gone(sort: Sequence[Loss], candidate: FaultTrial, baseline: FaultTrial | None) -> Finding:
    first = sort[0]
    both = baseline is not None and (
        bool(baseline.problem) or any(_cause(loss) == _cause(first) for loss in baseline.losses)
    )
    which = "acknowledged records" if first.new else "records"
    how = f"of {first.collection} are gone"
    if first.field:
        how = f"of {first.collection} read otherwise ({first.field})"
    return _finding(
        "fault-loses",
        Weight.INCONCLUSIVE if both else Weight.REFUSES,
        candidate.fault,
        f"{which} {how}: {named(sort)}{_on_both(both)}",
        "\n".join(f"{loss.record}: {loss.before} → {loss.after or 'gone'}" for loss in sort[:20]),
        about=f"{which} of {first.collection}: {first.field or 'gone'}",
    )


def _on_both(both: bool) -> str:
    return "; the version in use does no better" if both else ""


def _cause(loss: Loss) -> tuple[bool, str, str]:
    return loss.new, loss.collection, loss.field


def _finding(
    kind: str, weight: Weight, fault: FaultName, what: str, detail: str = "", *, about: str = ""
) -> Finding:
    words = IN_WORDS[fault]
    return Finding(
        kind=kind,
        weight=weight,
        summary=f"{words[:1].upper()}{words[1:]}: {what}",
        detail=detail,
        occurrence=f"{kind}: {fault}" + (f": {about}" if about else ""),
    )


def _programs(inventory: Inventory) -> set[str]:
    found = inventory.collections
    return {name for name, each in found.items() if each.source is Source.PROGRAM}


def _together(before: Inventory, written: Inventory | None) -> Inventory:
    """Add what was acknowledged to what was there; a field that is not reported stays."""
    collections = dict(before.collections)
    for name, new in (written.collections if written else {}).items():
        there = collections.get(name, new)
        records = {key: {**there.records.get(key, {}), **new.records[key]} for key in new.records}
        merged = {"records": {**there.records, **records}}
        collections[name] = there.model_copy(update=merged)
    return Inventory(collections=collections)
