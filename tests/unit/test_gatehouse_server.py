"""The running gatehouse: what it does by itself, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from threading import Event

import pytest

from clinops.errors import InfrastructureError
from clinops.gatehouse.app import application
from clinops.gatehouse.server import serve
from clinops.gatehouse.watch import Audited, LedgerWatch, every
from clinops.wiring import Wiring
from tests.fakes.wiring import FakeWiring


class Stop(BaseException):
    """Ends work that would go on for ever."""


class TellingWatch(LedgerWatch):
    """Tells when its first audit is done."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.done = Event()

    def audit(self) -> Audited:
        found = super().audit()
        self.done.set()
        return found


def test_verifies_the_ledger_by_itself():
    wiring = FakeWiring()
    wiring.adopt()
    app = application(wiring)
    app.state.watch = watch = TellingWatch(wiring)

    async def run() -> bool:
        async with app.router.lifespan_context(app):
            return await asyncio.to_thread(watch.done.wait, 10)

    assert asyncio.run(run())
    assert watch.last is not None
    assert watch.last.problems == ()


@pytest.mark.parametrize(
    "failure", [InfrastructureError("the database does not answer"), ValueError("nobody knows")]
)
def test_goes_on_after_what_fails_in_the_background(failure):
    done: list[str] = []

    def work() -> None:
        done.append("tried")
        if len(done) < 3:
            raise failure
        raise Stop

    with pytest.raises(Stop):
        asyncio.run(every(0.0, work))
    assert len(done) == 3


def test_says_that_its_port_is_taken():
    wiring = FakeWiring()
    wiring.adopt()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InfrastructureError, match=f"can't listen on 127.0.0.1:{port}"):
            serve(application(wiring), port)
