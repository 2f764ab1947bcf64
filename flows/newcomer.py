"""A newcomer: a system that nobody has described yet is stood up once, and looked at.

Told in order: start it as any replica, isolated and without rights; see what runs and listens;
knock at each open port; write down what was seen, as the first files of an estate about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, Protocol

from pydantic import JsonValue

from clinops.domain.carried_over import Draft
from clinops.domain.environment import Environment
from clinops.domain.newcomer import Newcomer
from clinops.domain.probe import ProbeCase, Step
from clinops.domain.probe_call import DicomCall, Hl7Call, HttpCall
from clinops.domain.replica import Replica, ReplicaFailure
from clinops.domain.scaffold_compose import document
from clinops.domain.scaffold_suites import ACCEPT, MESSAGE
from clinops.domain.sighting import (
    DATABASE_PORTS,
    Answer,
    Door,
    ImageFacts,
    Inside,
    Sighting,
    answer_in,
)
from clinops.domain.suite import Role
from clinops.errors import BadInputError
from clinops.ports import ProbeSession, Stages
from clinops.wiring import Bench

_READY_WITHIN: Final = 90
"""Seconds that a newcomer has to open a port, and to become ready by its own health check."""
_ANSWERS_WITHIN: Final = 4
_MOST_DOORS: Final = 20
_FHIR_PATHS: Final = ("/metadata", "/fhir/metadata", "/fhir/R4/metadata", "/baseR4/metadata")
_LAST_LINES: Final = 15
_SUCCESS: Final = "0x0000"


class Looks(Protocol):
    """What looks into replicas that run."""

    def inside(
        self, replica: Replica, service: str, facts: ImageFacts, within: float
    ) -> Inside | None:
        """Look into a service once it has settled; None where it has ended."""


class _EndedError(Exception):
    """A service did not stay up."""

    def __init__(self, service: str, reason: str, log: str) -> None:
        super().__init__(f"{service} {reason}")
        self.service = service
        self.log = log


def get_to_know(new: Newcomer, bench: Bench, looks: Looks, stages: Stages) -> Sighting:
    """Stand a newcomer up as a replica, and look at it.

    A service that does not stay up without capabilities is tried again with the harmless ones.

    Raises:
        BadInputError: It does not stay up even so, or nothing can be seen of it.
        InfrastructureError: The engine failed.
    """
    seen = _standing(new, (), bench, looks, stages)
    if not seen.doors and not any(one.processes for one in seen.services.values()):
        raise BadInputError(
            f"nothing can be seen of {new.product}: no open port, and no shell to look from",
            mend="write its files by hand: docs/add-your-system.md",
        )
    return seen


def _standing(
    new: Newcomer, allowed: tuple[str, ...], bench: Bench, looks: Looks, stages: Stages
) -> Sighting:
    """Look at it with capabilities for some services, and for one more each time that one ends."""
    having = f", {' and '.join(allowed)} with the harmless capabilities" if allowed else ""
    try:
        return stages.run(
            f"stand up {new.product} and look at it{having}",
            lambda: _look(new, allowed, bench, looks),
        )
    except _EndedError as error:
        bench.replicas.ensure_engine_stayed()
        if error.service in allowed:
            raise _never_up(new, error) from None
        stages.progress(0.5, f"{error}; once more, with the harmless capabilities")
        also = (*allowed, error.service)
    return _standing(new, also, bench, looks, stages)


def _never_up(new: Newcomer, error: _EndedError) -> BadInputError:
    lines = "\n".join(error.log.splitlines()[-_LAST_LINES:])
    told = [str(problem) for problem in new.draft.left_out]
    missing = "\nwhat was left out may be why:\n" + "\n".join(told) if told else ""
    return BadInputError(
        f"{new.product} can't be stood up: {error}\n{lines}{missing}".rstrip(),
        mend="give a Compose file (--compose) with the settings and neighbours that it needs",
    )


def _look(new: Newcomer, allowed: tuple[str, ...], bench: Bench, looks: Looks) -> Sighting:
    environment = _with_capabilities(new.draft, allowed)
    images = {name: facts.id for name, facts in new.facts.items()}
    with bench.replicas.start(
        environment,
        images,
        product=new.product,
        version=new.version,
        role=Role.CANDIDATE,
        release=f"{new.product}-new",
        lease=bench.lease,
    ) as replica:
        if isinstance(replica, ReplicaFailure):
            raise _EndedError(replica.service, replica.reason, replica.log_tail)
        services = {
            name: _inside(replica, name, new.facts[name], bench, looks) for name in replica.services
        }
        seen = Sighting(services=services, capabilities=allowed)
        seen = _heard(seen, new.draft.under_test, replica, environment, bench)
        checks = dict(_checks(new.draft, services, replica, bench))
        bench.replicas.ensure_engine_stayed()
        return seen.model_copy(update={"checks": checks})


def _with_capabilities(draft: Draft, allowed: tuple[str, ...]) -> Environment:
    blank = Sighting(services={}, capabilities=allowed)
    data = document(draft, blank)
    data["x-clinops"]["ready_within"] = _READY_WITHIN
    return replace(draft, data=data).environment


def _inside(replica: Replica, name: str, facts: ImageFacts, bench: Bench, looks: Looks) -> Inside:
    inside = looks.inside(replica, name, facts, _READY_WITHIN)
    if inside is None:
        log = bench.replicas.logs(replica)[name].decode(errors="replace")
        raise _EndedError(name, "ended soon after its start", log)
    return inside


def _heard(
    seen: Sighting, under_test: str, replica: Replica, environment: Environment, bench: Bench
) -> Sighting:
    """Knock at every open port, and name it by what answers."""
    doors: list[Door] = []
    answers: list[Answer] = []
    for name, inside in sorted(seen.services.items(), key=lambda item: item[0] != under_test):
        known = {DATABASE_PORTS[kind]: kind for kind in inside.databases}
        for port in inside.ports[:_MOST_DOORS]:
            knocked = replica.model_copy(
                update={"endpoints": {"knock": f"{replica.services[name].address}:{port}"}}
            )
            if port in known:
                speaks, found = known[port], list[Answer]()
            else:
                with bench.probes.session(knocked, environment) as session:
                    speaks, found = _knock(session)
            taken = {door.name for door in doors}
            door = Door(
                name=_door_name(speaks, name, port, taken), service=name, port=port, speaks=speaks
            )
            doors.append(door)
            answers += [one.model_copy(update={"door": door.name}) for one in found]
    return seen.model_copy(update={"doors": tuple(doors), "answers": tuple(answers)})


def _door_name(speaks: str, service: str, port: int, taken: set[str]) -> str:
    plain = "sql" if speaks in DATABASE_PORTS else speaks
    names = (plain, f"{plain}-{port}" if plain else f"port-{port}", f"{service}-{port}"[-63:])
    return next(name for name in names if name and name not in taken)


def _knock(session: ProbeSession) -> tuple[str, list[Answer]]:
    """Find out what a port speaks: HTTP, with FHIR below it; DICOM; HL7 over MLLP."""
    page = _ask(session, _get("/"))
    if isinstance(page, dict):
        return "http", [answer_in(page, "knock", "/"), *_fhir(session)]
    echo = _ask(session, Step(dicom=DicomCall(endpoint="knock", verb="echo")))
    if isinstance(echo, dict):
        accepted = echo.get("status") == _SUCCESS
        return "dicom", [Answer(door="knock", kind="dicom")] if accepted else []
    said = _ask(session, Step(hl7=Hl7Call(endpoint="knock", message=MESSAGE)))
    if isinstance(said, dict) and isinstance(body := said.get("body"), dict) and "MSH" in body:
        return "mllp", [Answer(door="knock", kind="hl7")]
    return "", []


def _get(path: str) -> Step:
    return Step(http=HttpCall(endpoint="knock", path=path, headers={"accept": ACCEPT}))


def _fhir(session: ProbeSession) -> Iterator[Answer]:
    for path in _FHIR_PATHS:
        answer = answer_in(_ask(session, _get(path)), "knock", path)
        if answer.fhir:
            yield answer
            return


def _ask(session: ProbeSession, step: Step) -> JsonValue:
    """Return the answer, or None where there is none."""
    case = ProbeCase(probe="knock", within=_ANSWERS_WITHIN, steps=(step,))
    observation = session.run(case)
    return None if observation.problem else observation.answer


def _checks(
    draft: Draft, services: Mapping[str, Inside], replica: Replica, bench: Bench
) -> Iterator[tuple[str, str]]:
    """Make a health check for each service that has none, and keep it if it passes."""
    for name, inside in services.items():
        if "healthcheck" in draft.data["services"][name] or not inside.ports:
            continue
        check = " && ".join(
            f"grep -qs ':{port:04X} [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6"
            for port in inside.ports
        )
        command = ["/bin/sh", "-c", check]
        if bench.replicas.execute(replica, name, command, within=_ANSWERS_WITHIN).exit_code == 0:
            yield name, check
