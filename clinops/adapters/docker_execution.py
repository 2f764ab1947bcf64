"""Commands inside the services of replicas, with a limit to their time and to what is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from docker import DockerClient

from clinops.adapters.exec_channels import (
    CommandTimedOutError,
    ContainerEndedError,
    ExecChannels,
)
from clinops.domain.replica import Executed

_KEPT: Final = 64 * 1024
_CANNOT_RUN: Final = 126


class ContainerCommands:
    """Runs commands in any number of containers, whose channels it keeps."""

    def __init__(self, client: DockerClient) -> None:
        """Open nothing yet."""
        self._client = client
        self._lock = Lock()
        self._channels: dict[str, ExecChannels] = {}

    def run(self, container: str, command: Sequence[str], *, within: float) -> Executed:
        """Run a command; after `within` seconds it is ended."""
        with self._lock:
            if container not in self._channels:
                self._channels[container] = ExecChannels(self._client, container)
            channels = self._channels[container]
        code: int | None = None
        kept = bytearray()

        def keep(_stream: int, chunk: bytes) -> None:
            kept.extend(chunk)
            del kept[:-_KEPT]

        try:
            code = channels.run(command, keep, within=within)
        except CommandTimedOutError:
            pass
        except ContainerEndedError:
            # A service that ended by itself is the product's fault, not the engine's.
            code = _CANNOT_RUN
            kept = kept or bytearray(b"the service does not run any more")
        return Executed(exit_code=code, output=bytes(kept))

    def forget(self, containers: Iterable[str]) -> None:
        """Close the channels into containers that go."""
        with self._lock:
            found = [self._channels.pop(each) for each in containers if each in self._channels]
        for channels in found:
            channels.close()

    def close(self) -> None:
        """Close all channels."""
        self.forget(list(self._channels))
