"""Evidence held against its own files: what a bundle says must follow from what it carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from clinops.domain.difference import Difference, declared
from clinops.domain.digest import digest_bytes
from clinops.domain.evidence import Evidence
from clinops.domain.inventory import Inventory
from clinops.domain.inventory_change import changes, differences
from clinops.domain.manifest import Manifest
from clinops.domain.parsing import parse
from clinops.errors import BadInputError

MANIFEST: Final = "manifest.yaml"
BEFORE: Final = "rehearsal/inventory-before-the-upgrade.json"
AFTER: Final = "rehearsal/inventory-after-the-upgrade.json"


def disagreements(evidence: Evidence, files: Mapping[str, bytes]) -> list[str]:
    """Say what of the evidence does not follow from its files; a sentence for each.

    Args:
        evidence: The evidence; that it agrees with itself is for `contradictions` to say.
        files: Every evidence file, each with the digest that the evidence names.
    """
    return [*_made_up_declarations(evidence, files), *_left_out_records(evidence, files)]


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


def _left_out_records(evidence: Evidence, files: Mapping[str, bytes]) -> Iterator[str]:
    """What an upgrade made of the records is in two inventories, for everybody to read."""
    if evidence.rehearsal is None or not evidence.rehearsal.upgraded:
        return
    try:
        before, after = (Inventory.model_validate_json(files[name]) for name in (BEFORE, AFTER))
    except (KeyError, ValueError):
        yield "the upgrade was rehearsed, and the records before and after it can't be read"
        return
    listed = {_bare(one) for one in evidence.differences}
    for one in differences(changes(before, after)):
        if _bare(one) not in listed:
            yield f"the difference in {one.subject} is left out, or told otherwise"


def _bare(difference: Difference) -> Difference:
    return difference.model_copy(update={"declared_by": None})
