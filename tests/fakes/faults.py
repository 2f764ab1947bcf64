"""Faults without an engine: what a version loses of its records when one strikes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clinops.domain.environment import Environment, FaultName
from clinops.domain.fault_trial import Impossible
from clinops.domain.replica import Replica, ReplicaFailure
from tests.fakes.inventories import Records
from tests.fakes.replicas import FakeReplicas


class FakeFaults:
    """Implements Faults on fake replicas: nothing is lost, unless told otherwise."""

    def __init__(self, replicas: FakeReplicas) -> None:
        self._replicas = replicas
        self.loses: dict[str, Callable[[Records], Records]] = {}
        """What a fault leaves of the records of a version."""
        self.impossible: dict[FaultName, str] = {}
        """Faults that can't be made to happen, and why."""
        self.unready: dict[str, ReplicaFailure] = {}
        """What a version ends with before it is struck."""
        self.ends: dict[str, ReplicaFailure] = {}
        """What a version ends with instead of coming back."""
        self.on_strike: Callable[[], None] = lambda: None
        self.struck: list[tuple[FaultName, str]] = []
        """Fault and version of every strike, in order."""

    def stage(
        self, fault: FaultName, replica: Replica, environment: Environment
    ) -> FakeStagedFault | Impossible:
        if fault in self.impossible:
            return Impossible(why=self.impossible[fault])
        return FakeStagedFault(self, fault, self.unready.get(replica.version, replica))

    def strike(self, fault: FaultName, replica: Replica) -> None:
        self.struck.append((fault, replica.version))
        self.on_strike()

    def mend(self, replica: Replica) -> Replica | ReplicaFailure:
        records = self._replicas.records
        records[replica.id] = self.loses.get(replica.version, dict)(records[replica.id])
        return self.ends.get(replica.version, replica)


@dataclass(frozen=True)
class FakeStagedFault:
    """Implements StagedFault."""

    faults: FakeFaults
    fault: FaultName
    replica: Replica | ReplicaFailure

    def strike(self) -> None:
        assert isinstance(self.replica, Replica)
        self.faults.strike(self.fault, self.replica)

    def mend(self) -> Replica | ReplicaFailure:
        assert isinstance(self.replica, Replica)
        return self.faults.mend(self.replica)
