"""Reconcile: make the ledger and the flow server agree with the protected branch.

Level-triggered, like a controller: it looks at what is, not at what happened, so that a lost
event costs one interval and never a release. Running it twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from clinops.domain.fold import MAY_FOLLOW, ReleaseRecord
from clinops.domain.ledger import Kind, timestamp
from clinops.domain.manifest import Manifest
from clinops.domain.outcome import State
from clinops.domain.release import Release
from clinops.domain.urgency import Turn
from clinops.errors import BadInputError, ClinOpsError, RefusedError
from clinops.ports import EstateTree
from clinops.wiring import Wiring
from flows.gate import audit, check_everything, contributors_of
from flows.turns import turns

Audited = Callable[[], Sequence[str]]
TurnOf = Callable[[ReleaseRecord], Turn]

_OVERTAKEN = frozenset({State.KNOWN, State.ERRORED, State.INCONCLUSIVE, State.AWAITING_SIGN_OFF})
"""States in which a release that is not what the protected branch has any more is closed."""


@dataclass
class Reconciled:
    """What a reconcile did."""

    known: list[str] = field(default_factory=list)
    """Releases that became known."""
    scheduled: dict[str, str] = field(default_factory=dict)
    """Release → the address of its flow run."""
    problems: list[str] = field(default_factory=list)


def reconcile(wiring: Wiring) -> Reconciled:
    """Append new releases and see to it that each open one has a flow run."""
    done = Reconciled()
    # The audit walks the whole ledger: once is enough, however many releases wait for sign-offs.
    audited, turn_of = cache(lambda: audit(wiring)), turns(wiring)
    estate = wiring.estate(wiring.repository.head())
    for path in estate.manifest_paths():
        with _noted(path, done):
            record = _known(path, wiring, done)
            if record is not None:
                _schedule(_offered(record, wiring), wiring, done, audited, turn_of)
    # What is half-deployed must come to an end, even where its manifest has been overtaken.
    for record in wiring.ledger.releases():
        if record.state is State.PROMOTING and record.id not in done.scheduled:
            with _noted(record.id, done):
                _schedule(record, wiring, done, audited, turn_of)
    return done


@contextmanager
def _noted(what: str, done: Reconciled) -> Iterator[None]:
    """Note an error instead of raising it: one vendor's mistake must not stop the others."""
    try:
        yield
    except BadInputError as error:
        done.problems.append(error.diagnostics())
    except ClinOpsError as error:
        done.problems.append(f"{what}: {error.diagnostics()}")


def _known(path: str, wiring: Wiring, done: Reconciled) -> ReleaseRecord | None:
    """Return the record of the release that a manifest describes; none if it is in use."""
    tree = wiring.repository.head()
    manifest, inputs, release_id = wiring.estate(tree).inputs(path)
    record = wiring.ledger.release(release_id)
    if record is not None:
        return record
    if _is_in_use(manifest, tree, wiring):
        return None
    release = Release(
        id=release_id,
        product=manifest.product,
        vendor=manifest.vendor,
        version=manifest.version,
        commit=tree.commit,
        committer=wiring.repository.signer_of(wiring.repository.introduced(path, tree.commit)),
        contributors=contributors_of(path, tree.commit, wiring),
        manifest_path=path,
        inputs=inputs,
    )
    arrived = wiring.repository.arrived()
    pushed = {"pushed": timestamp(arrived)} if arrived else {}
    deadline = manifest.deadline.isoformat() if manifest.deadline else None
    offers = {"kind": manifest.kind, "deadline": deadline}
    wiring.ledger.append(
        Kind.RELEASE_KNOWN,
        release_id,
        {"release": release.json_value(), "offers": offers, **pushed},
    )
    done.known.append(release_id)
    return wiring.release(release_id)


def _is_in_use(manifest: Manifest, tree: EstateTree, wiring: Wiring) -> bool:
    """Whether all sites have this version, or one is just being adopted: then nobody knows yet."""
    if any(name.startswith(adoption(manifest.product)) for name in wiring.ledger.leases()):
        return True
    sites = wiring.estate(tree).sites().running(manifest.product)
    live = {system.site: system.version for system in wiring.ledger.live(manifest.product)}
    return bool(sites) and all(live.get(site) == manifest.version for site in sites)


