"""From what was seen of a system to the first files of an estate about it.

What a vendor's image says stands in them only as data (YAML through a dumper, Python through
`repr`) or, in comments, made harmless: it can't add a line, a key or a statement of its own.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from packaging.version import InvalidVersion, Version

from clinops.domain.carried_over import Draft
from clinops.domain.plain_words import harmless
from clinops.domain.scaffold_suites import suites
from clinops.domain.sighting import DATABASE_PORTS, Door, ImageFacts, Sighting

_LONGEST: Final = 160
_WIDTH: Final = 96
HARMLESS_CAPABILITIES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""What a service gets that does not stay up without: what a start as root needs to step down."""


@dataclass(frozen=True)
class Newcomer:
    """What a person asked for: a product, and what is known about its package."""

    product: str
    vendor: str
    version: str
    draft: Draft
    facts: Mapping[str, ImageFacts]
    """What the images say about themselves, by service."""
    package: Mapping[str, Any]
    """As the manifest has it."""

    @property
    def under_test(self) -> ImageFacts:
        """What the package's image says."""
        return self.facts[self.draft.under_test]


def version_in(facts: ImageFacts) -> str | None:
    """Return the version that an image's label or tag gives, if it can be ordered."""
    tag = facts.reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    for text in (facts.version or "", tag):
        for candidate in (text, text.removeprefix("v"), *re.findall(r"^v?(\d+(?:\.\d+)+)", text)):
            if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}", candidate):
                try:
                    Version(candidate)
                except InvalidVersion:
                    continue
                return str(candidate)
    return None


def scaffold(new: Newcomer, seen: Sighting) -> dict[str, bytes]:
    """Write the files about a newcomer, by their paths in the estate."""
    home = f"environments/{new.product}"
    hazard = hazard_ids(new.product)
    documents = {
        f"{home}/compose.yaml": _compose(new, seen),
        f"{home}/hazards.yaml": _hazards(new, hazard),
        f"{home}/gate.yaml": _gate(),
        f"vendor_manifests/{new.vendor}/{new.product}.yaml": _manifest(new),
    }
    tests = suites(new.product, new.draft.under_test, seen, hazard)
    return {path: text.encode() for path, text in {**documents, **tests}.items()}


def shared(new: Newcomer) -> dict[str, bytes]:
    """Write the files that an estate has once; they are added where there is none."""
    vendor = {"schema": 1, "name": new.vendor, "keys": []}
    who = "Whose commits may touch this folder. No keys yet: only the trust changes it."
    return {
        f"vendor_manifests/{new.vendor}/vendor.yaml": (_comment(who) + dump(vendor)).encode(),
        "environments/signers.yaml": (
            _comment("Who of the trust may sign and push: docs/gate.md. Nobody yet.")
            + dump({"schema": 1, "signers": {}})
        ).encode(),
        "environments/sites.yaml": (
            _comment("Where releases go. No site yet.") + dump({"schema": 1, "sites": {}})
        ).encode(),
    }


def hazard_ids(product: str) -> tuple[str, str, str]:
    """Name three hazards of a product: unavailable, wrong patient, altered."""
    letters = re.sub(r"[^A-Z]", "", product.upper())
    prefix = f"{letters}XXX"[:3]
    return f"{prefix}-001", f"{prefix}-002", f"{prefix}-003"


