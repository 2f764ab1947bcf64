"""Many commands from many threads, while channels are killed and the container is restarted.

Every command must have the right result or a clear error, and must not have run twice; nothing may
be left. `scripts/stress_exec.py` runs 10,000 of them, the tests a share of it.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from docker.models.containers import Container

from clinops.adapters.docker_engine import connect
from clinops.adapters.exec_channel import ChannelLostError
from clinops.adapters.exec_channels import (
    CommandTimedOutError,
    ContainerEndedError,
    ExecChannels,
    Finished,
)

THREADS: Final = 8
KILLS_EVERY: Final = 0.5
"""Seconds between two killed channels."""
_KINDS, _HANGS, _LEAVE_SOMETHING, _ARE_LARGE = 50, 1, {2, 22, 42}, {3, 13, 23, 33, 43}
"""Of every fifty commands one hangs, and so on."""
_LARGE: Final = 300_000
_LIMIT: Final = 60.0
_SHORT: Final = 0.2
_NOTICED: Final = 5.0
_RIGHT, _ENDED = "right", "ended in time"
_RAN: Final = "/var/tmp/ran"  # noqa: S108 - inside a container of ours

_KILL_ONE: Final = r"""for stat in /proc/[0-9]*/stat; do
    read -r line <"$stat" || continue
    process=${line%% *}
    set -- ${line##*) }
    [ "$2" = 0 ] && [ "$process" != 1 ] && [ "$process" != "$PPID" ] && found="$found $process"
done
set -- $found
[ $# = 0 ] || { shift $(($(date +%N | sed 's/^0*//') % $#)); kill -KILL "$1"; }
"""
"""Kills any one of the processes that came from outside, but for the shell that runs this."""


class Stress:
    """Counts what became of the commands.

    Attributes:
        outcomes: How many were right, were told of, or were wrong.
        wrong: What was wrong or was left, a text each.
    """

    def __init__(self, container: str) -> None:
        """Take a running container for it."""
        self._container = container
        self._done = threading.Event()
        self._restarting = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, commands: int, restarts: int) -> None:
        """Run so many commands, and look whether anything is left."""
        before = _own()
        with closing(connect()) as client:
            container = client.containers.get(self._container)
            processes = _inside(container)
            turns = {commands * turn // (restarts + 1) for turn in range(1, restarts + 1)}
            with ExecChannels(client, self._container) as channels:

                def one(number: int) -> str:
                    if number in turns:
                        self._restart(container)
                    return self._one(channels, number)

                with self._sabotage(container), ThreadPoolExecutor(THREADS) as pool:
                    for outcome in pool.map(one, range(commands)):
                        self.outcomes[outcome] += 1
                self._look_what_ran(channels)
            until = monotonic() + _NOTICED
            while _inside(container) != processes and monotonic() < until:
                sleep(0.05)
            self._compare("in the container", _inside(container), processes)
        self._compare("in this process", _own(), before)

    def _compare(self, where: str, after: object, before: object) -> None:
        if after != before:
            self._wrong(f"{where}: {after}, not {before}")

    def _look_what_ran(self, channels: ExecChannels) -> None:
        ran = Counter(channels.output(["cat", _RAN]).stdout.split())
        self.wrong += [
            f"{number!r} ran {times} times" for number, times in ran.items() if times > 1
        ]
        if len(ran) < self.outcomes[_RIGHT]:
            self._wrong(f"{len(ran)} ran, but {self.outcomes[_RIGHT]} had the right result")

    def _one(self, channels: ExecChannels, number: int) -> str:
        line = f"echo {number} >> {_RAN}; printf %s {number}; printf %s -{number} >&2; "
        right = Finished(number % 251, str(number).encode(), f"-{number}".encode())
        kind, within = number % _KINDS, _LIMIT
        if kind == _HANGS:
            line, within, right = line + "sleep 907; ", _SHORT, replace(right, exit_code=-1)
        elif kind in _LEAVE_SOMETHING:
            line += f"(sleep 0.05; echo late {number}; echo late >&2) & "
        elif kind in _ARE_LARGE:
            line += f"head -c {_LARGE} /dev/zero; "
            right = replace(right, stdout=right.stdout + bytes(_LARGE))
        line += f"exit {number % 251}"
        try:
            found = channels.output(line if number % 2 else ["sh", "-c", line], within=within)
        except CommandTimedOutError as error:
            return _ENDED if kind == _HANGS else self._wrong(f"{number}: {error}")
        except ChannelLostError:
            return "told that its channel broke"
        except ContainerEndedError:
            return "told that the container ended"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no clear error
            return self._wrong(f"{number}: {error!r}")
        if found != right:
            return self._wrong(f"{number}: {found}"[:200])
        return _RIGHT

    def _wrong(self, what: str) -> str:
        self.wrong.append(what)
        return "wrong"

    @contextmanager
    def _sabotage(self, container: Container) -> Iterator[None]:
        thread = threading.Thread(target=self._kill_channels, args=(container,))
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def _kill_channels(self, container: Container) -> None:
        assert container.client  # noqa: S101 - for the type checker
        with ExecChannels(container.client, self._container) as own:
            while not self._done.wait(KILLS_EVERY):
                with suppress(ChannelLostError, ContainerEndedError):
                    own.output(["sh", "-c", _KILL_ONE], within=_LIMIT)
                    self.outcomes["(channels killed)"] += 1

    def _restart(self, container: Container) -> None:
        """Restart it from one of the threads, while the others run their commands."""
        with self._restarting:
            container.restart(timeout=0)
            self.outcomes["(restarts)"] += 1


def _own() -> tuple[int, int]:
    """Return how many descriptors and threads this process has."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def _inside(container: Container) -> tuple[list[str], int]:
    """Return what runs in a container, and how many execs it has."""
    container.reload()
    commands = sorted(process[-1] for process in container.top()["Processes"])
    return commands, len(container.attrs["ExecIDs"] or [])


def main() -> None:
    """Run the whole of it in a container of its own; ends with 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", type=int, nargs="?", default=10_000)
    parser.add_argument("--restarts", type=int, default=10, help="of the container")
    chosen = parser.parse_args()
    with closing(connect()) as client:
        container = client.containers.run(
            "clinops/base:bookworm", ["sleep", "infinity"], init=True, detach=True
        )
        try:
            stress = Stress(str(container.id))
            begun = monotonic()
            stress.run(chosen.commands, chosen.restarts)
        finally:
            container.remove(force=True)
    seconds = round(monotonic() - begun, 1)
    print(json.dumps({"seconds": seconds, **stress.outcomes, "wrong": stress.wrong}))
    sys.exit(bool(stress.wrong))


if __name__ == "__main__":
    main()
