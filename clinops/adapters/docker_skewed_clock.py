"""A clock that is wrong in one container: libfaketime, preloaded into a copy of the service.

Containers share the machine's clock, and no engine can give one of them another. So this works
for programs that are linked dynamically against glibc; for others it is said that it does not.
"""

from __future__ import annotations

import io
import platform
import tarfile
from pathlib import Path
from typing import Final

from docker.models.containers import Container

from clinops.adapters.exec_stream import run_in
from clinops.domain.environment import Service

LIBRARY: Final = Path(f"/usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketime.so.1")
"""Where Debian's package `libfaketime` has it."""
_FOLDER: Final = "clinops-faketime"
_NAME: Final = "libfaketime.so.1"
_RIGHT: Final = b"+0\n"
_A_DAY_AHEAD: Final = b"+1d\n"
_USERS = 'for maps in /proc/[0-9]*/maps; do grep -q "$1" "$maps" && exit 0; done; exit 1'


def preloading(service: Service) -> Service:
    """Return how a service is run so that its clock can be set."""
    library = f"/{_FOLDER}/{_NAME}"
    other = service.environment.get("LD_PRELOAD")
    settings = {
        "LD_PRELOAD": f"{library}:{other}" if other else library,
        "FAKETIME_TIMESTAMP_FILE": f"/{_FOLDER}/clock",
        "FAKETIME_NO_CACHE": "1",
        # Time limits go on as they do where somebody sets a clock.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return service.model_copy(update={"environment": {**service.environment, **settings}})


def prepare(container: Container, library: Path) -> None:
    """Put the library and a clock that is right into a container that has not been started."""
    container.put_archive("/", _archive({_NAME: library.read_bytes(), "clock": _RIGHT}))


def preloaded(container: Container) -> bool:
    """Whether a process of the container really uses the library."""
    # What is run here must not use it itself, or it would find itself.
    command, alone = ["sh", "-c", _USERS, "sh", _FOLDER], {"LD_PRELOAD": ""}
    return run_in(container, command, environment=alone)[0] == 0


def set_ahead(container: Container) -> None:
    """Set the clock a day ahead."""
    container.put_archive("/", _archive({"clock": _A_DAY_AHEAD}))


def set_right(container: Container) -> None:
    """Set the clock right again."""
    container.put_archive("/", _archive({"clock": _RIGHT}))


def _archive(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        folder = tarfile.TarInfo(_FOLDER)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name, data in files.items():
            file = tarfile.TarInfo(f"{_FOLDER}/{name}")
            file.size, file.mode = len(data), 0o755
            archive.addfile(file, io.BytesIO(data))
    return written.getvalue()
