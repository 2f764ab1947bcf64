"""Probes put to replicas: the port `Probes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from pydantic import JsonValue

from clinops.adapters.probe_runner import Answered, NoAnswerError, Runner
from clinops.adapters.time_limit import within
from clinops.domain.environment import Environment
from clinops.domain.observation import Observation
from clinops.domain.probe import ProbeCase, Step
from clinops.domain.replica import Replica
from clinops.errors import ClinOpsError
from clinops.ports import Replicas

_LONGEST_PROBLEM = 500
_LONGEST_VALUE = 10_000
_SECONDS_TO_CLOSE = 1


class ReplicaProbes:
    """Asks replicas from this machine, through the doors that their environment names."""

    def __init__(self, replicas: Replicas) -> None:
        """Keep what runs commands inside replicas."""
        self._replicas = replicas

    @contextmanager
    def session(self, replica: Replica, environment: Environment) -> Iterator[ReplicaSession]:
        """Open a session; on leaving the context its connections are closed."""
        session = ReplicaSession(_runners(replica, environment, self._replicas))
        try:
            yield session
        finally:
            session.close()


class ReplicaSession:
    """Questions to one replica; a runner for each kind, made when first needed."""

    def __init__(self, makers: Mapping[str, Callable[[], Runner]]) -> None:
        """Keep how runners are made, by kind of call."""
        self._makers = makers
        self._runners: dict[str, Runner] = {}

    def run(self, case: ProbeCase) -> Observation:
        """Ask once, and observe; raises only what is our own side's fault."""
        for kind, runner in list(self._runners.items()):
            try:
                within(_SECONDS_TO_CLOSE, runner.forget)
            except Exception:  # noqa: BLE001 - a system that hangs at leave-taking
                self._drop(kind)
        values, answers, problem = dict(case.parameters), list[Answered](), ""
        try:
            for number, step in enumerate(case.steps, 1):
                answers.append(self._ask(step, values, case.within))
                values |= _taken(number, step, answers[-1].tree)
        except NoAnswerError as error:
            problem = _short(str(error)) or "no answer"
        trees = [answered.tree for answered in answers]
        return Observation(
            probe=case.id,
            kind=case.kind,
            answer=trees if case.stepwise else next(iter(trees), None),
            milliseconds=sum(answered.milliseconds for answered in answers),
            problem=problem,
            hazards=case.hazards,
        )

    def close(self) -> None:
        """Close the connections of all runners."""
        while self._runners:
            self._drop(next(iter(self._runners)))

    def _ask(self, step: Step, values: Mapping[str, str], seconds: float) -> Answered:
        runner = self._runners.get(step.kind) or self._makers[step.kind]()
        self._runners[step.kind] = runner
        try:
            # A second more: a runner that sees to the limit itself can say better what happened.
            return within(seconds + 1, lambda: runner.ask(step.call, values, seconds))
        except TimeoutError:
            self._drop(step.kind)
            raise NoAnswerError(f"no answer within {seconds:g} seconds") from None
        except ClinOpsError:
            raise
        except Exception as error:  # noqa: BLE001 - what hostile answers make of a library
            self._drop(step.kind)
            raise NoAnswerError(f"{type(error).__name__}: {error}") from None

    def _drop(self, kind: str) -> None:
        runner = self._runners.pop(kind)
        # Taking leave of a system that hangs would hang as well, or fail; it changes nothing.
        with suppress(Exception):
            within(_SECONDS_TO_CLOSE, runner.close)


def _runners(
    replica: Replica, environment: Environment, replicas: Replicas
) -> dict[str, Callable[[], Runner]]:
    doors = replica.endpoints

    def http() -> Runner:
        from clinops.adapters.probe_http import HttpProbes

        return HttpProbes(doors)

    def dicom() -> Runner:
        from clinops.adapters.probe_dicom import DicomProbes

        return DicomProbes(doors)

    def hl7() -> Runner:
        from clinops.adapters.probe_hl7 import Hl7Probes

        return Hl7Probes(doors)

    def sql() -> Runner:
        from clinops.adapters.probe_sql import SqlProbes

        return SqlProbes(doors, environment.clinops.databases)

    def command() -> Runner:
        from clinops.adapters.probe_command import CommandProbes

        return CommandProbes(replica, replicas)

    return {
        "http": http,
        "fhir": http,
        "dicom": dicom,
        "hl7": hl7,
        "sql": sql,
        "command": command,
    }


def _taken(number: int, step: Step, answer: JsonValue) -> dict[str, str]:
    return {name: _value_at(number, path, answer) for name, path in step.take.items()}


def _value_at(number: int, path: str, answer: JsonValue) -> str:
    here = answer
    for segment in path.split("/"):
        if isinstance(here, dict) and segment in here:
            here = here[segment]
        elif isinstance(here, list) and segment.isdecimal() and int(segment) < len(here):
            here = here[int(segment)]
        else:
            raise NoAnswerError(f"step {number}: the answer has nothing at {path}")
    if here is None or isinstance(here, dict | list) or len(str(here)) > _LONGEST_VALUE:
        raise NoAnswerError(f"step {number}: the answer has no single value at {path}")
    return here if isinstance(here, str) else str(here)


def _short(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()[:_LONGEST_PROBLEM]
