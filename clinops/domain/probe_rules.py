"""What must hold between a product's probes, its environment and its hazard log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from clinops.domain.environment import Environment
from clinops.domain.fault import Place
from clinops.domain.hazard import HazardLog
from clinops.domain.parsing import Parsed
from clinops.domain.probe import ProbeFile, Step
from clinops.domain.probe_call import CommandCall, DicomCall, SqlCall
from clinops.domain.wording import nearest
from clinops.errors import Problem


def probes_are_of(product: str, file: Parsed[ProbeFile]) -> Iterator[Problem]:
    """Probes in a product's folder are of that product."""
    if file.document.product != product:
        what = f"the folder is that of the product {product}"
        yield file.problem(("product",), what, f"write `product: {product}`")


def probes_have_one_id(files: Iterable[Parsed[ProbeFile]]) -> Iterator[Problem]:
    """What is said of a probe, in a noise rule or a finding, is said of one probe."""
    first: dict[str, str] = {}
    for file in files:
        for position, probe in enumerate(file.document.probes):
            other = first.setdefault(probe.id, file.file)
            if other != file.file:
                what = f"{other} has a probe {probe.id} as well"
                yield file.problem(("probes", position, "id"), what, "give it one of its own")


def probes_name_known_hazards(file: Parsed[ProbeFile], log: HazardLog) -> Iterator[Problem]:
    """A probe that names a hazard which nobody logged puts nothing in doubt."""
    known = [hazard.id for hazard in log.hazards]
    for position, probe in enumerate(file.document.probes):
        for number, hazard in enumerate(probe.hazards):
            if hazard not in known:
                place = ("probes", position, "hazards", number)
                what = f"the hazard log has no {hazard}"
                yield file.problem(place, what, nearest(hazard, known))


def probes_find_their_doors(file: Parsed[ProbeFile], environment: Environment) -> Iterator[Problem]:
    """Endpoints, databases and services of probes are in the environment."""
    for place, step in _steps(file):
        word, known = _door(step, environment)
        name = getattr(step.through(file.document.defaults).call, word)
        if name is None and word == "service":
            continue  # the service under test
        if name not in known:
            what = f"names no {word}" if name is None else f"there is no {word} {name}"
            mend = nearest(name or "", sorted(known))
            yield file.problem(_said(file, place, step.kind, word), what, mend)


def _door(step: Step, environment: Environment) -> tuple[str, Iterable[str]]:
    section = environment.clinops
    if isinstance(step.call, SqlCall):
        return "database", section.databases.keys()
    if isinstance(step.call, CommandCall):
        return "service", environment.services.keys()
    return "endpoint", section.endpoints.keys()


def _said(file: Parsed[ProbeFile], place: Place, kind: str, word: str) -> Place:
    """Return where the name of a door stands: in the call, or in the defaults of the file."""
    places: list[Place] = [(*place, kind, word), ("defaults", kind, word)]
    return next((each for each in places if each in file.text.lines), (*place, kind))


def probes_name_known_attributes(
    file: Parsed[ProbeFile], is_known: Callable[[str], bool]
) -> Iterator[Problem]:
    """Keywords of DICOM probes are in the standard's dictionary."""
    for place, step in _steps(file):
        if isinstance(step.call, DicomCall):
            for at in _keywords(step.call):
                if not is_known(str(at[-1])):
                    what = f"DICOM has no attribute {at[-1]}"
                    yield file.problem((*place, "dicom", *at), what, "write its keyword (PS3.6)")


def _keywords(call: DicomCall) -> Iterator[Place]:
    yield from (("attributes", keyword) for keyword in call.attributes)
    for keyword, value in call.query.items():
        yield "query", keyword
        if not isinstance(value, str):
            for position, item in enumerate(value):
                yield from (("query", keyword, position, key) for key in item)


def _steps(file: Parsed[ProbeFile]) -> Iterator[tuple[Place, Step]]:
    for position, probe in enumerate(file.document.probes):
        for place, step in probe.sequence:
            yield ("probes", position, *place), step
