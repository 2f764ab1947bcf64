"""The server of the gatehouse: loopback only, and gone soon after it is asked to go."""

from __future__ import annotations

from contextlib import suppress
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from clinops.errors import InfrastructureError
from clinops.gatehouse.live import Listeners

_SECONDS_TO_END = 3
"""What an interrupt leaves to answers that are under way."""


class _Server(uvicorn.Server):
    """Sends home who listens for news before it waits for everybody to leave."""

    def __init__(self, app: Starlette, port: int) -> None:
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        super().__init__(config)
        self._listeners: Listeners = app.state.listeners

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._listeners.sent_home = True
        super().handle_exit(sig, frame)


def serve(app: Starlette, port: int) -> None:
    """Serve one of the doors on a loopback port until the process is interrupted.

    Raises:
        InfrastructureError: The port can't be listened on.
    """
    server = _Server(app, port)
    try:
        # NOTE: uvicorn ends the process itself where it can't listen.
        with suppress(KeyboardInterrupt):
            server.run()
    except SystemExit:
        raise InfrastructureError(
            f"the gatehouse can't listen on 127.0.0.1:{port}",
            mend="is another one running? clinops status; or choose another: --port",
        ) from None
