"""A quarter of an estate of fakes, served to a real browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette

from tests.browser.at_the_gatehouse import PATIENCE


@contextmanager
def serving(app: Starlette, port: int) -> Iterator[str]:
    """Serve an application on loopback while a test looks at it."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    address = f"http://localhost:{port}"
    try:
        until = time.monotonic() + PATIENCE / 1000
        while not server.started:
            assert time.monotonic() < until, "the pages do not come up"
            time.sleep(0.05)
        assert httpx.get(f"{address}/healthz").status_code == 200
        yield address
    finally:
        server.should_exit = True
        thread.join()
