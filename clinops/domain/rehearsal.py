"""A rehearsal: the way up and the declared way back, carried out on a copy of the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, Literal

from pydantic import Field

from clinops.domain.digest import Digest
from clinops.domain.finding import Finding, Weight
from clinops.domain.value import Value

SHOWN: Final = 200
"""Losses that a rehearsal keeps; of the others only the number."""
_NAMED = 5
_MEND = (
    "The old version may not show what its data still holds. Name an `inventory` program in the "
    "environment's compose.yaml that reads its records through its own interfaces."
)


class WayBack(StrEnum):
    """What came of the declared way back."""

    CLEAN = "clean"
    """Every record is there and reads as before, new ones included."""
    LOSSY = "lossy"
    """The old version works again, without some records or with other contents."""
    UNPROVEN = "unproven"
    """Rows and files are as they should be, but no interface of the old version was asked."""
    IMPOSSIBLE = "impossible"
    """The old version does not work any more, or its records can't be read."""
    NOT_TRIED = "not-tried"
    """The way up failed, so there was nothing to come back from."""


class Step(Value):
    """One thing that was done, as operations would do it at a site."""

    name: str
    seconds: float
    problem: str = ""
    """Why it did not work; text from a vendor: hostile until escaped."""


class Loss(Value):
    """One record that is gone, or reads otherwise than before."""

    collection: str
    record: str
    field: str = ""
    """Empty where the whole record is gone."""
    before: str
    after: str = ""
    new: bool = False
    """Whether it was written after the upgrade, by the candidate."""
    alike: int = Field(default=1, exclude_if=lambda number: number == 1)
    """How many of its sort there are, whether they are kept or not."""


class Gap(Value):
    """Something that could not be found out, through no fault of the candidate's."""

    kind: Literal[
        "replica-never-ready",
        "inventory-failed",
        "inventory-empty",
        "step-unknown",
        "writer-failed",
        "nothing-written",
        "rollback-test-failed-on-both",
    ]
    what: str
    detail: str = ""
    about: str = Field(default="", exclude_if=lambda about: not about)
    """Which of several of its kind it is."""
    stopped: bool = False
    """Whether the rehearsal ended there."""


class Waypoint(Value):
    """One version that was put on the data on the way up."""

    version: str
    image: Digest
    """Of the service under test."""
    command: tuple[str, ...] = ()
    """What the vendor's upgrade path requires there."""


class Rehearsal(Value):
    """What was tried, what was lost, and how long users would be without the system."""

    steps: tuple[Step, ...]
    upgraded: bool
    """Whether the candidate works on the data of the version in use, and its records are read."""
    strategy: Literal["binary", "script", "restore"]
    """The way back that the manifest declares."""
    way_back: WayBack
    losses: tuple[Loss, ...] = ()
    """After the way back; at most 200, of each sort at least one; `lost` has their number."""
    lost: int = 0
    altered: tuple[Loss, ...] = ()
    """What was there before and read otherwise once new data had been written; at most 200."""
    point_of_no_return: str
    """One sentence: from when on the old version can't simply be started again."""
    seconds_up: float
    """Downtime of the upgrade."""
    seconds_back: float | None
    """Downtime of the way back; none where it was not tried or failed."""
    read: dict[str, int] = Field(default_factory=dict)
    """How many records of each collection were read before the upgrade."""
    written: dict[str, int] = Field(default_factory=dict)
    """How many records of each collection the candidate wrote after it."""
    gaps: tuple[Gap, ...] = ()
    path: tuple[Waypoint, ...] = ()
    """What was to be passed, the candidate last; empty where a package was not known."""


def findings(rehearsal: Rehearsal) -> list[Finding]:
    """Find what a person must know of a rehearsal; it follows from the rehearsal alone."""
    return [
        *_of_gaps(rehearsal),
        *_of_the_way_up(rehearsal),
        *_of_writing(rehearsal),
        *_of_the_way_back(rehearsal),
        *_of_losses(rehearsal),
    ]


def shown(losses: Sequence[Loss]) -> tuple[Loss, ...]:
    """Choose the losses that a rehearsal keeps: the first of each sort before its second."""
    ranked = [
        (place, rank, loss, len(sort))
        for rank, sort in enumerate(sorts(losses))
        for place, loss in enumerate(sort[:SHOWN])
    ]
    ranked.sort(key=lambda one: one[:2])
    return tuple(loss.model_copy(update={"alike": number}) for *_, loss, number in ranked[:SHOWN])


def sorts(losses: Sequence[Loss]) -> list[list[Loss]]:
    """Put losses of one cause together, those of what was there before the upgrade first."""

    def cause(loss: Loss) -> tuple[bool, str, str]:
        return loss.new, loss.collection, loss.field

    return [list(found) for _, found in groupby(sorted(losses, key=cause), key=cause)]


def alike(sort: Sequence[Loss]) -> int:
    """Count a sort, with those of it that were not kept."""
    return max(sort[0].alike, len(sort))


def named(sort: Sequence[Loss]) -> str:
    """Name the first records of a sort, and say how many more there are."""
    names = ", ".join(loss.record for loss in sort[:_NAMED])
    more = alike(sort) - _NAMED
    return f"{names} and {more} more" if more > 0 else names


def _of_gaps(rehearsal: Rehearsal) -> Iterator[Finding]:
    for gap in rehearsal.gaps:
        yield _finding(gap.kind, Weight.INCONCLUSIVE, gap.what, gap.detail, about=gap.about)
    ended = any(gap.stopped for gap in rehearsal.gaps)
    if rehearsal.upgraded and rehearsal.way_back is WayBack.NOT_TRIED and not ended:
        what = "the way back was not tried, and nothing says why"
        yield _finding("rollback-not-tried", Weight.INCONCLUSIVE, what)


