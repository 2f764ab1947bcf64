"""Makes the database with which the embedded flow server of an estate begins.

Usage: python -m clinops.adapters.first_database
"""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path

from clinops.adapters.embedded import Embedded
from clinops.adapters.settings import Settings
from clinops.errors import ClinOpsError


def main() -> None:
    """Make it in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(estate="0" * 12, port=_free_port())
        try:
            Embedded(Path(folder), settings).leave_first_database()
        except ClinOpsError as error:
            sys.exit(error.diagnostics())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
