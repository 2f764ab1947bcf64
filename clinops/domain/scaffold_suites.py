"""The first suites and probes of a newcomer: what was seen once must be so every time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from clinops.domain.sighting import Answer, Sighting

MESSAGE: Final = (
    "MSH|^~\\&|CLINOPS|NEW|||20260101000000||QBP^Q22^QBP_Q21|CLINOPS1|T|2.5\n"
    "QPD|Q22^Find Candidates^HL7|CLINOPS1|@PID.3.1^9990000018\n"
    "RCP|I"
)
"""A question about a patient that nobody has; it writes nothing."""
ACCEPT: Final = "application/fhir+json, */*;q=0.8"
"""The same for the look, the suites and the probes: an answer may depend on it."""

_CONFTEST: Final = '''\
"""What the suites of this product share: what the container itself says of its processes."""

import httpx
import pytest

ACCEPT = "{ACCEPT}"
LISTENS = "0A"


@pytest.fixture(scope="session")
def processes(service_host):
    """A factory: program and user of each process of a service; images often have no `ps`."""

    def of(service):
        host = service_host(service)
        lines = host.run("cat /etc/passwd").stdout.splitlines()
        entries = [line.split(":") for line in lines if line.count(":") > 1]
        names = {entry[2]: entry[0] for entry in reversed(entries)}
        found, program = set(), ""
        for line in host.run("cat /proc/[0-9]*/status 2>/dev/null").stdout.splitlines():
            key, _, value = line.partition(":")
            if key == "Name":
                program = value.strip()
            elif key == "Uid":
                uid = value.split()[0]
                found.add((program, names.get(uid, uid)))
        return found

    return of


@pytest.fixture(scope="session")
def listening(service_host):
    """A factory: the open TCP ports of a service; images often have no `ss`."""

    def on(service):
        table = service_host(service).run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null").stdout
        rows = [line.split() for line in table.splitlines()]
        open_ = [row for row in rows if len(row) > 3 and row[3] == LISTENS]
        return {int(row[1].rpartition(":")[2], 16) for row in open_}

    return on


@pytest.fixture(scope="session")
def ask(address_of):
    """A factory: the answer to GET on an endpoint; a redirect is an answer."""

    def get(endpoint, path):
        ip, port = address_of(endpoint)
        address = f"http://{ip}:{port}{path}"
        return httpx.get(address, headers={"accept": ACCEPT}, trust_env=False, timeout=20)

    return get
'''
_HEAD: Final = '''\
"""{what}

A first draft by `clinops new`, from what was seen of a running system.
"""

'''
_INI: Final = """\
[pytest]
{note}
dicom_aet = ANY-SCP
timeout = 30
"""


def suites(product: str, under_test: str, seen: Sighting, hazards: Sequence[str]) -> dict[str, str]:
    """Write suites and probes, by their paths in the estate."""
    home = f"test_suites/{product}"
    files = {
        f"{home}/conftest.py": _CONFTEST.replace("{ACCEPT}", ACCEPT),
        f"{home}/smoke/pytest.ini": _INI.format(
            note="# Smoke runs on sites as well, after a deployment: it reads, and never writes."
        ),
        f"{home}/smoke/test_service.py": _service(under_test, seen, hazards[0]),
    }
    if seen.doors:
        files[f"{home}/regression/pytest.ini"] = _INI.format(
            note="# Regression runs on replicas only, so it may write."
        )
        files[f"{home}/regression/test_answers.py"] = _regression(seen, hazards)
    if probes := _probes(seen, hazards):
        head = "# What answered when `clinops new` asked. Add what clinicians do all day.\n"
        document = {
            "schema": 1,
            "product": product,
            "defaults": {"http": {"headers": {"accept": ACCEPT}}},
            "probes": probes,
        }
        text = yaml.safe_dump(document, sort_keys=False, width=96)
        files[f"{home}/probes/first.yaml"] = head + text
    return files


def _service(under_test: str, seen: Sighting, hazard: str) -> str:
    """Write what the container itself and its doors show."""
    ordered = sorted(seen.services.items(), key=lambda item: item[0] != under_test)
    rows = [
        (name, process.program, process.user) for name, one in ordered for process in one.processes
    ]
    ports = [(name, port) for name, one in ordered if one.shell for port in one.ports]
    files = [(name, file) for name, one in ordered for file in one.files]
    asked = [(x.door, x.path, x.status, x.media_type) for x in seen.answers if x.kind == "http"]
    doors = [door.name for door in seen.doors]
    parts = [
        _HEAD.format(what="The service as its container and its clients see it."),
        "import socket\n\n" if doors else "",
        "import pytest\n\n",
        f"pytestmark = pytest.mark.hazard({_quoted(hazard)})\n",
        _constant("PROCESSES", rows) + _RUNS if rows else "",
        _constant("PORTS", ports) + _LISTENS_ON if ports else "",
        _constant("FILES", files) + _IS_THERE if files else "",
        _constant("DOORS", doors) + _CAN_BE_REACHED if doors else "",
        _constant("ANSWERS", asked) + _ANSWERS if asked else "",
        _ECHO if _kinds(seen, "dicom") and _is_the_fixtures(seen) else "",
    ]
    return "".join(parts)


def _regression(seen: Sighting, hazards: Sequence[str]) -> str:
    """Write what the system says, and that it goes on; it needs at least one door."""
    titles = [(x.door, x.path, x.title) for x in seen.answers if x.title]
    fhir = [(x.door, x.path, x.fhir) for x in seen.answers if x.fhir]
    parts = [
        _HEAD.format(what="What the system says: the start of a suite that knows its work."),
        "import socket\n\nimport pytest\n\n",
        f"pytestmark = pytest.mark.hazard({_quoted(hazards[0], hazards[2])})\n",
        _constant("DOORS", [door.name for door in seen.doors]) + _GOES_ON,
        _constant("TITLES", titles) + _TITLE if titles else "",
        _constant("STATEMENTS", fhir) + _FHIR if fhir else "",
    ]
    return "".join(parts)


def _constant(name: str, rows: Sequence[object]) -> str:
    """Write rows as Python: `repr` escapes whatever they hold."""
    lines = "".join(f"    {row!r},\n" for row in rows)
    return f"\n\n{name} = [\n{lines}]\n"


def _quoted(*names: str) -> str:
    return ", ".join(json.dumps(name) for name in names)


def _kinds(seen: Sighting, kind: str) -> list[Answer]:
    return [answer for answer in seen.answers if answer.kind == kind]


def _is_the_fixtures(seen: Sighting) -> bool:
    """Whether the endpoint is the one that the fixture `dicom` knocks at."""
    return any(answer.door == "dicom" for answer in _kinds(seen, "dicom"))


_RUNS: Final = """

