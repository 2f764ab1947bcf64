"""A snapshot: a seeded replica, frozen as image layers, that forks start from copy-on-write."""

from __future__ import annotations

from clinops.domain.digest import Digest
from clinops.domain.value import Value


class Snapshot(Value):
    """The frozen services of one replica."""

    key: str
    """Digest of what made it (images, environment, seed), as 64 hex digits."""
    images: dict[str, Digest]
    """The frozen image by service: what a fork's containers start from."""
    bases: dict[str, Digest]
    """The image by service that was started and then frozen: what evidence names."""
