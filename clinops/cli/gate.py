"""`sign`, `reject`, `promote`: the gate from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import AsJson, Context, next_step, of, print_json, say, show
from clinops.cli.release import follow
from clinops.domain.ledger import Kind, ReleaseRecord
from clinops.domain.outcome import State
from clinops.domain.signer import Signer
from clinops.domain.signoff import Meaning, sign_off_for, statement_bytes
from clinops.errors import RefusedError
from clinops.wiring import Wiring
from flows.gate import check_everything, load_evidence, record_signature
from flows.reconcile import schedule_promotion

Release = Annotated[str, typer.Argument(help="Its id, or the only prefix of one.")]
Role = Annotated[str, typer.Option(help="The role of the gate that you fill.")]
Key = Annotated[
    str, typer.Option(help="Your SSH key: private, or public with the rest in an agent or token.")
]


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
    reason: Annotated[str, typer.Option(help="Why you approve; it is on record for good.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before signing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a release: your signature over exactly this evidence.

    Example: [bold]clinops sign orthanc-1.12.7 --role clinical-safety-officer
    --key ~/.ssh/id_ed25519 --reason "evidence reviewed, no open hazard"[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    _put(shared, record, Meaning.APPROVED, role=role, key=key, reason=reason, yes=yes)
    check = check_everything(record, shared.wiring)
    run = schedule_promotion(record, shared.wiring) if check.open else None
    if as_json:
        print_json({"release": record.id, "open": check.open, "run": run,
                    "missing": list(check.refusals)})  # fmt: skip
        return
    show(f"signed: {record.id}")
    if check.open:
        show(f"the gate is open; promotion: {run}")
        next_step(shared.command(f"promote {record.id} --wait"))
    else:
        for reason_why in check.refusals:
            show(f"  still: {reason_why}")


def reject(
    context: typer.Context,
    release: Release,
    role: Role,
    key: Key,
    reason: Annotated[str, typer.Option(help="Why; it is on record for good.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before signing.")] = False,
) -> None:
    """Reject a release for good, with your signature and reason.

    Example: [bold]clinops reject orthanc-1.12.7 --role clinical-safety-officer
    --key ~/.ssh/id_ed25519 --reason "worklist laterality is lost"[/bold]
    """
    shared = of(context)
    record = shared.wiring.release(release)
    _put(shared, record, Meaning.REJECTED, role=role, key=key, reason=reason, yes=yes)
    show(f"rejected: {record.id}")
    next_step(shared.command(f"evidence export {record.id}   (for the vendor)"))


def _put(
    shared: Context,
    record: ReleaseRecord,
    meaning: Meaning,
    *,
    role: str,
    key: str,
    reason: str,
    yes: bool,
) -> None:
    """Show what is signed, sign it, and append it."""
    wiring = shared.wiring
    if record.state is not State.AWAITING_SIGN_OFF:
        raise RefusedError(
            f"{record.id} is {record.state}: only a release that awaits sign-off can be signed",
            mend=shared.command(f"release show {record.id}"),
        )
    signer_id, signer = _signer(wiring, wiring.signatures.public_key(key))
    evidence = load_evidence(record, wiring)
    say(f"You are about to sign, as {signer.name} ({role}):")
    say(f"  {record.product} {record.version} is {meaning} for its sites")
    say(f"  release {record.id} of {evidence.release.vendor}, "
        f"committed by {evidence.release.committer}")  # fmt: skip
    say(f"  on evidence {evidence.digest}")
    say(f"  with {len(evidence.findings)} finding(s), because: {reason}")
    if not yes and not typer.confirm("Sign?", err=True):
        raise RefusedError("not signed, and nothing was recorded")
    # The time is taken now: a person may have thought about it for a while.
    statement = sign_off_for(
        evidence, signer_id, signer, role=role, meaning=meaning, reason=reason, now=wiring.clock()
    )
    envelope = wiring.signatures.sign(statement_bytes(statement), key)
    record_signature(record, evidence, envelope, meaning, wiring)


def _signer(wiring: Wiring, public_key: str) -> tuple[str, Signer]:
    signers = wiring.estate(wiring.repository.head()).signers().signers
    wanted = public_key.split()[:2]
    for signer_id, signer in signers.items():
        if any(key.public.split()[:2] == wanted for key in signer.keys):
            return signer_id, signer
    raise RefusedError(
        "nobody in environments/signers.yaml on the protected branch has this key",
        mend="have the trust add it in a reviewed commit",
    )


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
