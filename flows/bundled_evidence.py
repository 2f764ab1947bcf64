"""Evidence held against its own files: what a bundle says must follow from what it carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from clinops.domain.difference import Difference, declared
from clinops.domain.digest import digest_bytes
from clinops.domain.environment import ClinOpsSection, Environment
from clinops.domain.evidence import Evidence
from clinops.domain.inventory import Inventory
from clinops.domain.inventory_change import changes, differences
from clinops.domain.loss import Readings, altered, appeared, judged, losses
from clinops.domain.manifest import Manifest
from clinops.domain.materials_change import CHANGES, changes_in
from clinops.domain.outcome import Outcome
from clinops.domain.parsing import parse
from clinops.domain.rehearsal import Rehearsal, WayBack, shown
from clinops.errors import BadInputError, EvidenceError

MANIFEST: Final = "manifest.yaml"
COMPOSE: Final = "environment/compose.yaml"
BEFORE: Final = "rehearsal/inventory-before-the-upgrade.json"
AFTER: Final = "rehearsal/inventory-after-the-upgrade.json"
WRITTEN: Final = "rehearsal/inventory-after-writing.json"
BACK: Final = "rehearsal/inventory-after-the-way-back.json"


def disagreements(evidence: Evidence, files: Mapping[str, bytes]) -> list[str]:
    """Say what of the evidence does not follow from its files; a sentence for each.

    Args:
        evidence: The evidence; that it agrees with itself is for `contradictions` to say.
        files: Every evidence file, each with the digest that the evidence names.
    """
    made_up = _made_up_declarations(evidence, files)
    try:
        section = parse(COMPOSE, files.get(COMPOSE, b""), Environment).clinops
    except BadInputError as error:
        return [*made_up, f"{COMPOSE} can't be read: nobody knows what was to be tried: {error}"]
    return [
        *made_up,
        *_left_out_trials(evidence, section),
        *_made_up_materials(files),
        *_left_out_records(evidence, files, wrote=section.writer is not None),
    ]


def _made_up_declarations(evidence: Evidence, files: Mapping[str, bytes]) -> Iterator[str]:
    """A difference that the vendor declared refuses nothing, so the manifest must say it."""
    claimed = [one for one in evidence.differences if one.declared_by is not None]
    if not claimed:
        return
    data = files.get(MANIFEST, b"")
    if digest_bytes(data) != evidence.release.inputs.manifest:
        yield f"{MANIFEST} is not the one of the release, so that nothing counts as declared"
        return
    try:
        said = declared(claimed, parse(MANIFEST, data, Manifest).changes)
    except BadInputError as error:
        yield f"{MANIFEST} can't be read, so that nothing counts as declared: {error}"
        return
    for one, honest in zip(claimed, said, strict=True):
        if one != honest:
            yield f"the vendor's manifest does not declare that {one.subject} differs"


def _made_up_materials(files: Mapping[str, bytes]) -> Iterator[str]:
    """What changed of what the image is made of follows from the two bills."""
    try:
        found = changes_in(files)
    except EvidenceError as error:
        yield f"a bill of materials can't be read: {error}"
        return
    if files.get(CHANGES) != (found.text() if found else None):
        yield f"{CHANGES} does not say what changed between the two bills of materials"


def _left_out_trials(evidence: Evidence, section: ClinOpsSection) -> Iterator[str]:
    """What was to be tried is in the environment; a part that is not there can't find anything."""
    upgrades = evidence.outcome is Outcome.QUALIFIED and evidence.baseline_version is not None
    if upgrades and evidence.rehearsal is None:
        yield "the upgrade was not rehearsed, and nothing says why"
    asked = evidence.faults.asked if evidence.faults is not None else ()
    for fault in section.faults:
        if fault not in asked:
            yield f"the environment asks for the fault {fault}, and the evidence leaves it out"
    planned = {suite for suite, _ in evidence.plan}
    for suite in section.site_checks:
        if suite not in planned:
            yield f"sites are checked with the {suite} suite, and the evidence leaves it out"


def _left_out_records(
    evidence: Evidence, files: Mapping[str, bytes], *, wrote: bool
) -> Iterator[str]:
    """What both ways made of the records is in the inventories, for everybody to read."""
    found = evidence.rehearsal
    if found is None or not found.upgraded:
        return
    try:
        before, after = (_inventory(files, name) for name in (BEFORE, AFTER))
    except (KeyError, ValueError):
        yield "the upgrade was rehearsed, and the records before and after it can't be read"
        return
    listed = {_bare(one) for one in evidence.differences}
    for one in differences(changes(before, after)):
        if _bare(one) not in listed:
            yield f"the difference in {one.subject} is left out, or told otherwise"
    if found.way_back in {WayBack.IMPOSSIBLE, WayBack.NOT_TRIED}:
        return
    try:
        written = _inventory(files, WRITTEN) if wrote else after
        readings = Readings(before, after, written, _inventory(files, BACK))
    except (KeyError, ValueError):
        yield "the way back was rehearsed, and the records after it can't be read"
        return
    yield from _glossed_over(found, readings)


def _glossed_over(found: Rehearsal, readings: Readings) -> Iterator[str]:
    """What a way back came to can be judged again by anybody who has the four readings."""
    lost = [*losses(readings), *appeared(readings)]
    honest = judged(lost, readings, restored=found.strategy == "restore")
    if (found.way_back, found.lost, found.losses) != (honest, len(lost), shown(lost)):
        yield f"the way back is called {found.way_back}, and what was read after it says otherwise"
    if found.altered != shown(altered(readings.upgraded, readings.written)):
        yield "what writing new data altered is left out, or told otherwise"


def _inventory(files: Mapping[str, bytes], name: str) -> Inventory:
    return Inventory.model_validate_json(files[name])


def _bare(difference: Difference) -> Difference:
    return difference.model_copy(update={"declared_by": None})
