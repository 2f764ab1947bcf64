"""Whose processor time it was: every process on the machine, looked at again and again."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOOK: Final = 0.1
_SHORTEST: Final = 0.05
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_CALLED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("dockerd", "containerd", "containerd-shim", "runc", "exe"), "engine"),
    **dict.fromkeys(("docker-init", "sh"), "engine"),
    **dict.fromkeys(("python", "python3"), "suites and ClinOps"),
}
Process = tuple[str, str]
"""Its id and its birth: an id is used again."""


@contextmanager
def profile() -> Iterator[dict[str, float]]:
    """Fill a dictionary with seconds by program; `idle` is what no processor did.

    What a process does after the last look at it is not seen: a tenth of a second at most.
    """
    found: dict[str, float] = {}
    first, last, names = _times({}), dict[Process, float](), dict[Process, str]()
    ended, begun, idle = threading.Event(), time.monotonic(), _idle()

    def look() -> None:
        while not ended.wait(_LOOK):
            last.update(_times(names))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()
        last.update(_times(names))
        taken = Counter[str]()
        for process, seconds in last.items():
            taken[names[process]] += seconds - first.get(process, 0.0)
        named = {name: round(of, 1) for name, of in taken.most_common() if of >= _SHORTEST}
        found |= {**named, "idle": round(_idle() - idle, 1)}
        found["all processors"] = round((time.monotonic() - begun) * (os.cpu_count() or 1), 1)


def _times(names: dict[Process, str]) -> dict[Process, float]:
    times = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            text = (folder / "stat").read_text()
            name, fields = text[text.index("(") + 1 : text.rindex(")")], text.rpartition(")")[2]
            user, system, birth = (fields.split()[at] for at in (11, 12, 19))
            process = folder.name, birth
            names[process] = _CALLED.get(name, name)
            times[process] = (int(user) + int(system)) * _TICK
    return times


def _idle() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return (int(fields[4]) + int(fields[5])) * _TICK