def adoption(product: str, site: str = "") -> str:
    """Name the lease of an adoption; without a site, what the names of all of them begin with."""
    return f"adopt:{product}@{site}"


def _offered(record: ReleaseRecord, wiring: Wiring) -> ReleaseRecord:
    """Let a release take the place of those before it; what is being tested goes on to its end."""
    for other in wiring.ledger.releases(record.product, _OVERTAKEN):
        if other.id != record.id:
            wiring.ledger.append(Kind.SUPERSEDED, other.id, {"by": record.id})
    if record.state is not State.SUPERSEDED:
        return record
    why = "its content is on the protected branch again"
    return reopen(record, "reconcile", why, wiring)


def reopen(
    record: ReleaseRecord, who: str, why: str, wiring: Wiring, *, fresh: bool = False
) -> ReleaseRecord:
    """Have an inconclusive or superseded release start over.

    Args:
        record: The release.
        who: Who asks for it.
        why: What has changed.
        wiring: The estate.
        fresh: Whether nothing is carried over; then one that waits for sign-off starts over, too.

    Raises:
        RefusedError: The release is in another state.
    """
    if record.state is State.AWAITING_SIGN_OFF and not fresh:
        raise RefusedError(
            f"{record.id} has qualified: it is only tested again with nothing carried over",
            mend=f"clinops release retry {record.id} --fresh --reason …",
        )
    if record.state not in MAY_FOLLOW[Kind.REOPENED]:
        raise RefusedError(
            f"{record.id} is {record.state}: only what is inconclusive can be tried again",
            mend=f"clinops release show {record.id}",
        )
    body = {"by": who, "why": why, **({"fresh": True} if fresh else {})}
    wiring.ledger.append(Kind.REOPENED, record.id, body)
    return wiring.release(record.id)


def _schedule(
    record: ReleaseRecord, wiring: Wiring, done: Reconciled, audited: Audited, turn_of: TurnOf
) -> None:
    wanted = next_run(record, wiring, audited)
    if wanted is None:
        return
    flow, attempt = wanted
    turn = turn_of(record) if flow == "qualify" else None
    done.scheduled[record.id] = _create(flow, attempt, record, wiring, turn)


def schedule_promotion(record: ReleaseRecord, wiring: Wiring) -> str:
    """Create the promote run of a release whose gate is open; once, however often it is asked."""
    return _create("promote", record.attempt, record, wiring)


def _create(
    flow: str, attempt: int, record: ReleaseRecord, wiring: Wiring, turn: Turn | None = None
) -> str:
    run = wiring.orchestrator.create_run(
        f"{flow}/{flow}",
        name=f"{flow} {record.product} {record.version}",
        key=f"{flow}:{record.id}:{attempt}",
        parameters={"release_id": record.id},
        turn=turn,
    )
    return wiring.orchestrator.run_link(run)


def next_run(
    record: ReleaseRecord, wiring: Wiring, audited: Audited | None = None
) -> tuple[str, int] | None:
    """Say which flow a release needs now, and which attempt that is; none if it waits.

    Args:
        record: The release.
        wiring: The estate.
        audited: Gives what an audit of the ledger found just now, for several releases at once.
    """
    alive = wiring.ledger.leases()
    if record.state is State.KNOWN:
        return "qualify", record.attempt + 1
    if record.state is State.QUALIFYING and f"qualify:{record.id}" not in alive:
        return "qualify", record.attempt + 1
    if record.state is State.ERRORED and wiring.clock() >= retry_at(record):
        return "qualify", record.attempt + 1
    if record.state is State.PROMOTING and f"promote:{record.id}" not in alive:
        return "promote", record.attempt + 1
    if record.state is State.AWAITING_SIGN_OFF:
        problems = audited() if audited else None
        if check_everything(record, wiring, problems).open:
            return "promote", record.attempt
    return None


def retry_at(record: ReleaseRecord) -> dt.datetime:
    """Return when an errored release is taken up again: later with each attempt, within 30 min."""
    wait = min(10 * 2**record.attempt, 1800)
    return dt.datetime.fromisoformat(record.since) + dt.timedelta(seconds=wait)
