"""A real MariaDB server for the length of a test session, on loopback, without any rights."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql

BINARY = Path("/usr/sbin/mariadbd")
INSTALL = "apt-get install -y --no-install-recommends mariadb-server-core"
_READY = "ready for connections"


class MariaServer:
    """Gives out names of fresh, empty databases."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = itertools.count(1)

    def database(self) -> str:
        name = f"clinops{next(self._numbers)}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET latin1")
        return name

    def connect(self, database: str | None = None) -> pymysql.Connection:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database,
            autocommit=True, charset="utf8mb4",
        )  # fmt: skip


@contextlib.contextmanager
def running() -> Iterator[MariaServer]:
    """Start a server and stop it again, whatever happens."""
    if not BINARY.exists():
        raise RuntimeError(f"these tests need MariaDB: {INSTALL}")
    folder = Path(tempfile.mkdtemp(prefix="clinops-maria-"))
    try:
        (folder / "data").mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            shutil.chown(folder / "data", "nobody")
        port = _free_port()
        process = _start(folder, port)
        try:
            _await_ready(process)
            yield MariaServer(port)
        finally:
            process.kill()
            process.communicate()
    finally:
        shutil.rmtree(folder)


def _start(folder: Path, port: int) -> subprocess.Popen[str]:
    as_user = ["--user=nobody"] if os.geteuid() == 0 else []
    return subprocess.Popen(
        [
            BINARY, "--no-defaults", *as_user, f"--datadir={folder / 'data'}",
            f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}",
            "--bind-address=127.0.0.1", f"--port={port}",
            # There are no users and no tables of the server's own: nothing to install first.
            "--skip-grant-tables", "--skip-networking=0", "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if _READY in line:
            return
    raise RuntimeError("mariadbd: " + "".join(said[-20:]))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
