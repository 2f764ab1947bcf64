"""The bundle of a release that was opened again speaks of its last test."""

from __future__ import annotations

from flows.bundle import export_release, verify_bundle
from flows.reconcile import reconcile
from tests.fakes.wiring import MANIFEST, FakeWiring, manifest


def test_a_release_that_was_opened_again_is_attested_by_its_last_test(tmp_path):
    wiring = FakeWiring()
    wiring.adopt()
    first = wiring.qualify(wiring.offer())
    wiring.offer("3.0")
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    reconcile(wiring)
    wiring.clock.advance(60)
    again = wiring.qualify(first)
    assert again.evidence != first.evidence
    export_release(again, wiring, tmp_path / "bundle.tar")
    verdict = verify_bundle(tmp_path / "bundle.tar", digest=None, signers=None)
    assert verdict.holds, verdict.bad
    assert any("attested what the evidence says" in line for line in verdict.good)
