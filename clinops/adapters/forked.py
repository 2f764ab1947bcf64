"""What nurseries have in common: to see a forked process to its end."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn


def see_to_its_end(
    run: int,
    asker: socket.socket,
    end: Callable[[int, int], None] = os.kill,
    *,
    waited_for: bool = True,
) -> NoReturn:
    """Tell whoever asked for a process how it ended, and end with it.

    Args:
        run: The process, a child of this one.
        asker: The connection that it was asked for by.
        end: How it is ended where somebody waited for it and does no more.
        waited_for: Whether anybody does.
    """
    ended = os.pidfd_open(run)
    waiting = [asker.fileno()] if waited_for else []
    ready, _, _ = select.select([ended, *waiting], [], [])
    if ended not in ready:
        with suppress(ProcessLookupError):
            end(run, signal.SIGKILL)
    _, status = os.waitpid(run, 0)
    with suppress(OSError):
        asker.send(str(status).encode())
    os._exit(0)
