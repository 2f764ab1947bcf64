"""What follows from a signature that was recorded, and what is still missing, in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from clinops.domain.outcome import State
from clinops.domain.signoff import Approval, LineAction, LineOrder, Meaning, SignOff
from clinops.errors import ClinOpsError, InfrastructureError
from clinops.wiring import Wiring
from flows.gate import check_everything, owed_for
from flows.reconcile import schedule_promotion

_log = logging.getLogger(__name__)


def consequences(signed: SignOff | Approval | LineOrder, wiring: Wiring) -> Iterator[str]:
    """Act on a signature as far as the gatehouse does, and say what comes next."""
    if isinstance(signed, Approval):
        yield "Gates that waited for this approval take it into account from now on."
    elif isinstance(signed, LineOrder):
        stopped = signed.action is LineAction.STOP
        yield (
            "No release of it goes live from now on, and what is being deployed goes to no further "
            "site."
            if stopped
            else "Releases whose gate is open go live by themselves within a minute."
        )
    elif signed.meaning is Meaning.REJECTED:
        yield "That is final for this release. The vendor must send another."
    else:
        yield from _after_sign_off(signed, wiring)


def _after_sign_off(sign_off: SignOff, wiring: Wiring) -> Iterator[str]:
    try:
        yield from _next(sign_off, wiring)
    except ClinOpsError as error:
        # The signature is on record: what can't be done now is not to look like its failure.
        _log.warning("after the signature under %s: %s", sign_off.release, error.diagnostics())
        yield f"What comes next can't be told just now: {error}."
        yield "Nothing is lost: the release goes on by itself once its gate is open."


def _next(sign_off: SignOff, wiring: Wiring) -> Iterator[str]:
    release = wiring.release(sign_off.release)
    if release.state in {State.LIVE, State.ROLLED_BACK}:
        owed = owed_for(release, wiring)
        yield from (f"Still owed: {one}." for one in (owed.missing if owed else ()))
        if owed is None or not owed.missing:
            yield "Nothing is owed for this release any more."
        return
    check = check_everything(release, wiring)
    if not check.open:
        yield from (f"Still {why}." for why in check.refusals)
        return
    yield "The gate is open."
    try:
        schedule_promotion(release, wiring)
        yield "The deployment is scheduled; everything is checked once more right before it."
    except InfrastructureError as error:
        yield f"The deployment can't be scheduled just now: {error}."
        yield "Nothing is lost: it is scheduled by itself once the flow server answers."
