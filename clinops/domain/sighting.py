"""A sighting: what was seen of a system that nobody has described yet, read from its own /proc."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pydantic import JsonValue

from clinops.domain.digest import Digest
from clinops.domain.value import Value

_LISTENS: Final = "0A"
_RESOLVER: Final = ipaddress.ip_address("127.0.0.11")
"""The engine's own, in every container."""
_INIT: Final = "docker-init"

DATABASES: Final = {
    "postgres": "postgresql",
    "postmaster": "postgresql",
    "mariadbd": "mariadb",
    "mysqld": "mariadb",
}
"""The kinds of databases that ClinOps reads, by the name of their server's process."""
OTHER_DATABASES: Final = {
    "mongod": "MongoDB",
    "oracle": "Oracle Database",
    "redis-server": "Redis",
    "sqlservr": "Microsoft SQL Server",
}
"""Those that it can't read yet."""
DATABASE_PORTS: Final = {"postgresql": 5432, "mariadb": 3306}


class ImageFacts(Value):
    """What an image says about itself; a vendor's words, hostile until escaped."""

    id: Digest
    reference: str
    """How it was asked for."""
    pinned: str | None = None
    """`name@sha256:…`, where a registry gave it; none for an image of this machine only."""
    version: str | None = None
    """As its label `org.opencontainers.image.version` has it."""
    user: str = ""
    ports: tuple[int, ...] = ()
    """TCP ports that it says it listens on."""
    volumes: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    """Its own check, with `CMD` or `CMD-SHELL` first."""
    command: tuple[str, ...] = ()
    """Entrypoint and command."""


class Process(Value):
    """A program that runs, and as whom."""

    program: str
    """The kernel's name for it, at most 15 letters."""
    user: str
    """By name, or by number where the container has no name for it."""


class Inside(Value):
    """What one look into a service's container showed."""

    shell: bool = True
    """Whether commands could be run at all."""
    ports: tuple[int, ...] = ()
    """TCP ports that others can reach."""
    loopback: tuple[int, ...] = ()
    """TCP ports that only the container itself can reach."""
    processes: tuple[Process, ...] = ()
    files: tuple[str, ...] = ()
    """What the image speaks of and really is there."""
    written: tuple[str, ...] = ()
    """Files that were made or changed since the start, outside volumes."""

    @property
    def databases(self) -> tuple[str, ...]:
        """Kinds of database servers that run here."""
        found = {DATABASES[p.program] for p in self.processes if p.program in DATABASES}
        return tuple(sorted(found))

    @property
    def unread_databases(self) -> tuple[str, ...]:
        """Database servers that ClinOps can't read."""
        names = {OTHER_DATABASES.get(process.program) for process in self.processes}
        return tuple(sorted(name for name in names if name))


class Door(Value):
    """A port that others can reach, and what is spoken there."""

    name: str
    """What it is called in `x-clinops`."""
    service: str
    port: int
    speaks: str
    """`http`, `dicom`, `mllp`, a kind of database, or nothing that was recognised."""


class Answer(Value):
    """What a door answered to one question: the question becomes a probe."""

    door: str
    kind: str
    """`http`, `dicom` or `hl7`."""
    path: str = ""
    status: int | None = None
    media_type: str = ""
    title: str = ""
    """A page's title, hostile until escaped."""
    fhir: str = ""
    """The version of FHIR that a capability statement names."""


class Sighting(Value):
    """Everything that was seen of a system."""

    services: dict[str, Inside]
    capabilities: tuple[str, ...] = ()
    """Services that did not stay up without capabilities, and did with the harmless ones."""
    doors: tuple[Door, ...] = ()
    answers: tuple[Answer, ...] = ()
    checks: dict[str, str] = {}
    """By service: a health check of ours, which passed on it."""


class Listening(NamedTuple):
    """The ports of one look, by who can reach them."""

    reachable: frozenset[int]
    loopback: frozenset[int]


def listening_in(table: str) -> Listening:
    """Read `/proc/net/tcp` and `/proc/net/tcp6`; the engine's resolver is left out."""
    sockets = set(_sockets(table.splitlines()))
    reachable = frozenset(port for address, port in sockets if not address.is_loopback)
    inner = frozenset(port for address, port in sockets if address.is_loopback) - reachable
    return Listening(reachable, inner)


def _sockets(
    lines: Iterable[str],
) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    for line in lines:
        columns = line.split()
        if len(columns) < 4 or columns[3] != _LISTENS:  # noqa: PLR2004  # number, local, remote, state
            continue
        host, _, port = columns[1].partition(":")
        address = _address(host)
        if address != _RESOLVER:
            yield address, int(port, 16)


def _address(digits: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address as the kernel writes it: words of four bytes, each back to front."""
    raw = bytes.fromhex(digits)
    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(words)
    return getattr(address, "ipv4_mapped", None) or address


def processes_in(statuses: str, users: str) -> frozenset[Process]:
    """Read `/proc/*/status`, one after another, with the names that `/etc/passwd` gives.

    What was run in the container from outside (this very look) is left out: its parent is none of
    the container's own.
    """
    found = {one["Pid"]: one for one in _statuses(statuses)}
    names = _names(users)
    return frozenset(
        Process(program=one["Name"], user=names.get(uid := one["Uid"].split()[0], uid))
        for one in found.values()
        if one["Name"] != _INIT and _is_its_own(one, found)
    )


def _is_its_own(one: dict[str, str], found: dict[str, dict[str, str]]) -> bool:
    """Whether a process descends from the container's first."""
    for _ in range(len(found) + 1):
        if one["Pid"] == "1":
            return True
        if (parent := found.get(one["PPid"])) is None:
            return False
        one = parent
    return False


def _statuses(text: str) -> Iterator[dict[str, str]]:
    wanted = ("Name", "Pid", "PPid", "Uid")
    one: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "Name":
            one = {}
        if key in wanted and value.strip():
            one[key] = value.strip()
            if len(one) == len(wanted):
                yield one


def _names(users: str) -> dict[str, str]:
    fields = (line.split(":") for line in users.splitlines())
    found = [(parts[2], parts[0]) for parts in fields if len(parts) > 2 and parts[0]]  # noqa: PLR2004
    # The first entry of a number counts, as it does for the system itself.
    return dict(reversed(found))


def answer_in(tree: JsonValue, door: str, path: str) -> Answer:
    """Read from an HTTP answer what a person would look at first."""
    status = _at(tree, "status")
    body = _at(tree, "body")
    media = str(_at(tree, "headers", "content-type") or "").partition(";")[0].strip().lower()
    capable = _at(body, "resourceType") == "CapabilityStatement"
    return Answer(
        door=door,
        kind="http",
        path=path,
        status=status if isinstance(status, int) else None,
        media_type=media,
        title=_title(body),
        fhir=str(_at(body, "fhirVersion") or "") if capable else "",
    )


def _at(tree: JsonValue, *keys: str) -> JsonValue:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _title(body: JsonValue) -> str:
    if not isinstance(body, list):
        return ""
    page = " ".join(line for line in body if isinstance(line, str))
    start = page.lower().find("<title>")
    end = page.lower().find("</title>", start)
    return " ".join(page[start + len("<title>") : end].split()) if 0 <= start < end else ""
