"""A wire that breaks: for transfers that are cut half-way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


@contextmanager
def wire_cut_after(count: int, address: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """Pass one connection on to an address, and cut it after so many bytes were sent there.

    Yields:
        Where to connect to.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:
        carrier = Thread(target=_carry_and_cut, args=(door, address, count))
        carrier.start()
        yield door.getsockname()
        carrier.join()


def _carry_and_cut(door: socket.socket, address: tuple[str, int], count: int) -> None:
    near, _ = door.accept()
    with near, socket.create_connection(address) as far:
        answers = Thread(target=_carry, args=(far, near))
        answers.start()
        while count > 0 and (data := near.recv(4096)):
            far.sendall(data)
            count -= len(data)
        for end in (near, far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        answers.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
