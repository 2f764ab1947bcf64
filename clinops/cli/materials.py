"""`materials …`: what releases and live systems are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from clinops.cli.context import AsJson, Release, next_step, of, print_json, show
from clinops.domain.materials_change import as_json as json_of
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


@app.command()
def vulnerabilities(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A product that is live, or a release.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show which known vulnerabilities a release or a live system has, and what nobody can tell.

    Example: [bold]clinops --estate DIR materials vulnerabilities orthanc[/bold]
    """
    from flows.materials import vulnerabilities as story

    shared = of(context)
    found = story(shared.wiring, name)
    if as_json:
        print_json([one.json_value() | {"clean": one.is_clean} for one in found])
        return
    for one in found:
        at = f" at {', '.join(one.sites)}" if one.sites else ""
        show(f"{one.product} {one.version}{at}: {one.summary()}")
        for each in one.found:
            show(f"  {each.told()} (from {each.source})")
        for what in one.unknown:
            show(f"  unknown: {what}")
    print_ages(found[0].ages)
    next_step(shared.command("materials clocks"))


@app.command()
def clocks(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List by when live systems must be mended, overdue first.

    Example: [bold]clinops --estate DIR materials clocks[/bold]
    """
    from flows.materials import clocks as story

    found = story(of(context).wiring)
    if as_json:
        print_json(found.json_value())
        return
    for clock in found.clocks:
        show(clock.told())
    if not found.clocks:
        show("no clock runs, as far as anybody can tell")
    for what in found.unknown:
        show(f"unknown: {what}")
    print_ages(found.ages)


def print_ages(ages: Sequence[str]) -> None:
    """Print how old the data is; without data, that there is none."""
    for age in ages or ("none was imported, so that everything is unknown",):
        show(f"data      {age}")
