"""Command probes: a command inside a service, its exit code and what it says."""

from __future__ import annotations

from collections.abc import Mapping

from clinops.adapters.answer_trees import tree_of
from clinops.adapters.probe_runner import Answered, NoAnswerError, timed
from clinops.domain.parameter import fill
from clinops.domain.probe_call import CommandCall
from clinops.domain.replica import Replica
from clinops.ports import Replicas


class CommandProbes:
    """Runs commands in the services of one replica."""

    def __init__(self, replica: Replica, replicas: Replicas) -> None:
        """Keep where commands are run, and what runs them."""
        self._replica = replica
        self._replicas = replicas

    def ask(self, call: CommandCall, values: Mapping[str, str], seconds: float) -> Answered:
        """Run a command; every exit code is an answer."""
        service = call.service or self._replica.under_test
        if service not in self._replica.services:
            raise NoAnswerError(f"the replica has no service {service}")
        argv = [fill(argument, values) for argument in call.argv]
        executed, milliseconds = timed(
            lambda: self._replicas.execute(self._replica, service, argv, within=seconds)
        )
        if executed.exit_code is None:
            raise NoAnswerError(f"the command did not end within {seconds:g} seconds")
        output = tree_of(executed.output, "text/plain")
        return Answered({"exit_code": executed.exit_code, "output": output}, milliseconds)

    def forget(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""
