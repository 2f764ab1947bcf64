"""Live updates: a page is told that there is something new, and fetches itself again."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from clinops.domain.outcome import State
from clinops.gatehouse.reader import Reader

UNDER_WAY = frozenset({State.KNOWN, State.QUALIFYING, State.ERRORED, State.PROMOTING})
"""States that a release leaves by itself."""

LOOK_EVERY = 1.0
"""Seconds."""
_LONGEST = 600
"""Looks at the ledger for one listener; the browser then asks again by itself."""
_MOST_LISTENERS = 64


class Listeners:
    """Counts who listens, so that open pages can't use up the server."""

    def __init__(self) -> None:
        self.number = 0
        self.sent_home = False
        """Whether the server is about to end: who listens would keep it from that."""


async def changes(request: Request) -> Response:
    """Send an event whenever the ledger has something new about a release."""
    reader: Reader = request.app.state.reader
    listeners: Listeners = request.app.state.listeners
    record = await run_sync(reader.record, request.path_params["release"])
    if listeners.number >= _MOST_LISTENERS:
        raise HTTPException(503, "too many pages listen already")
    return StreamingResponse(events(record.id, reader, listeners), media_type="text/event-stream")


async def events(release: str, reader: Reader, listeners: Listeners) -> AsyncGenerator[str, None]:
    """Yield an event whenever the ledger has something new about a release."""
    listeners.number += 1
    try:
        seen = await run_sync(reader.wiring.ledger.last_sequence, release)
        # A comment at each look: the only way to learn that nobody listens any more.
        yield "retry: 3000\n: listening\n\n"
        for _ in range(_LONGEST):
            await anyio.sleep(LOOK_EVERY)
            if listeners.sent_home:
                return
            newest = await run_sync(reader.wiring.ledger.last_sequence, release)
            yield f"event: changed\ndata: {newest}\n\n" if newest != seen else ":\n\n"
            seen = newest
    finally:
        listeners.number -= 1
