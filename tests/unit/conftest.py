"""What several unit tests share: databases for the ledger, git, the command line, the gatehouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clinops.cli import context
from clinops.domain.environment import Database
from clinops.domain.fold import ReleaseRecord
from tests.fakes import mariadb, postgres
from tests.fakes.authenticator import Authenticator
from tests.fakes.databases import System
from tests.fakes.git_estate import GitEstate, Keys
from tests.fakes.terminal import Terminal
from tests.fakes.visitor import Gatehouse, Visitor
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


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """SSH keys, each made once a module."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def estate(tmp_path: Path, keys: Keys) -> Iterator[GitEstate]:
    """A real bare repository where `ops` alone may push."""
    made = GitEstate(tmp_path, keys)
    yield made
    made.repository.close()


@pytest.fixture
def wiring(wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch) -> FakeWiring:
    """An estate of fakes with version 1.0 in use; commands find it wherever they look."""
    monkeypatch.setattr(context, "Wiring", lambda root: wiring)
    return wiring


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """What a command is typed into."""
    return Terminal(monkeypatch, capsys)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.MariaServer]:
    """A real MariaDB server, started for the first test that asks for it."""
    with mariadb.running() as server:
        yield server


@pytest.fixture
def postgresql(postgres_server: postgres.PostgresServer) -> Iterator[System]:
    """An empty PostgreSQL database."""
    address = sa.make_url(postgres_server.database())
    database = Database(
        kind="postgresql", endpoint="sql", name=address.database, user="clinops", password="none"
    )
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    yield System(engine, database, f"{address.query['host']}:5432")
    engine.dispose()


@pytest.fixture
def maria(mariadb_server: mariadb.MariaServer) -> Iterator[System]:
    """An empty MariaDB database."""
    name = mariadb_server.database()
    door = f"127.0.0.1:{mariadb_server.port}"
    database = Database(kind="mariadb", endpoint="sql", name=name, user="root", password="")
    address = f"mariadb+pymysql://root@{door}/{name}?charset=utf8mb4"
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    yield System(engine, database, door)
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[System]:
    """An empty SQLite file."""
    path = tmp_path / "index.db"
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    yield System(engine, None, str(path))
    engine.dispose()


@pytest.fixture
def gatehouse() -> Gatehouse:
    """The gatehouse of an estate of fakes."""
    return Gatehouse()


@pytest.fixture
def release(gatehouse: Gatehouse) -> ReleaseRecord:
    """A release that awaits sign-off there."""
    return gatehouse.wiring.qualify(gatehouse.wiring.offer())


@pytest.fixture
def joy(gatehouse: Gatehouse, release: ReleaseRecord) -> Visitor:
    """The safety officer, signed in while the release waits."""
    return gatehouse.person("joy")


@pytest.fixture
def sam(gatehouse: Gatehouse, release: ReleaseRecord) -> Visitor:
    """The operator, signed in while the release waits."""
    return gatehouse.person("sam")


@pytest.fixture
def address(release: ReleaseRecord) -> str:
    """Where the release is signed."""
    return f"/releases/{release.id}/sign"


@pytest.fixture
def passkey() -> Authenticator:
    """An authenticator with one passkey."""
    return Authenticator()
