"""Starts a flow run as a fork of the nursery; where there is none that fits, by itself.

It runs once for each flow run, and so imports next to nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Final, NoReturn

SOCKET_VARIABLE: Final = "CLINOPS_NURSERY"
"""Names the socket that the nursery listens at."""
MESSAGE_BYTES: Final = 1024 * 1024
NOT_HERE: Final = b"start it yourself"
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT)
_PATIENCE: Final = 2.0
"""Seconds; it answers within a few milliseconds, unless its worker has hung."""


def main() -> NoReturn:
    """Have the flow run started, pass signals on to it, and end as it ends."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # One that comes before there is whom to pass it on to waits until there is.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    run = _ask(connection)
    if run is not None:
        for number in _PASSED_ON:
            signal.signal(number, lambda number, _: os.kill(run, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    if run is None:
        connection.close()
        os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606
    status = connection.recv(MESSAGE_BYTES)
    code = os.waitstatus_to_exitcode(int(status)) if status else 1
    if code < 0:
        # By the signal that ended a run, the worker knows what became of it.
        with suppress(OSError):  # SIGKILL's is always that
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def hand_over(path: str, run: str) -> bool:
    """Have a flow run started that nobody waits for; returns whether it is.

    Args:
        path: The nursery's socket.
        run: The flow run's id; all else it has as the nursery's worker would give it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(path)
            message = json.dumps([None, {"PREFECT__FLOW_RUN_ID": run}]).encode()
            connection.send(message)
            return connection.recv(MESSAGE_BYTES) not in {b"", NOT_HERE}
        except OSError:
            return False


def _ask(connection: socket.socket) -> int | None:
    """Return the process that runs it now; none where nobody does."""
    message = json.dumps([os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109
    try:
        connection.connect(os.environ.get(SOCKET_VARIABLE, ""))
        socket.send_fds(connection, [message], [0, 1, 2])
        answer = connection.recv(MESSAGE_BYTES)
    except OSError:
        return None
    return None if answer in {b"", NOT_HERE} else int(answer)


if __name__ == "__main__":
    main()
