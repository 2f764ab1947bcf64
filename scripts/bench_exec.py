"""How fast a command gets into a container, beside pytest-testinfra's own way by `docker exec`.

Prints one JSON object a line; `exec_ratio` is how many times longer `docker://` takes, by medians.
Both ways take turns of ten, so that whatever else the machine does slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import testinfra

from clinops.adapters import testinfra_plugin  # noqa: F401 - makes `replica://` known
from clinops.adapters.docker_engine import connect

TURN = 10
IMAGE = "clinops/base:bookworm"
ASKED: Mapping[str, Callable[[Any], object]] = {
    "run": lambda host: host.run("true"),
    "file": lambda host: host.file("/etc/passwd").exists,
    "package": lambda host: host.package("dash").is_installed,
}
"""What is asked of a container: a command, then what testinfra's modules ask of it."""


def measured(container: str, what: str, rounds: int) -> dict[str, Any]:
    """Ask both ways in turns, and tell medians, spread and ratio."""
    ways = {
        name: testinfra.get_host(f"{name}://{container}", sudo=False)
        for name in ("docker", "replica")
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for host in ways.values():
        ASKED[what](host)  # connections open
    while len(taken["replica"]) < rounds:
        for name, host in ways.items():
            for _ in range(TURN):
                begun = time.perf_counter()
                ASKED[what](host)
                taken[name].append(1000 * (time.perf_counter() - begun))
    ways["replica"].backend.close()
    ratio = statistics.median(taken["docker"]) / statistics.median(taken["replica"])
    quartiles = {
        f"{name}_ms": [round(each, 2) for each in statistics.quantiles(taken[name], n=4)]
        for name in ways
    }
    return {"what": what, "rounds": rounds, **quartiles, "exec_ratio": round(ratio, 1)}


def main() -> None:
    """Measure in a container that does nothing else, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    with closing(connect()) as client:
        container = client.containers.run(IMAGE, ["sleep", "infinity"], init=True, detach=True)
        try:
            for what in ASKED:
                print(json.dumps(measured(str(container.name), what, rounds)), flush=True)
        finally:
            container.remove(force=True)


if __name__ == "__main__":
    main()
