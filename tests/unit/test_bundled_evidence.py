"""What a bundle says must follow from what it carries."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import flows.bundle
from clinops.adapters import bundle as bundles
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.fault_trial import FaultsTried
from clinops.domain.inventory import Collection, Inventory, Source
from clinops.domain.inventory_change import changes, differences
from clinops.domain.loss import Readings, losses
from clinops.domain.outcome import Outcome
from clinops.domain.rehearsal import WayBack, shown
from flows.bundle import export_release, verify_bundle
from flows.bundled_evidence import AFTER, BACK, BEFORE, MANIFEST, WRITTEN, disagreements
from tests.fakes.assembled import as_compared, as_rehearsed, assembled, qualified_with
from tests.fakes.compared import comparison, group, rehearsal
from tests.fakes.wiring import COMPOSE, KEYS, FakeWiring, compose


def inventory(*names: str) -> Inventory:
    records = {str(number): {"name": name} for number, name in enumerate(names)}
    return Inventory(collections={"patients": Collection(source=Source.PROGRAM, records=records)})


BOTH, ONE = inventory("Ann", "Öberg"), inventory("Ann")
[GONE] = differences(changes(BOTH, ONE))
FILES = {
    name: read.model_dump_json().encode()
    for name, read in [(BEFORE, BOTH), (AFTER, ONE), (WRITTEN, ONE), (BACK, ONE)]
}
"""Of an upgrade that loses a record, which does not come back."""
LOSSES = losses(Readings(BOTH, ONE, ONE, ONE))
LOSSY = rehearsal(way_back=WayBack.LOSSY, lost=1, losses=shown(LOSSES))


def whole(
    wiring: FakeWiring, *found: Difference, covers: str = ""
) -> tuple[Evidence, dict[str, bytes]]:
    """Make evidence of that upgrade, with its files."""
    declared = [{"summary": "Merged", "covers": [covers]}] if covers else []
    record = wiring.offer(changes=declared)
    evidence = assembled(wiring, record, as_rehearsed(LOSSY, *found, **FILES)).evidence
    return evidence, {name: wiring.evidence.get(one) for name, one in evidence.files.items()}


def test_what_a_qualification_says_follows_from_its_files(wiring):
    assert disagreements(*whole(wiring, GONE)) == []
    assert disagreements(*whole(wiring, GONE, covers=GONE.subject)) == []


def test_a_rehearsal_that_failed_needs_no_inventories(wiring):
    evidence, files = whole(wiring)
    failed = rehearsal(upgraded=False)
    assert disagreements(evidence.model_copy(update={"rehearsal": failed}), files) == []
    stuck = LOSSY.model_copy(update={"way_back": WayBack.IMPOSSIBLE})
    del files[BACK]
    evidence = evidence.model_copy(update={"differences": (GONE,), "rehearsal": stuck})
    assert disagreements(evidence, files) == []


def test_a_release_can_not_qualify_without_its_rehearsal(wiring):
    evidence, files = whole(wiring)
    refused = evidence.model_copy(update={"rehearsal": None})
    assert disagreements(refused, files) == []
    qualified = refused.model_copy(update={"outcome": Outcome.QUALIFIED})
    told = ["the upgrade was not rehearsed, and nothing says why"]
    assert disagreements(qualified, files) == told
    new = qualified.model_copy(update={"baseline_version": None})
    assert disagreements(new, files) == []


def test_faults_that_the_environment_asks_for_can_not_be_left_out(wiring):
    wiring.commit({COMPOSE: compose(faults=["paused", "disk-full"])})
    evidence, files = whole(wiring, GONE)
    asked = FaultsTried(asked=("paused", "disk-full"), trials=())
    assert disagreements(evidence.model_copy(update={"faults": asked}), files) == []
    told = [
        f"the environment asks for the fault {fault}, and the evidence leaves it out"
        for fault in asked.asked
    ]
    assert disagreements(evidence.model_copy(update={"faults": None}), files) == told
    fewer = asked.model_copy(update={"asked": ("paused",)})
    assert disagreements(evidence.model_copy(update={"faults": fewer}), files) == told[1:]


def test_the_suite_that_sites_are_checked_with_can_not_be_left_out(wiring):
    evidence, files = whole(wiring, GONE)
    told = ["sites are checked with the smoke suite, and the evidence leaves it out"]
    assert disagreements(evidence.model_copy(update={"plan": ()}), files) == told


@pytest.mark.parametrize("data", [None, b"", b"services: {}"])
def test_without_the_environment_nobody_knows_what_was_to_be_tried(wiring, data):
    evidence, files = whole(wiring, GONE)
    del files["environment/compose.yaml"]
    found = files if data is None else {**files, "environment/compose.yaml": data}
    [told] = disagreements(evidence, found)
    assert told.startswith("environment/compose.yaml can't be read: nobody knows what was to be")


def test_a_way_back_can_not_be_called_better_than_it_was_read(wiring):
    evidence, files = whole(wiring, GONE)
    for better in (rehearsal(), LOSSY.model_copy(update={"lost": 0, "losses": ()})):
        forged = evidence.model_copy(update={"rehearsal": better})
        assert disagreements(forged, files) == [
            f"the way back is called {better.way_back}, and what was read after it says otherwise"
        ]


def test_what_writing_altered_can_not_be_left_out(wiring):
    evidence, files = whole(wiring, GONE)
    files[WRITTEN] = files[BACK] = inventory("Anne").model_dump_json().encode()
    assert "what writing new data altered is left out, or told otherwise" in disagreements(
        evidence, files
    )


@pytest.mark.parametrize("name", [WRITTEN, BACK])
def test_a_way_back_whose_records_are_not_there_proves_nothing(wiring, name):
    evidence, files = whole(wiring, GONE)
    del files[name]
    told = "the way back was rehearsed, and the records after it can't be read"
    assert disagreements(evidence, files) == [told]


def test_where_nothing_can_be_written_the_upgraded_records_count(wiring):
    wiring.commit({COMPOSE: compose(writer=None)})
    evidence, files = whole(wiring, GONE)
    del files[WRITTEN]
    assert disagreements(evidence, files) == []


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
        wiring, as_rehearsed(LOSSY, GONE, **FILES), as_compared(comparison(group()))
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