@pytest.mark.parametrize(("service", "program", "user"), PROCESSES)
def test_runs_as_its_user(processes, service, program, user):
    assert (program, user) in processes(service)
"""
_LISTENS_ON: Final = """

@pytest.mark.parametrize(("service", "port"), PORTS)
def test_listens(listening, service, port):
    assert port in listening(service)
"""
_IS_THERE: Final = """

@pytest.mark.parametrize(("service", "path"), FILES)
def test_has_what_it_needs(service_host, service, path):
    assert service_host(service).file(path).exists
"""
_CAN_BE_REACHED: Final = """

@pytest.mark.parametrize("endpoint", DOORS)
def test_can_be_reached(address_of, endpoint):
    with socket.create_connection(address_of(endpoint), timeout=10):
        pass
"""
_ANSWERS: Final = """

@pytest.mark.parametrize(("endpoint", "path", "status", "media_type"), ANSWERS)
def test_answers(ask, endpoint, path, status, media_type):
    answer = ask(endpoint, path)
    assert answer.status_code == status
    assert answer.headers.get("content-type", "").partition(";")[0].strip().lower() == media_type
"""
_ECHO: Final = """

def test_answers_c_echo(dicom):
    dicom.echo()
"""
_TITLE: Final = """

@pytest.mark.parametrize(("endpoint", "path", "title"), TITLES)
def test_shows_its_title(ask, endpoint, path, title):
    assert title in " ".join(ask(endpoint, path).text.split())
"""
_FHIR: Final = """

@pytest.mark.parametrize(("endpoint", "path", "version"), STATEMENTS)
def test_states_its_version_of_fhir(ask, endpoint, path, version):
    statement = ask(endpoint, path).json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", version)
"""
_GOES_ON: Final = """

@pytest.mark.parametrize("endpoint", DOORS)
def test_is_there_for_the_next_after_many_have_come_and_gone(address_of, endpoint):
    for _ in range(50):
        with socket.create_connection(address_of(endpoint), timeout=10):
            pass
"""


def _probes(seen: Sighting, hazards: Sequence[str]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for answer in seen.answers:
        where = "-".join(part for part in answer.path.lower().split("/") if part) or "root"
        about = {"id": f"{answer.door}-{where}"[:63], "hazards": [hazards[0], hazards[2]]}
        if answer.kind == "http":
            found.append({**about, "http": {"endpoint": answer.door, "path": answer.path}})
        elif answer.kind == "dicom":
            call = {"endpoint": answer.door, "verb": "echo"}
            found.append({**about, "id": f"{answer.door}-echo"[:63], "dicom": call})
        else:
            call = {"endpoint": answer.door, "message": MESSAGE}
            found.append({**about, "id": f"{answer.door}-query"[:63], "hl7": call})
    return found
