"""Probes: `test_suites/<product>/probes/*.yaml`, what is asked of two versions to compare them.

A probe says what is sent, never what must come back: the version in use says that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from clinops.domain.fault import Fault, Place, Shape, refuse
from clinops.domain.hazard import HazardId
from clinops.domain.manifest import Name
from clinops.domain.parameter import ParameterName, parameters_of
from clinops.domain.probe_call import (
    Call,
    CommandCall,
    CommandDoor,
    DicomCall,
    DicomDoor,
    FhirCall,
    FhirDoor,
    Hl7Call,
    Hl7Door,
    HttpCall,
    HttpDoor,
    SqlCall,
    SqlDoor,
)
from clinops.domain.value import Document, Value
from clinops.domain.wording import nearest

PROBES_FOLDER = "probes"
"""The folder beside the suites of a product that is none of them."""
MAX_CASES = 1000
"""Of one probe; two lists of lists could ask for millions."""

KINDS = ("http", "dicom", "hl7", "fhir", "sql", "command")
"""Everything that a step can be."""

AnswerPath = Annotated[
    str,
    Shape(
        r"[^/\x00-\x1f]+(/[^/\x00-\x1f]+)*",
        "must be a place in the answer",
        "write keys and positions joined by `/`, like body/0/ID",
    ),
]


class Doors(Document):
    """What all calls of a file have in common, by kind; a call's own word counts more."""

    http: HttpDoor = HttpDoor()
    dicom: DicomDoor = DicomDoor()
    hl7: Hl7Door = Hl7Door()
    fhir: FhirDoor = FhirDoor()
    sql: SqlDoor = SqlDoor()
    command: CommandDoor = CommandDoor()


class _Calls(Document):
    http: HttpCall | None = None
    dicom: DicomCall | None = None
    hl7: Hl7Call | None = None
    fhir: FhirCall | None = None
    sql: SqlCall | None = None
    command: CommandCall | None = None

    @property
    def calls(self) -> dict[str, Call]:
        """What is asked, by kind; a sound step has one."""
        calls = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: call for kind, call in calls.items() if call is not None}


class Step(_Calls):
    """One call of several, and what the later ones need of its answer."""

    take: dict[ParameterName, AnswerPath] = {}
    """Places in the answer whose values the later steps can put in, by name."""

    @model_validator(mode="after")
    def _one_call(self) -> Step:
        if len(self.calls) != 1:
            raise refuse(Fault("must have one call", f"write one of {', '.join(KINDS)}"))
        return self

    @property
    def kind(self) -> str:
        """What kind of call it is: one of `KINDS`."""
        return next(iter(self.calls))

    @property
    def call(self) -> Call:
        """The call."""
        return next(iter(self.calls.values()))

    def through(self, doors: Doors) -> Step:
        """Fill in from a file's defaults what the call does not say itself."""
        door = getattr(doors, self.kind)
        missing = door.model_fields_set - self.call.model_fields_set
        update = {name: getattr(door, name) for name in missing}
        return self.model_copy(update={self.kind: self.call.model_copy(update=update)})


class Probe(_Calls):
    """One question: a call, or several in order where one needs the answer of another."""

    id: Name
    hazards: list[HazardId] = []
    """The hazards whose controls a different answer would put in doubt."""
    each: dict[ParameterName, Annotated[list[str], Field(min_length=1)]] = {}
    """Asked once for each combination of these values; `{name}` stands for one."""
    speed: bool = False
    """Whether the time that the answer takes is compared as well."""
    within: Annotated[int, Field(ge=1, le=300)] = 10
    """Seconds that one call may take."""
    steps: list[Step] = []

    @model_validator(mode="after")
    def _is_sound(self) -> Probe:
        if len(self.calls) + bool(self.steps) != 1:
            mend = f"write one of {', '.join(KINDS)}, or `steps:`"
            raise refuse(Fault("must have one call, or steps", mend))
        if math.prod(len(values) for values in self.each.values()) > MAX_CASES:
            what = f"asks for more than {MAX_CASES} combinations"
            raise refuse(Fault(what, "shorten the lists", at=("each",)))
        if faults := [*self._unknown_parameters(), *self._unused_parameters()]:
            raise refuse(*faults)
        return self

    @property
    def sequence(self) -> list[tuple[Place, Step]]:
        """The steps, a single call as the only one, each with its place below the probe."""
        if self.steps:
            return [(("steps", position), step) for position, step in enumerate(self.steps)]
        return [((), Step.model_validate(self.calls))]

    def _unknown_parameters(self) -> Iterator[Fault]:
        known = set(self.each)
        for place, step in self.sequence:
            for name in sorted(parameters_of(step.call) - known):
                mend = nearest(name, sorted(known)) if known else "add it to `each`"
                yield Fault(f"needs `{name}`, which nothing gives", mend, at=(*place, step.kind))
            known.update(step.take)

    def _unused_parameters(self) -> Iterator[Fault]:
        used = {name for _, step in self.sequence for name in parameters_of(step.call)}
        for name in sorted(self.each.keys() - used):
            mend = "put it into the call, or leave the list out"
            yield Fault("is used nowhere, so that every answer is the same", mend, ("each", name))

    def cases(self, doors: Doors) -> Iterator[ProbeCase]:
        """Yield the probe for each combination of its values."""
        for values in itertools.product(*self.each.values()):
            parameters = dict(zip(self.each, values, strict=True))
            yield ProbeCase(
                probe=self.id,
                parameters=parameters,
                hazards=tuple(self.hazards),
                speed=self.speed,
                within=self.within,
                stepwise=bool(self.steps),
                steps=tuple(step.through(doors) for _, step in self.sequence),
            )


class ProbeCase(Value):
    """One probe with its parameters: what is asked of a replica, and gives one observation."""

    probe: str
    """The probe's id."""
    parameters: dict[str, str] = {}
    hazards: tuple[str, ...] = ()
    speed: bool = False
    within: int = 10
    stepwise: bool = False
    """Whether its answer is a list with the answers of its steps, and not that of its call."""
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        """What its observations are called: `study[patient=9990000018]`."""
        return named(self.probe, self.parameters)

    @property
    def kind(self) -> str:
        """What kind of call it is; empty where its steps are of several kinds."""
        kinds = {step.kind for step in self.steps}
        return kinds.pop() if len(kinds) == 1 else ""


def named(probe: str, parameters: Mapping[str, str]) -> str:
    """Name one case of a probe."""
    values = ",".join(f"{name}={value}" for name, value in parameters.items())
    return f"{probe}[{values}]" if values else probe


class ProbeFile(Document):
    """One file of probes."""

    schema_version: Literal[1] = Field(alias="schema")
    product: Name
    defaults: Doors = Doors()
    probes: Annotated[list[Probe], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_id_once(self) -> ProbeFile:
        ids = [probe.id for probe in self.probes]
        faults = [
            Fault("is the id of an earlier probe", "give it one of its own", at=at)
            for position, probe in enumerate(ids)
            if probe in ids[:position]
            for at in [("probes", position, "id")]
        ]
        if faults:
            raise refuse(*faults)
        return self

    @property
    def cases(self) -> list[ProbeCase]:
        """Everything that is asked, in order."""
        return [case for probe in self.probes for case in probe.cases(self.defaults)]
