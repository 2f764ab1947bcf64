"""Building one image. A Dockerfile may be a vendor's: it is given an end to all that it can use."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import closing
from time import monotonic
from typing import BinaryIO

from docker import DockerClient
from requests.exceptions import ReadTimeout
from urllib3.exceptions import ReadTimeoutError

from clinops.adapters.docker_engine import last_lines
from clinops.errors import PackageError

SECONDS = 1800.0
"""How long one build may take, whatever it says meanwhile."""

_LINES = 20
_STEPS_KEPT = 200
_MEMORY = 4 * 1024**3
_OFFLINE = "none"
_TRUSTED = "environments/"


def build(
    client: DockerClient,
    folder: str,
    context: BinaryIO,
    arguments: Mapping[str, str],
    *,
    network: str,
    seconds: float = SECONDS,
) -> str:
    """Build an image and return its id.

    Only the trust's own folders are built with a network. From a vendor's, a `RUN` on the host's
    network would reach everything that trusts loopback: the flow server first of all.

    Raises:
        PackageError: The Dockerfile fails, or does not come to an end.
    """
    said: deque[str] = deque(maxlen=_STEPS_KEPT)
    image = ""
    deadline = monotonic() + seconds
    steps = client.api.build(
        fileobj=context,
        custom_context=True,
        buildargs=dict(arguments),
        network_mode=network if folder.startswith(_TRUSTED) else _OFFLINE,
        container_limits={"memory": _MEMORY, "memswap": _MEMORY},
        rm=True,
        forcerm=True,
        pull=False,
        decode=True,
        timeout=int(seconds),
    )
    try:
        # To leave is to hang up, and that is what ends the build on the engine.
        with closing(steps):
            for step in steps:
                said.append(str(step.get("stream") or step.get("error") or "")[:16_000])
                # NOTE: not read from the output, where anybody can write "Successfully built".
                image = step.get("aux", {}).get("ID", image)
                if "error" in step:
                    client.ping()  # an engine that is going down ends builds as well
                    raise _fault(folder, "the image can't be built", said)
                if monotonic() > deadline:
                    raise _fault(folder, f"the build did not end within {seconds:g} s", said)
    except (ReadTimeout, ReadTimeoutError):
        raise _fault(folder, f"the build said nothing for {seconds:g} s", said) from None
    return image


def _fault(folder: str, what: str, said: deque[str]) -> PackageError:
    return PackageError(
        f"{folder}: {what}:\n{last_lines(''.join(said), _LINES)}",
        mend=f"mend {folder}/Dockerfile",
    )
