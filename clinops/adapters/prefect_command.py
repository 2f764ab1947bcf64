"""Runs one `prefect` command once a line on standard input says that the server is there.

Importing Prefect takes seconds of processor time. Started beside the server, the worker and the
deployment of the flows spend them while the server itself still starts.
"""

from __future__ import annotations

import sys

import prefect.cli.deploy  # what takes long is done before the server is there
import prefect.cli.worker
import prefect.workers.process  # noqa: F401
from prefect.cli import app

if __name__ == "__main__":
    # Whoever was to say so may have ended instead.
    if not sys.stdin.readline():
        sys.exit("nobody said that the server is there")
    app()
