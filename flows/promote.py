"""Promote: from an open gate to live at every site, or back, with the cause on record.

Everything is checked again right before acting. Prefect only carries this out: whether the gate
is open is decided here, from the ledger, the evidence and the estate's protected branch.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from clinops.adapters.leases import HeldLease
from clinops.adapters.timed_stages import TimedStages
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.release import Release
from clinops.errors import DeploymentError, LedgerError, RollbackError
from clinops.ports import Stages
from clinops.wiring import Wiring
from flows.board import close_after
from flows.gate import Check, audit, check_everything, line_stop
from flows.site import Setback, bring_back, deployment_of, to_site
from flows.tracing import trace

GAVE_UP: Final = "the gate did not hold any more"
"""How the cause begins where what was begun is brought back because of the trust's own rules."""


def promote_release(release_id: str, wiring: Wiring, stages: Stages) -> State:
    """Promote a release to every site in ring order, or go on with a promotion that a crash ended.

    Returns:
        `live`, `rolled-back`, or the state that the release had where the answer is no.

    Raises:
        RollbackError: The way back failed as well; a person must act.
        LedgerError: It is on file as live, but the ledger does not hold.
        InfrastructureError: Something outside failed; the next run goes on from here.
    """
    stages = TimedStages(stages, wiring.clock)
    named = wiring.release(release_id)
    with wiring.lease(f"promote:{named.id}") as lease, wiring.lease(f"system:{named.product}"):
        # What was read before the lease was held may be out of date.
        record = wiring.release(named.id)
        # Somebody who edits the table of states must not be told that they deployed something.
        if record.state in {State.LIVE, State.ROLLED_BACK} and not audit(wiring):
            stages.progress(1.0, f"{record.id} is {record.state} already: nothing to do")
            close_after(wiring, stages)
            return record.state
        if setback := _on_record(record, wiring):
            return _come_back(setback, record, wiring, stages)
        # A stop that comes while everything is checked may not be among what was checked.
        seen = wiring.ledger.last_sequence(record.product)
        check = stages.run("check everything again", lambda: check_everything(record, wiring))
        if not check.open:
            return _refuse(check, wiring, stages)
        with wiring.suites.ready():
            setback = _to_sites(check, seen, wiring, stages, lease)
        if setback:
            return _come_back(setback, record, wiring, stages)
        timeline = stages.timeline().json_value()
        deployed = wiring.ledger.append(
            Kind.DEPLOYED, record.id, {"sites": list(check.sites), "timeline": timeline}
        )
    stages.progress(1.0, f"{record.id}: live")
    trace(deployed, wiring)
    close_after(wiring, stages)
    return State.LIVE


def _to_sites(
    check: Check, seen: int, wiring: Wiring, stages: Stages, lease: HeldLease
) -> Setback | None:
    """Deploy to one site after the other; stop at the first setback.

    Args:
        check: What the gate was found to be.
        seen: The last entry about the product's documents and line when it was checked.
        wiring: The estate.
        stages: Where progress is told.
        lease: What keeps others from promoting the release.
    """
    assert check.evidence is not None  # noqa: S101  # an open check has evidence
    assert check.report is not None  # noqa: S101  # and a report
    release_id = check.record.id
    start = {
        "sites": list(check.sites),
        "resume": check.record.state is State.PROMOTING,
        "gate": check.report.json_value(),
    }
    wiring.ledger.append(Kind.DEPLOYMENT_STARTED, release_id, start)
    deployment = deployment_of(check.evidence.release, wiring, check.evidence.rehearsal)
    images = check.evidence.candidate_images()
    for number, site in enumerate(check.sites):
        lease.ensure()
        if setback := _stopped(check.record, seen, site, wiring):
            return setback
        stages.progress(number / len(check.sites), f"{release_id}: {site}")
        visit = partial(to_site, deployment, images, site, wiring)
        if setback := stages.run(f"deploy to {site}", visit):
            return setback
    return None


def _stopped(record: ReleaseRecord, seen: int, site: str, wiring: Wiring) -> Setback | None:
    """Return a setback where somebody has stopped the line since: no further site is touched."""
    stop = line_stop(record.product, wiring)
    if stop is None or stop.sequence <= seen:
        return None
    return Setback("", f"{stop.name} stopped the line before {site}, saying: {stop.reason}")


def _refuse(check: Check, wiring: Wiring, stages: TimedStages) -> State:
    record = check.record
    wiring.ledger.append(Kind.PROMOTION_REFUSED, record.id, {"reasons": list(check.refusals)})
    stages.table("gate", [{"why the gate is not open": reason} for reason in check.refusals])
    if record.state is State.LIVE:
        raise LedgerError(
            f"{record.id} is on file as live, but {check.refusals[0]}",
            mend="clinops ledger verify, and look at its sites",
        )
    if record.state is not State.PROMOTING:
        return record.state
    setback = stages.run("bring back what was begun", lambda: _give_up(check, wiring))
    return _come_back(setback, record, wiring, stages)


def _give_up(check: Check, wiring: Wiring) -> Setback:
    """Bring back the site that a crash left half-deployed: it may not go forward any more.

    Sites that the release is live at have passed their check, and keep it.
    """
    record = check.record
    if list(wiring.ledger.problems()):
        raise DeploymentError(
            f"{record.id} is half-deployed, and the ledger that says what was there is broken",
            mend="a person must act now: clinops ledger verify",
        )
    cause = f"{GAVE_UP}: {'; '.join(check.refusals)}"
    deployment = deployment_of(Release.model_validate(record.release), wiring)
    begun = (bring_back(deployment, site, cause, wiring) for site in _begun(record, wiring))
    return next((setback for setback in begun if setback), Setback("", cause))


def _begun(record: ReleaseRecord, wiring: Wiring) -> list[str]:
    """Return the sites of the last start: those of the protected branch may be others by now."""
    starts = [e for e in wiring.ledger.entries(record.id) if e.kind is Kind.DEPLOYMENT_STARTED]
    return [str(site) for site in starts[-1].body["sites"]]


def _on_record(record: ReleaseRecord, wiring: Wiring) -> Setback | None:
    """Return the setback that a crash kept from ending the promotion, if there was one."""
    if record.state is not State.PROMOTING:
        return None
    setbacks = (
        Setback(entry.body["live"]["site"], entry.body["cause"], entry.body["problem"])
        for entry in wiring.ledger.about(record.id)
        if entry.kind is Kind.SITE_ROLLED_BACK
    )
    return next(setbacks, None)


def _come_back(
    setback: Setback, record: ReleaseRecord, wiring: Wiring, stages: TimedStages
) -> State:
    """Record the end of a promotion that did not reach all of its sites, and say so."""
    said = setback.cause
    if setback.problem:
        said += f"; the way back failed as well: {setback.problem}"
    body = {
        "site": setback.site,
        "cause": said,
        "verified": not setback.problem,
        "timeline": stages.timeline().json_value(),
    }
    trace(wiring.ledger.append(Kind.ROLLED_BACK, record.id, body), wiring)
    what = f"Rolled back at {setback.site}" if setback.site else "Ended before the next site"
    stages.report("deployment", f"{what}. The cause is on the ledger.")
    if setback.problem:
        raise RollbackError(
            f"{setback.site}: {record.id} can't be brought back: {said}",
            mend="a person must act now; any backup is kept",
        )
    return State.ROLLED_BACK
