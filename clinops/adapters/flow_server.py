"""Prefect's server, with its garbage collected beside its event loop.

Whoever collects a cursor of SQLite waits until the cursor's connection does nothing. A connection
that waits for its turn to write does so for up to a minute; whoever has the turn needs the event
loop in order to end it. An event loop that collects its own garbage can so stand still for a
minute, which happens within a few pushes of several releases at once.
"""

from __future__ import annotations

import gc
import itertools
import threading
import time
from typing import Final

from clinops import lasting

with lasting.imports():
    from prefect.cli import app

_PAUSE: Final = 2.0
"""Seconds between two collections of what is young."""
_FULL: Final = 30
"""Every so many is one of everything, which takes a quarter of a second."""
_YOUNG: Final = 1
_ALL: Final = 2


def main() -> None:
    """Run a command of Prefect's server."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage collector", daemon=True).start()
    app()


def _collect() -> None:
    for number in itertools.count(1):
        time.sleep(_PAUSE)
        gc.collect(_ALL if number % _FULL == 0 else _YOUNG)


if __name__ == "__main__":
    main()
