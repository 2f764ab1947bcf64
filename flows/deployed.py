"""The flows as Prefect runs them: `prefect.yaml` points here.

Each wraps a function of the story and ends in a state named for the outcome. The estate is the
worker's (`CLINOPS_ESTATE`) and no parameter: a run that is created by hand is still judged by it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State as PrefectState
from prefect.states import Completed, Failed

from clinops.adapters.prefect_stages import PrefectStages
from clinops.domain.outcome import State
from clinops.errors import ClinOpsError, LeaseLostError
from clinops.wiring import Wiring, utc_now
from flows import housekeeping as housekeeping_story
from flows import promote as promote_story
from flows import qualify as qualify_story
from flows import reconcile as reconcile_story

_NAMES = {
    State.AWAITING_SIGN_OFF: "AwaitingSignOff",
    State.REFUSED: "Refused",
    State.INCONCLUSIVE: "Inconclusive",
    State.LIVE: "Live",
    State.ROLLED_BACK: "RolledBack",
}


@cache
def _wiring() -> Wiring:
    return Wiring(Path(os.environ["CLINOPS_ESTATE"]))


def _stamped(name: str) -> str:
    """Name a run that was made by a schedule or an event, so that operations can tell it."""
    return f"{name} {utc_now():%d %b %H:%M:%S}"


@flow(name="reconcile", flow_run_name=lambda: _stamped("reconcile"))
def reconcile() -> PrefectState:
    """Make ledger and server agree with the protected branch."""
    stages = PrefectStages("reconcile")
    done = stages.run(
        "compare manifests with the ledger", lambda: reconcile_story.reconcile(_wiring())
    )
    for release, address in done.scheduled.items():
        stages.link(f"run-{release}"[:200].replace(".", "-").lower(), address, release)
    text = f"{len(done.known)} new, {len(done.scheduled)} scheduled"
    if done.problems:
        return Failed(name="Problems", message="; ".join(done.problems)[:2000])
    return Completed(name="Reconciled", message=text)


@flow(name="qualify")
def qualify(release_id: str) -> PrefectState:
    """Qualify one release: replicas, suites, evidence, verdict."""
    stages = PrefectStages(release_id, _wiring().suites.stop)
    try:
        record = qualify_story.qualify_release(release_id, _wiring(), stages)
    except LeaseLostError as error:
        return Completed(name="Elsewhere", message=str(error))
    except ClinOpsError as error:
        return Failed(name="Errored", message=error.diagnostics())
    pages = _wiring().settings.gatehouse_address
    stages.link("gate", f"{pages}/releases/{record.id}", f"the gate of {record.id}")
    name = _NAMES.get(record.state, "NothingToDo")
    return Completed(name=name, message=f"evidence {record.evidence}")


@flow(name="promote")
def promote(release_id: str) -> PrefectState:
    """Promote one release, if its gate is open."""
    stages = PrefectStages(release_id, _wiring().suites.stop)
    try:
        state = promote_story.promote_release(release_id, _wiring(), stages)
    except LeaseLostError as error:
        return Completed(name="Elsewhere", message=str(error))
    except ClinOpsError as error:
        return Failed(name="Errored", message=error.diagnostics())
    if state is State.ROLLED_BACK:
        return Failed(name="RolledBack", message="the post-deployment check failed")
    return Completed(name=_NAMES.get(state, "GateClosed") if state is State.LIVE else "GateClosed")


@flow(name="housekeeping", flow_run_name=lambda: _stamped("housekeeping"))
def housekeeping() -> PrefectState:
    """Sweep what a crash left, verify the ledger, remind people."""
    stages = PrefectStages("housekeeping")
    kept = stages.run("sweep, verify, remind", lambda: housekeeping_story.keep_house(_wiring()))
    if kept.ledger_problems:
        return Failed(name="LedgerBroken", message="; ".join(kept.ledger_problems)[:2000])
    if kept.reminded.problems:
        return Failed(name="NotReminded", message="; ".join(kept.reminded.problems)[:2000])
    text = f"{len(kept.removed)} removed, {len(kept.crashed)} runs marked crashed"
    return Completed(name="Tidy", message=f"{text}, {len(kept.reminded.sent)} reminders sent")
