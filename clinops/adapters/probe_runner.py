"""What the runners of all kinds of probes have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import JsonValue

from clinops.errors import ClinOpsError

T = TypeVar("T")


class Answered(NamedTuple):
    """One answer, and how long the system took for it."""

    tree: JsonValue
    milliseconds: float


class NoAnswerError(ClinOpsError):
    """There is no answer, or none that could be compared; the message says why."""


class Runner(Protocol):
    """Puts one kind of call to a replica, over connections that it keeps."""

    def ask(self, call: Any, values: Mapping[str, str], seconds: float) -> Answered:
        """Ask once.

        Args:
            call: What to ask; of the kind that the runner is for.
            values: Parameters by name.
            seconds: How long the answer may take.

        Raises:
            NoAnswerError: The system does not answer.
        """

    def forget(self) -> None:
        """Forget what an earlier probe left behind in the client, such as cookies."""

    def close(self) -> None:
        """Close all connections."""


def timed(exchange: Callable[[], T]) -> tuple[T, float]:
    """Return what an exchange gives and the milliseconds that it took."""
    started = time.perf_counter()
    result = exchange()
    return result, (time.perf_counter() - started) * 1000


def door(endpoints: Mapping[str, str], name: str) -> tuple[str, int]:
    """Return address and port of an endpoint."""
    if name not in endpoints:
        raise NoAnswerError(f"the replica has no endpoint {name}")
    address, _, port = endpoints[name].rpartition(":")
    return address, int(port)
