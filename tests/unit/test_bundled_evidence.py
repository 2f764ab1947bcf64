"""What a bundle says must follow from what it carries."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import flows.bundle
from clinops.adapters import bundle as bundles
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.inventory_change import changes, differences
from flows.bundle import export_release, verify_bundle
from flows.bundled_evidence import AFTER, BEFORE, MANIFEST, disagreements
from tests.fakes.assembled import as_compared, as_rehearsed, assembled, qualified_with
from tests.fakes.compared import comparison, group, rehearsal
from tests.fakes.wiring import KEYS, FakeWiring


def inventory(*names: str) -> Inventory:
    records = {str(number): {"name": name} for number, name in enumerate(names)}
    return Inventory(collections={"patients": Collection(source=Source.PROGRAM, records=records)})


BOTH, ONE = inventory("Ann", "Öberg"), inventory("Ann")
[GONE] = differences(changes(BOTH, ONE))
FILES = {
    BEFORE: BOTH.model_dump_json().encode(),
    AFTER: ONE.model_dump_json().encode(),
}


def whole(
    wiring: FakeWiring, *found: Difference, covers: str = ""
) -> tuple[Evidence, dict[str, bytes]]:
    """Make evidence of an upgrade that loses a record, with its files."""
    declared = [{"summary": "Merged", "covers": [covers]}] if covers else []
    record = wiring.offer(changes=declared)
    evidence = assembled(wiring, record, as_rehearsed(rehearsal(), *found, **FILES)).evidence
    return evidence, {name: wiring.evidence.get(one) for name, one in evidence.files.items()}


def test_what_a_qualification_says_follows_from_its_files(wiring):
    assert disagreements(*whole(wiring, GONE)) == []
    assert disagreements(*whole(wiring, GONE, covers=GONE.subject)) == []


def test_evidence_without_a_rehearsal_needs_no_inventories(wiring):
    evidence, files = whole(wiring)
    assert disagreements(evidence.model_copy(update={"rehearsal": None}), files) == []
    failed = rehearsal(upgraded=False)
    assert disagreements(evidence.model_copy(update={"rehearsal": failed}), files) == []


def test_a_lost_record_can_not_be_left_out(wiring):
    told = disagreements(*whole(wiring))
    assert told == [f"the difference in {GONE.subject} is left out, or told otherwise"]


def test_a_lost_record_can_not_be_called_an_addition(wiring):
    harmless = GONE.model_copy(update={"change": "added"})
    assert len(disagreements(*whole(wiring, harmless))) == 1


@pytest.mark.parametrize("name", [BEFORE, AFTER])
@pytest.mark.parametrize("data", [None, b"{"])
def test_inventories_that_are_not_there_prove_nothing(wiring, name, data):
    evidence, files = whole(wiring, GONE)
    del files[name]
    found = files if data is None else {**files, name: data}
    assert disagreements(evidence, found) == [
        "the upgrade was rehearsed, and the records before and after it can't be read"
    ]


def test_a_declaration_can_not_be_made_up(wiring):
    evidence, files = whole(wiring, GONE)
    made_up = evidence.model_copy(
        update={"differences": (GONE.model_copy(update={"declared_by": "Merged"}),)}
    )
    told = disagreements(made_up, files)
    assert told == [f"the vendor's manifest does not declare that {GONE.subject} differs"]


def test_a_manifest_can_not_be_made_up_either(wiring):
    evidence, files = whole(wiring, GONE, covers=GONE.subject)
    told = disagreements(evidence, {**files, MANIFEST: files[MANIFEST] + b"\n"})
    assert told == [
        "manifest.yaml is not the one of the release, so that nothing counts as declared"
    ]


def test_a_manifest_that_can_not_be_read_declares_nothing(wiring):
    evidence, files = whole(wiring, GONE, covers=GONE.subject)
    digest = wiring.evidence.put(b"schema: 9\n")
    inputs = evidence.release.inputs.model_copy(update={"manifest": digest})
    release = evidence.release.model_copy(update={"inputs": inputs})
    changed = evidence.model_copy(update={"release": release})
    [told] = disagreements(changed, {**files, MANIFEST: b"schema: 9\n"})
    assert told.startswith("manifest.yaml can't be read, so that nothing counts as declared")


def test_a_verified_bundle_says_so(wiring, tmp_path, monkeypatch):
    monkeypatch.setattr(flows.bundle, "offline_signatures", lambda: KEYS)
    record = qualified_with(
        wiring, as_rehearsed(rehearsal(), GONE, **FILES), as_compared(comparison(group()))
    )
    path: Path = tmp_path / "b.tar"
    export_release(record, wiring, path)
    assert verify_bundle(path, digest=None, signers=None).holds
    bundle = bundles.read(path)
    doctored = bundle.evidence.model_copy(update={"differences": (), "findings": ()})
    path.write_bytes(bundles._pack(dataclasses.replace(bundle, evidence=doctored)))
    bad = "\n".join(verify_bundle(path, digest=None, signers=None).bad)
    assert f"the evidence contradicts itself: the difference in {GONE.subject} is left out" in bad
    assert "the difference in behaviour: http body/*/Name: changed is left out" in bad
