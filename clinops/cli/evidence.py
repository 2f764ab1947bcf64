"""`evidence …` and `ledger …`: what can be filed, and verified by anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clinops.cli.context import AsJson, Release, next_step, of, print_json, show
from clinops.errors import LedgerError, RefusedError

app = typer.Typer(help="Evidence bundles: export, and verify offline.", no_args_is_help=True)
ledger_app = typer.Typer(help="The append-only record.", no_args_is_help=True)


@app.command()
def export(
    context: typer.Context,
    release: Release,
    target: Annotated[Path | None, typer.Option("--to", help="The file to write.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write everything about a release into one file that verifies without a server.

    Example: [bold]clinops --estate DIR evidence export orthanc-1.12.7 --to release.tar[/bold]
    """
    from flows.bundle import export_release

    wiring = of(context).wiring
    record = wiring.release(release)
    target = target or Path(f"{record.id}.evidence.tar")
    digest = export_release(record, wiring, target)
    if as_json:
        print_json({"bundle": str(target), "evidence": digest})
    else:
        show(f"{target}  evidence {digest}")
        next_step(f"clinops evidence verify {target}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle that `evidence export` wrote.")],
    *,
    digest: Annotated[
        str | None, typer.Option(help="The evidence digest that you expect, from elsewhere.")
    ] = None,
    signers: Annotated[
        Path | None, typer.Option(help="The signers you trust, instead of the bundle's own.")
    ] = None,
    engine_key: Annotated[
        Path | None,
        typer.Option(help="The public key of the engine that you trust (state/engine-key.pub)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle: every byte, every signature, and the gate. No server, no network.

    Example: [bold]clinops evidence verify release.tar --signers environments/signers.yaml[/bold]
    """
    from flows.bundle import verify_bundle

    verdict = verify_bundle(bundle, digest=digest, signers=signers, engine_key=engine_key)
    if as_json:
        print_json({"holds": verdict.holds, **vars(verdict)})
    else:
        for line in verdict.good:
            show(f"holds      {line}")
        for line in verdict.bad:
            show(f"DOES NOT   {line}")
        for line in verdict.unproven:
            show(f"UNPROVEN   {line}")
    if not verdict.holds:
        raise RefusedError("the bundle does not verify")


@ledger_app.command("verify")
def verify_ledger(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Walk the ledger's chain and say what does not hold.

    Example: [bold]clinops --estate DIR ledger verify[/bold]
    """
    problems = list(of(context).wiring.ledger.problems())
    if as_json:
        print_json({"holds": not problems, "problems": problems})
    if problems:
        raise LedgerError("\n".join(problems) if not as_json else "the ledger does not hold")
    if not as_json:
        show("the ledger holds")
