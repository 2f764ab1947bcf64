"""`gatehouse`: the pages on which people read and answer for releases."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import next_step, of
from clinops.errors import BadInputError


def register(root: typer.Typer) -> None:
    """Put the command on the root."""
    root.command()(gatehouse)


def gatehouse(
    context: typer.Context,
    *,
    port: Annotated[
        int | None, typer.Option(help="Another loopback port.", min=1, max=65535)
    ] = None,
    vendors: Annotated[
        bool, typer.Option("--vendors", help="The vendors' door instead: each sees its own.")
    ] = False,
) -> None:
    """Serve the gatehouse on loopback until it is interrupted; `up` does so in the background.

    Example: [bold]clinops --estate DIR gatehouse[/bold]
    """
    from clinops.gatehouse.app import application
    from clinops.gatehouse.server import serve
    from clinops.gatehouse.vendors import vendors_application

    wiring = of(context).wiring
    settings = wiring.settings
    if not vendors:
        next_step(f"open {settings.gatehouse_address}")
        serve(application(wiring), port or settings.gatehouse_listens)
        return
    listens = port or settings.vendors_port
    if listens is None:
        raise BadInputError(
            "this estate has no door for vendors", mend="set vendors_port in clinops.toml"
        )
    next_step(f"open {settings.vendors_address}")
    serve(vendors_application(wiring), listens)
