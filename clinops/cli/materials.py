"""`materials …`: what releases and live systems are made of."""

from __future__ import annotations

import typer

from clinops.cli.context import AsJson, Release, next_step, of, print_json, show
from clinops.domain.materials import as_json as json_of
from clinops.errors import NotFoundError

app = typer.Typer(
    help="What releases and live systems are made of, package by package.", no_args_is_help=True
)


@app.command()
def diff(context: typer.Context, release: Release, *, as_json: AsJson = False) -> None:
    """Show which packages a release adds, removes, upgrades or downgrades.

    Example: [bold]clinops --estate DIR materials diff orthanc-1.12.7[/bold]
    """
    from flows.gate import load_evidence
    from flows.materials import changes_of

    shared = of(context)
    wiring = shared.wiring
    record = wiring.release(release)
    found = changes_of(load_evidence(record, wiring), wiring.evidence)
    if found is None:
        raise NotFoundError(
            f"{record.id} has no bills of materials of both versions",
            mend="a new system has nothing to be held against; "
            "where listing failed, a finding says so",
        )
    if as_json:
        print_json(json_of(found))
        return
    for line in found.told():
        show(line)
    next_step(shared.command(f"release show {record.id}"))
