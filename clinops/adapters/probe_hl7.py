"""HL7 v2 probes: a message over MLLP, and its acknowledgement."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clinops.adapters.answer_trees import tree_of
from clinops.adapters.mllp import MllpConnection
from clinops.adapters.probe_runner import Answered, NoAnswerError, door, timed
from clinops.domain.parameter import fill
from clinops.domain.probe_call import Hl7Call

_ESCAPES = {
    "\\": "\\E\\",
    "|": "\\F\\",
    "^": "\\S\\",
    "&": "\\T\\",
    "~": "\\R\\",
    "\r": "\\X0D\\",
    "\n": "\\X0A\\",
}
"""HL7 v2.5.1, chapter 2.7; messages of probes have the usual separators."""


class Hl7Probes:
    """Sends the messages of one replica's probes."""

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        """Nothing is sent before the first probe."""
        self._endpoints = endpoints
        self._connections: dict[str, MllpConnection] = {}

    def ask(self, call: Hl7Call, values: Mapping[str, str], seconds: float) -> Answered:
        """Send a message; an error code in the acknowledgement is an answer."""
        message = encoded(fill(call.message, values, escaped))
        connection = self._connections.get(call.endpoint)
        if connection is None:
            connection = MllpConnection(door(self._endpoints, call.endpoint))
            self._connections[call.endpoint] = connection
        try:
            connection.open(seconds)
            answer, milliseconds = timed(lambda: connection.exchange(message, seconds))
        except (OSError, ValueError) as error:
            raise NoAnswerError(f"no acknowledgement: {type(error).__name__}: {error}") from None
        return Answered({"body": tree_of(answer, "application/hl7-v2")}, milliseconds)

    def forget(self) -> None:
        """Nothing is kept but connections."""

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()


def escaped(text: str) -> str:
    """Make text a value, without the separators of a message."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def encoded(message: str) -> bytes:
    """End each segment as the standard has it: with a carriage return and nothing else."""
    return (re.sub(r"\r?\n", "\r", message.strip()) + "\r").encode()
