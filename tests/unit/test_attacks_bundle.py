"""What somebody would try with a bundle of their own making."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import flows.bundle
from clinops.adapters import bundle as bundles
from clinops.domain.digest import digest_of
from clinops.domain.ledger import Entry, Kind
from flows.bundle import Verdict, export_release, verify_bundle
from tests.fakes.wiring import GATE, KEYS, SIGNERS, FakeWiring, gate

LAX = gate(requires=[{"role": "safety"}], separation={"committer": False})


@pytest.fixture(autouse=True)
def _signatures_of_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.bundle, "offline_signatures", lambda: KEYS)


@pytest.fixture
def exported(wiring: FakeWiring, tmp_path: Path) -> Path:
    """The bundle of a release that only one of two has signed."""
    release = wiring.qualify(wiring.offer())
    wiring.sign(release, "joy")
    export_release(wiring.release(release.id), wiring, tmp_path / "b.tar")
    return tmp_path / "b.tar"


def forged(path: Path, **parts: Any) -> Verdict:
    """Verify a bundle whose parts were exchanged by somebody who knows the format."""
    bundle = dataclasses.replace(bundles.read(path), **parts)
    path.write_bytes(bundles._pack(bundle))
    return verify_bundle(path, digest=None, signers=None)


def changed(entry: Entry, **fields: Any) -> Entry:
    """Change an entry and make its digest right again."""
    content = {**entry.json_value(), **fields}
    del content["digest"]
    return Entry.model_validate({**content, "digest": digest_of(content)})


def test_a_gate_beside_the_evidence_does_not_replace_the_one_that_was_signed(exported):
    policy = dict(bundles.read(exported).policy_files)
    verdict = forged(exported, policy_files={**policy, GATE: LAX})
    assert "the gate is closed; missing: 1 more sign-off by role operations" in verdict.good


def test_a_bundles_own_signers_prove_nothing_and_it_says_so(wiring, exported, tmp_path):
    own = "they are the bundle's own"
    assert own in str(verify_bundle(exported, digest=None, signers=None).unproven)
    trusted = tmp_path / "signers.yaml"
    trusted.write_bytes(wiring.git.head().read(SIGNERS))
    left = str(verify_bundle(exported, digest=None, signers=trusted).unproven)
    assert own not in left
    assert "which engine attested it" in left


@pytest.mark.parametrize(
    "fields",
    [
        {"time": "soon"},
        {"time": "9999-12-31T23:59:59-23:59"},
        {"body": {}},
        {"body": {"envelope": 7}},
    ],
)
def test_a_made_up_entry_is_no_proof_and_no_traceback(exported, fields):
    entries = bundles.read(exported).entries
    forgery = [changed(one, **fields) if one.kind is Kind.SIGNED else one for one in entries]
    assert not forged(exported, entries=tuple(forgery)).holds
