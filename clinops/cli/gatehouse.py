"""`gatehouse`: the pages on which people read and answer for releases."""

from __future__ import annotations

from typing import Annotated

import typer

from clinops.cli.context import next_step, of


def register(root: typer.Typer) -> None:
    """Put the command on the root."""
    root.command()(gatehouse)


def gatehouse(
    context: typer.Context,
    *,
    port: Annotated[
        int | None, typer.Option(help="Another loopback port.", min=1, max=65535)
    ] = None,
) -> None:
    """Serve the gatehouse on loopback until it is interrupted; `up` does so in the background.

    Example: [bold]clinops --estate DIR gatehouse[/bold]
    """
    from clinops.gatehouse.server import serve

    wiring = of(context).wiring
    own = port or wiring.settings.gatehouse_listens
    next_step(f"open {wiring.settings.gatehouse_address}")
    serve(wiring, own)
