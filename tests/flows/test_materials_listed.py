"""What images are made of, as a qualification lists it and as people read it."""

from __future__ import annotations

import pytest

from clinops.domain.finding import Weight
from clinops.domain.materials_change import CHANGES
from clinops.domain.outcome import State
from clinops.errors import EvidenceError
from flows.bundled_evidence import disagreements
from flows.gate import load_evidence
from flows.materials import changes_of
from tests.fakes.materials import deb, offered
from tests.fakes.wiring import FakeWiring

BASELINE, CANDIDATE = "materials/baseline.cdx.json", "materials/candidate.cdx.json"


def test_evidence_has_both_bills_and_what_changed_in_words(wiring):
    record = offered(wiring, deb("zlib1g", "1:1.2", "zlib"), deb("newcomer", "1.0"))
    evidence = load_evidence(record, wiring)
    assert {BASELINE, CANDIDATE, CHANGES} <= set(evidence.files)
    assert evidence.findings == ()
    text = wiring.evidence.get(evidence.files[CHANGES]).decode()
    assert "  downgraded zlib1g 1:1.3 → 1:1.2\n" in text
    assert "  added newcomer 1.0\n" in text
    assert "## Materials" in wiring.stages.reports["verdict"]
    assert "downgraded zlib1g" in wiring.stages.reports["verdict"]


def test_the_same_release_has_the_same_bills_whenever_it_is_listed(wiring):
    first = load_evidence(offered(wiring, deb("a", "1")), wiring)
    again = FakeWiring(wiring.root)
    again.adopt()
    second = load_evidence(offered(again, deb("a", "1")), again)
    for name in (BASELINE, CANDIDATE, CHANGES):
        assert first.files[name] == second.files[name]


def test_that_nothing_could_be_listed_is_ours_and_refuses_nothing(wiring):
    wiring.materials.fails = True
    record = wiring.qualify(wiring.offer())
    assert record.state is State.AWAITING_SIGN_OFF
    evidence = load_evidence(record, wiring)
    assert not {BASELINE, CANDIDATE, CHANGES} & set(evidence.files)
    assert {(one.kind, one.weight) for one in evidence.findings} == {
        ("materials-missing", Weight.NOTE)
    }
    assert changes_of(evidence, wiring.evidence) is None


def test_a_new_system_has_a_bill_and_nothing_to_hold_it_against():
    wiring = FakeWiring()
    record = wiring.offer()
    wiring.approve()
    evidence = load_evidence(wiring.qualify(record), wiring)
    assert CANDIDATE in evidence.files
    assert not {BASELINE, CHANGES} & set(evidence.files)


def test_a_bundle_whose_words_do_not_follow_from_its_bills_does_not_hold(wiring):
    evidence = load_evidence(offered(wiring, deb("a", "1")), wiring)
    files = {name: wiring.evidence.get(digest) for name, digest in evidence.files.items()}
    assert disagreements(evidence, files) == []
    for glossed_over in ({CHANGES: b"nothing changed\n"}, {CANDIDATE: files[BASELINE]}):
        (told,) = disagreements(evidence, {**files, **glossed_over})
        assert "does not say what changed" in told
    (told,) = disagreements(evidence, {**files, CANDIDATE: b"[]"})
    assert "can't be read" in told


def test_a_bill_that_was_altered_is_not_read(wiring):
    evidence = load_evidence(offered(wiring, deb("a", "1")), wiring)
    wiring.alter(evidence.files[CANDIDATE], lambda data: data.replace(b'"a"', b'"b"'))
    with pytest.raises(EvidenceError, match="altered"):
        changes_of(evidence, wiring.evidence)
