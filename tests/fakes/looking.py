"""Images and running services that look as a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from clinops.domain.digest import digest_of
from clinops.domain.replica import Replica
from clinops.domain.sighting import ImageFacts, Inside, Process
from clinops.errors import NotFoundError

SEEN = Inside(
    ports=(8080,),
    processes=(Process(program="portald", user="portal"),),
    files=("/etc/portal.conf",),
    written=("/var/log/portal.log",),
)


class FakeLook:
    """Looks at images and services in memory."""

    def __init__(self, images: Mapping[str, ImageFacts], inside: Mapping[str, Inside]) -> None:
        self.images = dict(images)
        self.services = dict(inside)
        """What is seen of a service; `SEEN` if nothing is said."""
        self.ends: list[str] = []
        """Services that have ended when somebody looks, as often as they stand here."""
        self.interrupted = False
        self.closed = False

    def image(self, reference: str) -> ImageFacts:
        if reference in self.images:
            return self.images[reference]
        if reference.startswith("sha256:"):
            return facts(reference, id=reference)
        raise NotFoundError(f"the engine has no image {reference}", mend=f"docker pull {reference}")

    def save(self, image: str, file: Path) -> str:
        file.write_bytes(image.encode())
        return hashlib.sha256(image.encode()).hexdigest()

    def inside(
        self, replica: Replica, service: str, facts: ImageFacts, within: float
    ) -> Inside | None:
        if self.interrupted:
            raise KeyboardInterrupt
        if service in self.ends:
            self.ends.remove(service)
            return None
        return self.services.get(service, SEEN)

    def close(self) -> None:
        self.closed = True


def facts(reference: str, **said: object) -> ImageFacts:
    """Describe an image that says little about itself."""
    return ImageFacts.model_validate({"id": digest_of(reference), "reference": reference, **said})
