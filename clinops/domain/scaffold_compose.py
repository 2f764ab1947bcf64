"""The first `compose.yaml` of a newcomer, with what was seen and what a person must decide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from clinops.domain.carried_over import Draft
from clinops.domain.newcomer import Newcomer
from clinops.domain.scaffold_yaml import comment, cut, dump
from clinops.domain.sighting import DATABASE_PORTS, Door, Sighting

HARMLESS_CAPABILITIES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""What a service gets that does not stay up without: what a start as root needs to step down."""


def compose(new: Newcomer, seen: Sighting) -> str:
    """Write `compose.yaml`, with what was seen of each service beside it."""
    head = comment(
        f"A first draft by `clinops new`, from {cut(new.under_test.reference)} as it was seen to "
        "run: isolated, without a way out, with no rights but those named here.",
        "Lines that begin with DECIDE are for a person who knows the system.",
        *(f"LEFT OUT: {cut(one.what)}" for one in new.draft.left_out),
    )
    data = document(new.draft, seen)
    services = "".join(
        textwrap.indent(comment(*_about(name, new, seen)) + dump({name: service}), "  ")
        for name, service in data["services"].items()
    )
    parts = [head, dump({"name": data["name"]}), "services:\n", services]
    if data["volumes"]:
        parts.append(dump({"volumes": data["volumes"]}))
    parts += [comment(*_about_doors(seen)), dump({"x-clinops": data["x-clinops"]})]
    return "".join(parts)


def document(draft: Draft, seen: Sighting) -> dict[str, Any]:
    """Put what was found out by looking into a draft."""
    services = {}
    for name, one in draft.data["services"].items():
        service = dict(one)
        if name in seen.capabilities:
            asked = [*service.get("cap_add", ()), *HARMLESS_CAPABILITIES]
            service["cap_add"] = list(dict.fromkeys(asked))
        if name in seen.checks:
            service["healthcheck"] = {"test": ["CMD-SHELL", seen.checks[name]]}
        services[name] = service
    section = draft.data["x-clinops"]
    doors = {door.name: f"{door.service}:{door.port}" for door in seen.doors}
    return {**draft.data, "services": services, "x-clinops": {**section, "endpoints": doors}}


def _about(name: str, new: Newcomer, seen: Sighting) -> Iterator[str]:
    """Say what was seen of a service, and what its person must decide."""
    inside, facts = seen.services[name], new.facts[name]
    yield f"{name}: the image runs as {cut(facts.user) or 'root'}."
    if not inside.shell:
        yield "DECIDE: the image has no shell, so nothing inside was looked at; is it all there?"
    if inside.processes:
        listed = ", ".join(f"{one.program} as {one.user}" for one in inside.processes[:20])
        yield f"Seen to run: {cut(listed)}."
    if inside.loopback:
        yield f"Open to itself only: port {_numbers(inside.loopback)}."
    silent = sorted(set(facts.ports) - set(inside.ports))
    if silent:
        yield f"DECIDE: the image names port {_numbers(silent)}, which nothing listened on."
    yield from _about_starting(name, new, seen)
    if new.draft.data["services"][name].get("environment"):
        yield "DECIDE: `environment` stands here for all to read: is each secret a made-up one?"
    yield from _about_data(inside.written, bool(new.draft.data["services"][name].get("volumes")))
    for kind in inside.databases:
        yield (
            f"DECIDE: this is a {kind} database: name it in `x-clinops.databases` (docs/inventory"
            ".md), so that every record is counted before and after an upgrade."
        )
    for kind in inside.unread_databases:
        yield f"DECIDE: {kind} can't be read by ClinOps: write an inventory program."


def _about_starting(name: str, new: Newcomer, seen: Sighting) -> Iterator[str]:
    if name in seen.capabilities:
        yield (
            "DECIDE: it did not stay up without capabilities; it did with these. Start it as its "
            "own user (`user:`) and leave them out, if it can be."
        )
    if name in seen.checks:
        yield (
            "DECIDE: the image has no health check. This one only asks whether its ports are open; "
            "write one that asks whether it can do its work."
        )
    elif "healthcheck" not in new.draft.data["services"][name]:
        yield "DECIDE: nothing says when it is ready: write a `healthcheck`."


def _about_data(written: Sequence[str], volumes: bool) -> Iterator[str]:
    if not volumes:
        yield (
            "DECIDE: no volume is declared. Whatever must survive an upgrade belongs into one: "
            "`volumes: [data:/path]` here, and `data:` below `volumes:` at the end."
        )
    if written:
        yield (
            "Written to since the start, outside volumes, so lost with each new version: "
            f"{cut(', '.join(written))}."
        )


def _about_doors(seen: Sighting) -> Iterator[str]:
    yield "Doors for suites and probes; what was heard at each:"
    for door in seen.doors:
        yield f"- {door.name}: {cut('; '.join(_heard(door, seen)))}"
    if not seen.doors:
        yield "DECIDE: no port that others can reach was open."
    yield (
        "DECIDE: `seed:`, a program that fills it with synthetic patients, and `inventory:`, one "
        "that reads them back, are what makes the rehearsal of an upgrade worth something."
    )


def _heard(door: Door, seen: Sighting) -> Iterator[str]:
    if door.speaks in DATABASE_PORTS:
        yield door.speaks
    for answer in (one for one in seen.answers if one.door == door.name):
        if answer.kind != "http":
            yield "C-ECHO is answered" if answer.kind == "dicom" else "HL7 is acknowledged"
        elif answer.fhir:
            yield f"FHIR {answer.fhir} at {answer.path}"
        else:
            said = " ".join(x for x in (answer.media_type, answer.title) if x)
            yield f"GET {answer.path} gives {answer.status} {said}".rstrip()
    if door.speaks == "dicom" and not any(one.door == door.name for one in seen.answers):
        yield "DICOM, which rejects the title ANY-SCP; DECIDE: give the right one in probes"
    if not door.speaks:
        yield "nothing that was recognised; DECIDE: what is it?"


def _numbers(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports))
