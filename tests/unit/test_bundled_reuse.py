"""What a bundle proves of results that were carried over, and what no forgery of one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flows.bundle
from clinops.adapters import bundle as bundles
from clinops.domain.digest import canonical, digest_bytes
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Entry, Kind
from clinops.domain.outcome import State
from clinops.errors import EvidenceError
from flows.bundle import export_release, verify_bundle
from tests.fakes.wiring import KEYS, FakeWiring
from tests.unit.test_attacks_bundle import changed, forged


@pytest.fixture(autouse=True)
def _signatures_of_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.bundle, "offline_signatures", lambda: KEYS)


@pytest.fixture
def second(wiring: FakeWiring) -> ReleaseRecord:
    """A release whose results were carried over from another one, approved by two people."""
    wiring.qualify(wiring.offer())
    record = wiring.qualify(wiring.offer(deadline="2030-01-01"))
    for who in ("joy", "sam"):
        wiring.sign(record, who)
    return wiring.release(record.id)


@pytest.fixture
def exported(wiring: FakeWiring, second: ReleaseRecord, tmp_path: Path) -> Path:
    export_release(second, wiring, tmp_path / "b.tar")
    return tmp_path / "b.tar"


def without(path: Path, release: str) -> tuple[Entry, ...]:
    """Return a bundle's entries but the verdict on a release."""
    entries = bundles.read(path).entries
    return tuple(e for e in entries if (e.kind, e.subject) != (Kind.VERDICT, release))


def test_an_honest_bundle_holds_and_says_what_was_carried_over(exported):
    verdict = verify_bundle(exported, digest=None, signers=None)
    assert verdict.holds, verdict.bad
    told = [one for one in verdict.good if "was carried over from pas-2.0-" in one]
    assert len(told) == 6
    assert all(one.endswith("not measured again") for one in told)


def test_a_bundle_without_carried_results_has_no_origins(wiring, tmp_path):
    record = wiring.qualify(wiring.offer())
    export_release(record, wiring, tmp_path / "b.tar")
    assert bundles.read(tmp_path / "b.tar").origins == {}


def test_the_bundle_of_a_release_that_came_back_holds(wiring, tmp_path):
    first = wiring.qualify(wiring.offer())
    wiring.qualify(wiring.offer("3.0"))
    wiring.ledger.append(Kind.REOPENED, first.id, {"by": "reconcile", "why": "it is back"})
    again = wiring.qualify(wiring.release(first.id))
    export_release(again, wiring, tmp_path / "b.tar")
    verdict = verify_bundle(tmp_path / "b.tar", digest=None, signers=None)
    assert verdict.holds, verdict.bad


