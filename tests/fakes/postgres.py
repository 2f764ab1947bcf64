"""A real PostgreSQL server for the length of a test session, on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

BINARIES = Path("/usr/lib/postgresql/15/bin")
INSTALL = "apt-get install -y --no-install-recommends postgresql-15"


class PostgresServer:
    """Gives out addresses of fresh, empty databases."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def database(self) -> str:
        name = f"clinops{next(self._numbers)}"
        address = f"host={self._folder} user=clinops dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://clinops@/{name}?host={self._folder}"


@contextlib.contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server and stop it again, whatever happens."""
    if not (BINARIES / "initdb").exists():
        raise RuntimeError(f"these tests need PostgreSQL: {INSTALL}")
    folder = Path(tempfile.mkdtemp(prefix="clinops-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        _run("initdb", "-D", folder / "data", "-A", "trust", "-U", "clinops", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        log = folder / "log"
        _run("pg_ctl", "-D", folder / "data", "-l", log, "-w", "-o", options, "start")
        try:
            yield PostgresServer(folder)
        finally:
            _run("pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _run(program: str, *arguments: str | Path) -> None:
    # The server refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_user, BINARIES / program, *arguments],
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr}")
