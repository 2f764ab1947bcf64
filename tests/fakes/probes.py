"""Replicas that answer probes as a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import JsonValue

from clinops.domain.environment import Environment
from clinops.domain.observation import Observation
from clinops.domain.probe import ProbeCase
from clinops.domain.replica import Replica

Answer = Callable[[Replica, ProbeCase], JsonValue | Exception]
"""What a replica answers; an exception stands for no answer, with its text as the reason."""


class FakeProbes:
    """Implements the port `Probes`: every answer takes a millisecond unless a test says more."""

    def __init__(
        self,
        answer: Answer = lambda _, case: {"status": 200, "body": case.id},
        milliseconds: Callable[[Replica, ProbeCase], float] = lambda *_: 1.0,
    ) -> None:
        self.answer = answer
        self.milliseconds = milliseconds
        self.asked: list[tuple[str, str]] = []
        """Replica id and case id, in the order in which they were asked."""
        self.open: list[str] = []
        """Ids of the replicas that a session is open to."""

    @contextmanager
    def session(self, replica: Replica, environment: Environment) -> Iterator[FakeProbeSession]:
        self.open.append(replica.id)
        try:
            yield FakeProbeSession(self, replica)
        finally:
            self.open.remove(replica.id)


class FakeProbeSession:
    """Implements the port `ProbeSession`."""

    def __init__(self, probes: FakeProbes, replica: Replica) -> None:
        self._probes = probes
        self._replica = replica

    def run(self, case: ProbeCase) -> Observation:
        self._probes.asked.append((self._replica.id, case.id))
        answer = self._probes.answer(self._replica, case)
        failed = isinstance(answer, Exception)
        return Observation(
            probe=case.id,
            kind=case.kind,
            answer=None if failed else answer,
            milliseconds=self._probes.milliseconds(self._replica, case),
            problem=str(answer) if failed else "",
            hazards=case.hazards,
        )