def test_every_byte_of_the_origin_counts(exported):
    data = exported.read_bytes()
    bundle = bundles.read(exported)
    ((name, origin),) = bundle.origins.items()
    start = data.index(origin)
    for place in range(0, len(origin), len(origin) // 40):
        at = start + place
        exported.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert not verify_bundle(exported, digest=None, signers=None).holds, (name, place)


def test_an_origin_that_is_left_out_is_missed(exported):
    (problem,) = forged(exported, origins={}).bad
    assert "is missing: results were carried over from it" in problem


def test_an_origin_of_nothing_is_refused(exported):
    more = b"{}"
    origins = {**bundles.read(exported).origins, bundles.origin_name(digest_bytes(more)): more}
    (problem,) = forged(exported, origins=origins).bad
    assert "nothing was carried over from that" in problem


def test_another_origin_under_its_name_is_refused(exported):
    (name,) = bundles.read(exported).origins
    (problem,) = forged(exported, origins={name: b"{}"}).bad
    assert "does not have the digest that it is named after" in problem


def test_an_origin_that_no_verdict_qualified_does_not_hold(exported):
    ((_, origin), *_) = bundles.read(exported).evidence.carried
    verdict = forged(exported, entries=without(exported, origin.release))
    assert any("the ledger has no verdict that qualified it" in one for one in verdict.bad)


def test_an_origin_whose_verdict_was_another_does_not_hold(exported):
    bundle = bundles.read(exported)
    ((_, origin), *_) = bundle.evidence.carried
    entries = tuple(
        changed(entry, body={**entry.body, "outcome": "inconclusive"})
        if (entry.kind, entry.subject) == (Kind.VERDICT, origin.release)
        else entry
        for entry in bundle.entries
    )
    verdict = forged(exported, entries=entries)
    assert any("the ledger has no verdict that qualified it" in one for one in verdict.bad)


def test_a_made_up_origin_does_not_hold(exported):
    """Its maker writes evidence of a qualification that never was, with a verdict upon it."""
    bundle = bundles.read(exported)
    ((_, honest),) = {(o.evidence, o) for _, o in bundle.evidence.carried}
    held = Evidence.model_validate_json(bundle.origins[bundles.origin_name(honest.evidence)])
    assert held.rehearsal is not None
    better = held.rehearsal.model_copy(update={"seconds_up": 0.1})
    made_up = held.model_copy(update={"rehearsal": better})
    origin = honest.model_copy(update={"evidence": made_up.digest})
    measured = tuple(one.model_copy(update={"carried": origin}) for one in bundle.evidence.measured)
    evidence = bundle.evidence.model_copy(update={"measured": measured})
    verdict = forged(
        exported,
        evidence=evidence,
        origins={bundles.origin_name(made_up.digest): canonical(made_up.json_value())},
        entries=tuple(_about(entry, held, made_up.digest) for entry in bundle.entries),
    )
    assert any("the rehearsal is not proven" in one for one in verdict.bad)
    assert any("it came out otherwise there" in one for one in verdict.bad)


def _about(entry: Entry, held: Evidence, digest: str) -> Entry:
    if (entry.kind, entry.subject) != (Kind.VERDICT, held.release.id):
        return entry
    return changed(entry, body={**entry.body, "evidence": digest})


def test_a_mismatch_before_the_signatures_closes_the_gate_of_a_bundle(wiring, tmp_path):
    wiring.qualify(wiring.offer())
    record = wiring.qualify(wiring.offer(deadline="2030-01-01"))
    wiring.ledger.append(Kind.REUSE_MISMATCH, "pas", {"release": "pas-3", "what": "a suite"})
    export_release(record, wiring, tmp_path / "b.tar")
    unsigned = verify_bundle(tmp_path / "b.tar", digest=None, signers=None)
    assert any("since then a sample came out otherwise" in one for one in unsigned.bad)
    for who in ("joy", "sam"):
        wiring.sign(record, who)
    export_release(wiring.release(record.id), wiring, tmp_path / "b.tar")
    signed = verify_bundle(tmp_path / "b.tar", digest=None, signers=None)
    assert any("since then a sample came out otherwise" in one for one in signed.good)
    assert any(one.startswith("the gate is closed") for one in signed.good)


def test_a_mismatch_after_the_deployment_began_changes_nothing_about_it(wiring, second, tmp_path):
    assert wiring.promote(second) is State.LIVE
    wiring.ledger.append(Kind.REUSE_MISMATCH, "pas", {"release": "pas-3", "what": "a suite"})
    export_release(wiring.release(second.id), wiring, tmp_path / "b.tar")
    verdict = verify_bundle(tmp_path / "b.tar", digest=None, signers=None)
    assert verdict.holds, verdict.bad


def test_a_release_whose_origin_is_gone_can_not_be_exported(wiring, second, tmp_path):
    def gone(_: bytes) -> Any:
        return None

    evidence = Evidence.model_validate_json(wiring.evidence.get(str(second.evidence)))
    ((_, origin), *_) = evidence.carried
    wiring.alter(origin.evidence, gone)
    with pytest.raises(EvidenceError):
        export_release(second, wiring, tmp_path / "b.tar")
