"""Risk retired: hazards whose residual risk is lower since a release went live, by the hazard logs.

A clinician gives the scores; here the log of the release's commit is held against the log of the
commit that was live before it. What has become worse is told beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from clinops.domain.figure import Figure, Source, Unit, total
from clinops.domain.hazard import Hazard, HazardLog


class Step(NamedTuple):
    """A hazard log before and after a release went live."""

    release: str
    entry: int
    """The entry that says that it is live."""
    before: HazardLog
    after: HazardLog
    asked: Sequence[tuple[str, Sequence[str]]] = ()
    """The requests that asked for the release, each with the hazards that it was to lower."""


class Risk(NamedTuple):
    """What releases did to residual risks, in steps of the risk matrix."""

    retired: Figure
    added: Figure
    unread: tuple[str, ...]
    """Releases of which nobody can tell, as a log before or after can't be read."""

    def told(self) -> dict[str, Any]:
        """Return all of it for programs."""
        unread = [*self.unread]
        return {"retired": self.retired.told(), "added": self.added.told(), "unread": unread}


def risk(steps: Iterable[Step], unread: Iterable[str] = ()) -> Risk:
    """Add up what became less, and what became more; a closed hazard has no risk left.

    Args:
        steps: What went live in place of what.
        unread: Releases whose step can't be read.
    """
    found = [source for step in steps for source in _changed(step)]
    lower = (one._replace(value=-(one.value or 0)) for one in found if (one.value or 0) < 0)
    higher = (one for one in found if (one.value or 0) > 0)
    return Risk(
        total("classes by which residual risks of hazards became lower", Unit.CLASSES, lower),
        total("classes by which they became higher, new hazards included", Unit.CLASSES, higher),
        tuple(unread),
    )


def _changed(step: Step) -> Iterator[Source]:
    before = {hazard.id: _class(hazard) for hazard in step.before.hazards}
    for hazard in step.after.hazards:
        was, now = before.get(hazard.id, 0), _class(hazard)
        if was != now:
            said = f"{hazard.id}, {hazard.name}: class {was or 'none'} → {now or 'closed'}"
            asked = ", ".join(name for name, lowers in step.asked if hazard.id in lowers)
            source = said + (f"; asked for by {asked}" if asked else "")
            yield Source(step.release, now - was, source, (step.entry,))


def _class(hazard: Hazard) -> int:
    return 0 if hazard.status == "closed" else hazard.residual.risk_class