def _of_the_way_up(rehearsal: Rehearsal) -> Iterator[Finding]:
    if rehearsal.upgraded or any(gap.stopped for gap in rehearsal.gaps):
        return
    step = _failed_step(rehearsal)
    what = f"the upgrade of a copy of the data failed at: {step.name}"
    yield _finding("upgrade-failed", Weight.REFUSES, what, step.problem)


def _of_writing(rehearsal: Rehearsal) -> Iterator[Finding]:
    if not rehearsal.gaps and not any(rehearsal.read.values()):
        what = "no record was read that an upgrade could lose"
        yield _finding("nothing-to-lose", Weight.NOTE, what)
    elif rehearsal.upgraded and not rehearsal.gaps and not any(rehearsal.written.values()):
        what = "nothing new was at stake on the way back: the environment has no writer program"
        yield _finding("no-writer", Weight.NOTE, what)
    for sort in sorts(rehearsal.altered):
        what = f"writing new data on the candidate altered what was there: {_in_words(sort)}"
        yield _finding("written-over", Weight.REFUSES, what, _listed(sort), about=_cause(sort))


def _of_the_way_back(rehearsal: Rehearsal) -> Iterator[Finding]:
    if rehearsal.way_back is WayBack.UNPROVEN:
        what = f"the way back ({rehearsal.strategy}) is not proven: only rows and files were read"
        yield _finding("rollback-unproven", Weight.INCONCLUSIVE, what, _MEND)
    if rehearsal.way_back is not WayBack.IMPOSSIBLE:
        return
    step = _failed_step(rehearsal)
    what = f"the way back ({rehearsal.strategy}) fails at: {step.name}"
    if rehearsal.strategy != "restore":
        what += "; a site would put its backup back, and lose what was written since the upgrade"
    yield _finding("rollback-impossible", _blame(rehearsal), what, step.problem)


def _of_losses(rehearsal: Rehearsal) -> Iterator[Finding]:
    hidden = rehearsal.lost - len(rehearsal.losses)
    foreseen = rehearsal.strategy == "restore"
    if foreseen:
        yield from _of_what_no_backup_holds(rehearsal)
    for sort in sorts(rehearsal.losses):
        what = f"after the way back ({rehearsal.strategy}), {_in_words(sort)}"
        if not sort[0].new:
            weight = _blame(rehearsal)
            yield _finding("rollback-lossy", weight, what, _listed(sort), about=_cause(sort))
        elif not foreseen:
            what += ", written since the upgrade: such a way back is `restore`, and must say so"
            weight = Weight.REFUSES
            yield _finding("rollback-lossy", weight, what, _listed(sort), about=_cause(sort))
    whole = len(sorts(rehearsal.losses)) < SHOWN
    # Of what a backup can't hold it is enough to know the sorts: their number may differ by one.
    expected = foreseen and whole and all(loss.new for loss in rehearsal.losses)
    if hidden > 0 and not expected:
        what = f"{hidden} more losses after the way back are not listed"
        yield _finding("rollback-more-losses", Weight.NOTE if whole else _blame(rehearsal), what)
    if rehearsal.way_back is WayBack.LOSSY and not rehearsal.losses:
        what = "the way back is called lossy, and nothing says what it loses"
        yield _finding("rollback-lossy", Weight.REFUSES, what)


def _of_what_no_backup_holds(rehearsal: Rehearsal) -> Iterator[Finding]:
    """Tell in one line what a restore loses, as users would put it where an interface shows it."""
    new = [sort for sort in sorts(rehearsal.losses) if sort[0].new]
    seen = [sort for sort in new if sort[0].collection in rehearsal.written] or new
    if seen:
        told = ", ".join(f"{alike(sort)} of {sort[0].collection}" for sort in seen)
        what = f"the way back (restore) loses what is written after the upgrade: here {told}"
        detail = "\n".join(f"{_in_words(sort)}\n{_listed(sort)}" for sort in seen)
        yield _finding("rollback-loses-new", Weight.NOTE, what, detail)


def _blame(rehearsal: Rehearsal) -> Weight:
    # What comes out of the backup has never met the candidate: if that does not work, nothing is
    # known about the release.
    return Weight.INCONCLUSIVE if rehearsal.strategy == "restore" else Weight.REFUSES


def _failed_step(rehearsal: Rehearsal) -> Step:
    failed = [step for step in rehearsal.steps if step.problem]
    return failed[-1] if failed else Step(name="a step that is not on record", seconds=0)


def _in_words(sort: Sequence[Loss]) -> str:
    first = sort[0]
    if first.field:
        return f"{first.field} reads otherwise in {first.collection}: {named(sort)}"
    return f"records of {first.collection} are gone: {named(sort)}"


def _cause(sort: Sequence[Loss]) -> str:
    return f"{sort[0].collection}: {sort[0].field or 'gone'}"


def _listed(sort: Sequence[Loss]) -> str:
    return "\n".join(
        f"{loss.record}: before: {loss.before}" + (f"; after: {loss.after}" if loss.field else "")
        for loss in sort[: 2 * _NAMED]
    )


def _finding(kind: str, weight: Weight, what: str, detail: str = "", *, about: str = "") -> Finding:
    return Finding(
        kind=kind,
        weight=weight,
        summary=what[:1].upper() + what[1:],
        detail=detail,
        occurrence=f"{kind}: {about}" if about else kind,
    )
