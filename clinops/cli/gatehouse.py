"""`gatehouse`: the pages on which people read and answer for releases."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from clinops.cli.context import next_step, of
from clinops.errors import InfrastructureError

_SECONDS_TO_END = 3
"""What an interrupt leaves to answers that are under way; open live updates would never end."""


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
    import uvicorn

    from clinops.gatehouse.app import application

    wiring = of(context).wiring
    own = port or wiring.settings.gatehouse_listens
    server = uvicorn.Server(
        uvicorn.Config(
            application(wiring),
            host="127.0.0.1",
            port=own,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
    )
    next_step(f"open {wiring.settings.gatehouse_address}")
    try:
        # NOTE: uvicorn ends the process itself where it can't listen.
        with suppress(KeyboardInterrupt):
            server.run()
    except SystemExit:
        raise InfrastructureError(
            f"the gatehouse can't listen on 127.0.0.1:{own}",
            mend="is another one running? clinops status; or choose another: --port",
        ) from None
