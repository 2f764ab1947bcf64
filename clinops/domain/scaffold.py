"""From what was seen of a system to the first files of an estate about it.

What a vendor's image says stands in them only as data (YAML through a dumper, Python through
`repr`) or, in comments, made harmless: it can't add a line, a key or a statement of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from clinops.domain.newcomer import UNKNOWN_VERSION, Newcomer
from clinops.domain.scaffold_compose import compose
from clinops.domain.scaffold_suites import suites
from clinops.domain.scaffold_yaml import comment, cut, dump
from clinops.domain.sighting import Sighting


def scaffold(new: Newcomer, seen: Sighting) -> dict[str, bytes]:
    """Write the files about a newcomer, by their paths in the estate."""
    home = f"environments/{new.product}"
    hazard = hazard_ids(new.product)
    documents = {
        f"{home}/compose.yaml": compose(new, seen),
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
        f"vendor_manifests/{new.vendor}/vendor.yaml": (comment(who) + dump(vendor)).encode(),
        "environments/signers.yaml": (
            comment("Who of the trust may sign and push: docs/gate.md. Nobody yet.")
            + dump({"schema": 1, "signers": {}})
        ).encode(),
        "environments/sites.yaml": (
            comment("Where releases go. No site yet.") + dump({"schema": 1, "sites": {}})
        ).encode(),
    }


def hazard_ids(product: str) -> tuple[str, str, str]:
    """Name three hazards of a product: unavailable, wrong patient, altered."""
    letters = re.sub(r"[^A-Z]", "", product.upper())
    prefix = f"{letters}XXX"[:3]
    return f"{prefix}-001", f"{prefix}-002", f"{prefix}-003"


def _manifest(new: Newcomer) -> str:
    said = [f"{new.product}, as it was seen in {cut(new.under_test.reference)}."]
    if "archive" in new.package:
        said.append(
            "The package is an archive: the same file must lie in the drop folder of whoever "
            "tests it (`drop` in an estate)."
        )
    if new.version == UNKNOWN_VERSION:
        said.append("DECIDE: neither label nor tag of the image gives a version.")
    said.append(
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
    return comment(*said) + dump(manifest)


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
    head = comment(
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
    head = comment(
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