class _Plain(yaml.SafeDumper):
    """Quotes whatever begins like a number: readers disagree about what is one."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text[:1].isalpha() or text[:1] == "/" else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)
_Plain.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)


def dump(data: Any) -> str:
    """Write data as YAML, in the order given."""
    text: str = yaml.dump(data, Dumper=_Plain, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return text


def _comment(*lines: str) -> str:
    """Write lines as comments: foreign text among them can't end one."""
    return "".join(
        textwrap.fill(
            " ".join(harmless(line).split()),
            width=_WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for line in lines
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _compose(new: Newcomer, seen: Sighting) -> str:
    head = _comment(
        f"A first draft by `clinops new`, from {_cut(new.under_test.reference)} as it was seen to "
        "run: isolated, without a way out, with no rights but those named here.",
        "Lines that begin with DECIDE are for a person who knows the system.",
        *(f"LEFT OUT: {_cut(one.what)}" for one in new.draft.left_out),
    )
    data = document(new.draft, seen)
    services = "".join(
        textwrap.indent(_comment(*_about(name, new, seen)) + dump({name: service}), "  ")
        for name, service in data["services"].items()
    )
    parts = [head, dump({"name": data["name"]}), "services:\n", services]
    if data["volumes"]:
        parts.append(dump({"volumes": data["volumes"]}))
    parts += [_comment(*_about_doors(seen)), dump({"x-clinops": data["x-clinops"]})]
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
    yield f"{name}: the image runs as {_cut(facts.user) or 'root'}."
    if not inside.shell:
        yield "DECIDE: the image has no shell, so nothing inside was looked at; is it all there?"
    if inside.processes:
        listed = ", ".join(f"{one.program} as {one.user}" for one in inside.processes[:20])
        yield f"Seen to run: {_cut(listed)}."
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
            f"{_cut(', '.join(written))}."
        )


def _about_doors(seen: Sighting) -> Iterator[str]:
    yield "Doors for suites and probes; what was heard at each:"
    for door in seen.doors:
        yield f"- {door.name}: {_cut('; '.join(_heard(door, seen)))}"
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


def _manifest(new: Newcomer) -> str:
    comment = [f"{new.product}, as it was seen in {_cut(new.under_test.reference)}."]
    if "archive" in new.package:
        comment.append(
            "The package is an archive: the same file must lie in the drop folder of whoever "
            "tests it (`drop` in an estate)."
        )
    if new.version == UNKNOWN_VERSION:
        comment.append("DECIDE: neither label nor tag of the image gives a version.")
    comment.append(
        "DECIDE: the way back. Nothing promises that an older version reads what a newer one has "
        "opened; a backup does, and loses what was entered meanwhile."
    )
    manifest = {
        "schema": 1,
        "product": new.product,
        "vendor": new.vendor,
        "version": new.version,
        "package": dict(new.package),
        "kind": "new-system",
        "rollback": {"strategy": "restore"},
    }
    return _comment(*comment) + dump(manifest)


UNKNOWN_VERSION: Final = "0"

_WORST: Final = {"severity": "catastrophic", "likelihood": "very-high"}
_DRAFT: Final = (
    (
        "The system is unavailable",
        "availability",
        "It does not answer when it is needed.",
        ["failed upgrade", "wrong configuration", "a service that it needs is gone"],
        "Staff work without what it would tell them.",
        "Delayed or missing treatment.",
    ),
    (
        "Data is shown for the wrong patient",
        "patient identity",
        "What belongs to one patient is stored, found or shown under another.",
        ["records merged or matched wrongly", "a search that is too wide", "a mixed-up session"],
        "A decision is made on another person's data.",
        "Treatment of the wrong patient.",
    ),
    (
        "Data is altered or lost",
        "data integrity",
        "What is read differs from what was written, or is not there any more.",
        ["conversion at an upgrade", "cut or rounded values", "storage fault"],
        "A decision is made on wrong data.",
        "Wrong or missing treatment.",
    ),
)


def _hazards(new: Newcomer, ids: Sequence[str]) -> str:
    head = _comment(
        "DRAFT by `clinops new`: three hazards that every clinical system has. No clinician has "
        "seen them.",
        "DECIDE: a clinician replaces texts and scores, and adds what this system can do to "
        "patients. Each score is the worst there is until then, on purpose.",
        "While `demonstration` is true, no gate opens on this log.",
    )
    hazards = [
        {
            "id": one,
            "name": name,
            "type": kind,
            "description": f"DRAFT. {description}",
            "causes": causes,
            "effect": effect,
            "harm": harm,
            "initial": dict(_WORST),
            "residual": dict(_WORST),
            "owner": "Nobody yet",
            "status": "open",
        }
        for one, (name, kind, description, causes, effect, harm) in zip(ids, _DRAFT, strict=True)
    ]
    log = {"schema": 1, "product": new.product, "demonstration": True, "hazards": hazards}
    return head + dump(log)


def _gate() -> str:
    head = _comment(
        "Who must sign off before a release is deployed: docs/gate.md. Two people in two roles.",
        "DECIDE: who else answers for this system, and whether a change of it can ever be an "
        "emergency.",
    )
    gate = {
        "schema": 1,
        "requires": [{"role": "clinical-safety-officer"}, {"role": "operations"}],
        "sign_offs_expire_after_days": 14,
        "accept_demonstration": False,
    }
    return head + dump(gate)
