"""Containers that do nothing, of images with one shell or another."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker import DockerClient
from docker.models.containers import Container

from tests.docker.conftest import BASE

BUSYBOX = Path("/bin/busybox")
SHELLS = {
    "dash": f"FROM {BASE}",
    "bash": f"FROM {BASE}\nRUN ln -sf bash /bin/sh",
    "busybox": 'FROM scratch\nCOPY busybox /bin/\nRUN ["/bin/busybox", "--install", "-s", "/bin"]',
    "none": f"FROM {BASE}\nRUN rm /bin/sh /bin/bash /bin/dash",
}


@contextmanager
def container_with(engine: DockerClient, shell: str, run_id: str) -> Iterator[Container]:
    """Run a container whose `/bin/sh` is the shell of that name, or that has none."""
    image = engine.images.build(
        fileobj=build_context(SHELLS[shell]),
        custom_context=True,
        rm=True,
        # In any case an image of this run, that can be removed.
        labels={"run": run_id},
    )[0]
    container = engine.containers.run(
        image, ["sleep", "1000"], init=True, detach=True, pids_limit=100, labels={"run": run_id}
    )
    try:
        yield container
    finally:
        container.remove(force=True)
        engine.images.remove(image.id, force=True)


def build_context(dockerfile: str) -> io.BytesIO:
    """Return the archive of a folder with a Dockerfile and this machine's busybox."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, io.BytesIO(dockerfile.encode()))
        archive.add(BUSYBOX, "busybox")
    context.seek(0)
    return context
