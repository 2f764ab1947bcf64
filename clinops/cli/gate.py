"""`sign`, `reject`, `promote`: the gate from a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, NamedTuple

import typer

from clinops.cli.context import AsJson, Context, Release, next_step, of, print_json, say, show
from clinops.cli.release import follow
from clinops.cli.signing import Key, Reason, Role, Yes, put
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import ChangeType, Meaning
from clinops.errors import BadInputError, ClinOpsError, RefusedError
from clinops.wiring import Wiring
from flows.gate import check_everything, load_evidence, owed_for, prepare_sign_off
from flows.reconcile import schedule_promotion


def register(app: typer.Typer) -> None:
    """Put the commands on the root."""
    app.command()(sign)
    app.command()(reject)
    app.command()(promote)


def sign(
    context: typer.Context,
    release: Release,
    role: Role,
    key: Key,
    reason: Reason,
    *,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HAZARD=REASON",
            help="Accept a hazard that no passing test covers, and say why. Repeatable.",
        ),
    ] = None,
    emergency: Annotated[
        bool,
        typer.Option(
            "--emergency", help="It can't wait for everybody: what is missing is owed afterwards."
        ),
    ] = False,
    site: Annotated[str | None, typer.Option(help="The site that you speak for.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Approve a release: your signature over exactly this evidence.

    After an emergency, this also gives a sign-off that is still owed.

    Example: [bold]clinops sign orthanc-1.12.7 --role clinical-safety-officer
    --key ~/.ssh/id_ed25519 --reason "evidence reviewed, no open hazard"[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    prepare = partial(
        prepare_sign_off,
        record,
        shared.wiring,
        role=role,
        meaning=Meaning.APPROVED,
        reason=reason,
        change=ChangeType.EMERGENCY if emergency else ChangeType.NORMAL,
        accepts=_accepted(accept or ()),
        site=site,
    )
    put(shared, prepare, key=key, yes=yes, also=partial(_to_know, record, shared))
    _tell(shared.wiring.release(record.id), shared, as_json=as_json)


def _accepted(given: Sequence[str]) -> dict[str, str]:
    accepts: dict[str, str] = {}
    for one in given:
        hazard, equals, why = one.partition("=")
        if not equals or hazard in accepts:
            raise BadInputError(
                f"`--accept {one}` names no hazard with its reason, or one twice",
                mend='write it like --accept ORT-001="the archive is read-only until June"',
            )
        accepts[hazard] = why
    return accepts


def _to_know(record: ReleaseRecord, shared: Context) -> list[str]:
    """Say what is no part of the statement, but follows from its digests."""
    evidence = load_evidence(record, shared.wiring)
    release = evidence.release
    return [
        f"release {release.id} of {release.vendor}, committed by {release.committer}",
        f"{len(evidence.findings)} finding(s): {shared.command(f'release show {record.id}')}",
    ]


def _tell(record: ReleaseRecord, shared: Context, *, as_json: bool) -> None:
    if record.state in {State.LIVE, State.ROLLED_BACK}:
        owed = owed_for(record, shared.wiring)
        _tell_owed(record, list(owed.missing) if owed else [], as_json=as_json)
        return
    follows = _what_follows(record, shared.wiring)
    if as_json:
        print_json({"release": record.id, **follows._asdict()})
        return
    show(f"signed: {record.id}")
    for why in follows.missing:
        show(f"  still: {why}")
    if follows.open:
        show("the gate is open" + (f"; promotion: {follows.run}" if follows.run else ""))
        next_step(shared.command(f"promote {record.id} --wait"))
    if follows.problem:
        say(f"what follows can't be seen to just now: {follows.problem}")
        say("nothing is lost: `reconcile` takes the release on, by itself once all answers again")


class _Follows(NamedTuple):
    """What follows from a signature that is on record."""

    open: bool | None
    """None where it can't be told just now."""
    run: str | None
    missing: tuple[str, ...]
    problem: str | None


def _what_follows(record: ReleaseRecord, wiring: Wiring) -> _Follows:
    """See to what follows; what fails by now must not look like a failure of the signature."""
    try:
        check = check_everything(record, wiring)
    except ClinOpsError as error:
        return _Follows(None, None, (), str(error))
    try:
        run = schedule_promotion(record, wiring) if check.open else None
    except ClinOpsError as error:
        return _Follows(check.open, None, check.refusals, str(error))
    return _Follows(check.open, run, check.refusals, None)


def _tell_owed(record: ReleaseRecord, owed: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"release": record.id, "owed": owed})
        return
    show(f"signed: {record.id}")
    for one in owed:
        show(f"  still owed: {one}")
    if not owed:
        show("nothing is owed any more")


def reject(
    context: typer.Context,
    release: Release,
    role: Role,
    key: Key,
    reason: Reason,
    *,
    yes: Yes = False,
) -> None:
    """Reject a release for good, with your signature and reason.

    Example: [bold]clinops reject orthanc-1.12.7 --role clinical-safety-officer
    --key ~/.ssh/id_ed25519 --reason "worklist laterality is lost"[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    prepare = partial(
        prepare_sign_off,
        record,
        shared.wiring,
        role=role,
        meaning=Meaning.REJECTED,
        reason=reason,
    )
    put(shared, prepare, key=key, yes=yes, also=partial(_to_know, record, shared))
    show(f"rejected: {record.id}")
    next_step(shared.command(f"evidence export {record.id}   (for the vendor)"))


def promote(
    context: typer.Context,
    release: Release,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create the promote run, if the gate is open. The run checks everything again.

    Example: [bold]clinops promote orthanc-1.12.7 --wait[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    run: str | None = None
    if record.state in {State.LIVE, State.ROLLED_BACK}:
        say(f"{record.id} is {record.state} already: nothing to do")
    elif record.state is State.PROMOTING:
        say(f"{record.id} is being promoted already: nothing to do")
    else:
        run = _create(record, shared)
    if wait:
        through = frozenset({State.AWAITING_SIGN_OFF, State.PROMOTING})
        follow(shared.wiring, record.id, 1800, through)
    record = shared.wiring.release(record.id)
    if as_json:
        print_json({"release": record.id, "state": record.state.value, "run": run})
    else:
        show(f"{record.id}: {record.state}" + (f"  {run}" if run else ""))
    if record.state is State.ROLLED_BACK:
        raise RefusedError(f"{record.id} was rolled back", mend="clinops release show shows why")


def _create(record: ReleaseRecord, shared: Context) -> str:
    wiring = shared.wiring
    check = check_everything(record, wiring)
    if not check.open:
        wiring.ledger.append(Kind.PROMOTION_REFUSED, record.id, {"reasons": list(check.refusals)})
        raise RefusedError(
            f"the gate of {record.id} is not open:\n"
            + "\n".join(f"  {reason}" for reason in check.refusals),
            mend=shared.command(f"release show {record.id}"),
        )
    return schedule_promotion(record, wiring)
