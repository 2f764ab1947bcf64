"""A way to the engine that a test can cut, while the engine itself runs on for everybody else."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_ENGINE = "/var/run/docker.sock"


class CuttableEngine:
    """Forwards a Unix socket, or without a path a TCP port, to the engine's until it is cut."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.join_again()

    def join_again(self) -> None:
        """Let clients through (again)."""
        if self._path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._path))
            self._listener.listen()
            self.host = f"unix://{self._path}"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.host = "tcp://{}:{}".format(*self._listener.getsockname())
        self._run(self._accept, self._listener)

    def cut(self) -> None:
        """Break every connection and take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._path:
            self._path.unlink(missing_ok=True)
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        self._threads.clear()
        for end in [*ends, self._listener]:
            end.close()

    def _run(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(_ENGINE)
            with self._lock:
                self._open += [client, engine]
            self._run(self._pump, client, engine)
            self._run(self._pump, engine, client)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
