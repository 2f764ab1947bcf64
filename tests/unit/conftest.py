"""What several unit tests share: databases for the ledger, and the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clinops.cli import context
from tests.fakes import postgres
from tests.fakes.terminal import Terminal
from tests.fakes.wiring import FakeWiring


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A real PostgreSQL server, started for the first test that asks for it."""
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path) -> str:
    """The address of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/ledger.db"
    return request.getfixturevalue("postgres_server").database()


@pytest.fixture
def wiring(wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch) -> FakeWiring:
    """An estate of fakes with version 1.0 in use; commands find it wherever they look."""
    monkeypatch.setattr(context, "Wiring", lambda root: wiring)
    return wiring


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """What a command is typed into."""
    return Terminal(monkeypatch, capsys)
