"""`advisories …`: what is known of vulnerabilities, imported from files; nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clinops.cli.context import AsJson, next_step, of, print_json, say, show
from clinops.domain.plain_words import count

app = typer.Typer(
    help="Known vulnerabilities, imported from files (OSV, CSAF 2.0).", no_args_is_help=True
)
_TOLD = 10
"""Documents that can't be read and are named."""


@app.command("import")
def import_(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A document, a folder of them, or a zip.")],
    *,
    source: Annotated[
        str | None, typer.Option(help="What to call it; it replaces what was called so before.")
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="It is all that there is: what it does not name is clean."),
    ] = False,
    alert: Annotated[
        bool, typer.Option("--alert", help="These are NHS high-severity alerts: 48 hours.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import advisories, in place of what was imported by that name before.

    Without --whole it proves nothing clean; with it, only if all of it can be read.

    Example: [bold]clinops --estate DIR advisories import debian.zip --whole[/bold]
    """
    from flows.materials import import_advisories

    shared = of(context)
    wiring = shared.wiring
    found, unread = import_advisories(wiring, path, name=source, whole=whole, alert=alert)
    for problem in unread[:_TOLD]:
        say(problem)
    if as_json:
        print_json(found.json_value())
        return
    show(f"{count(found.advisories, 'advisory', 'advisories')} imported as {found.name}")
    show(found.told(wiring.clock(), wiring.settings.advisories_days))
    if whole and found.skipped:
        skipped = count(found.skipped, "document")
        show(f"{skipped} can't be read, so that nothing is clean by this source")
    next_step(shared.command("materials clocks"))


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List what was imported, and how old it is.

    Example: [bold]clinops --estate DIR advisories list[/bold]
    """
    wiring = of(context).wiring
    sources = wiring.advisories.sources()
    if as_json:
        print_json([one.json_value() for one in sources])
        return
    for one in sources:
        alerts = ", alerts" if one.alert else ""
        covers = f", covers {', '.join(one.covers)}" if one.covers else ""
        told = one.told(wiring.clock(), wiring.settings.advisories_days)
        show(f"{told}; {count(one.advisories, 'advisory', 'advisories')}{alerts}{covers}")
    if not sources:
        show("nothing was imported: every package is unknown")
