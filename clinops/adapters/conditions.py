"""The conditions that ClinOps measures under: its own code, Python's packages, variables.

A result measured under others is not carried over. What the Docker engine is, the engine says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from clinops.domain.digest import digest_of, digest_tree

_HOME = Path(__file__).parents[2]
INHERITED = ("PATH", "TZ", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
"""The variables that reach suites and programs."""


def conditions() -> dict[str, str]:
    """Digest what ClinOps is made of here, by what it is."""
    return {
        "clinops": digest_tree(dict(_code())),
        "python": digest_of([sys.version, sorted(_packages())]),
        "variables": digest_of({name: os.environ.get(name) for name in INHERITED}),
    }


def _code() -> Iterator[tuple[str, bytes]]:
    for name in ("clinops", "flows"):
        for path in (_HOME / name).rglob("*.py"):
            yield path.relative_to(_HOME).as_posix(), path.read_bytes()


def _packages() -> Iterator[str]:
    """Name every installed package with its version, as its folder does."""
    for folder in {Path(entry) for entry in sys.path if entry}:
        yield from (found.name for found in folder.glob("*.dist-info"))
