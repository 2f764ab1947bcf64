"""A command inside a container, with a time limit and a limit to what is kept of its output."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Overdue

from docker import DockerClient

from clinops.domain.replica import Executed

_KEPT = 64 * 1024


def execute_within(
    client: DockerClient, container: str, command: Sequence[str], within: float
) -> Executed:
    """Run a command; after `within` seconds it is left to itself: its replica ends with it."""
    api = client.api
    execution = api.exec_create(container, list(command))["Id"]
    kept = bytearray()

    def follow() -> None:
        for chunk in api.exec_start(execution, stream=True):
            kept.extend(chunk)
            del kept[:-_KEPT]

    pool = ThreadPoolExecutor(max_workers=1)
    try:
        pool.submit(follow).result(within)
    except Overdue:
        return Executed(exit_code=None, output=bytes(kept))
    finally:
        pool.shutdown(wait=False)
    return Executed(exit_code=int(api.exec_inspect(execution)["ExitCode"]), output=bytes(kept))
