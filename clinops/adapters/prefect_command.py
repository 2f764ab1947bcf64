"""Runs one `prefect` command once a line on standard input says that the server is there.

Importing Prefect takes seconds of processor time. Started beside the server, the worker and the
deployment of the flows spend them while the server itself still starts. Where a socket is named for
it, the worker also leaves a nursery for flow runs behind, which need not import it once more.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from clinops import lasting

with lasting.imports():
    import prefect.cli.deploy  # what takes long is done before the server is there
    import prefect.cli.worker
    import prefect.workers.process  # noqa: F401
    from prefect.cli import app
    from prefect.settings import get_current_settings

    from clinops.adapters import flow_nursery
    from clinops.adapters.flow_start import SOCKET_VARIABLE


def main() -> None:
    """Run the command, or what the nursery that came of it is asked for."""
    if (path := os.environ.get(SOCKET_VARIABLE)) and "worker" in sys.argv:
        ends, held = os.pipe()
        if os.fork() == 0:
            os.close(held)
            _nursery(Path(path), ends)
            return
        os.close(ends)
    # Whoever was to say so may have ended instead.
    if not sys.stdin.readline():
        sys.exit("nobody said that the server is there")
    app()


def _nursery(path: Path, parent: int) -> None:
    flow_nursery.warm()
    handed_on = get_current_settings().to_environment_variables(exclude_unset=True)
    request = flow_nursery.serve(path, parent, {**os.environ, **handed_on})
    if request is not None:
        request.take_effect()
        sys.argv = ["prefect.engine"]
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
