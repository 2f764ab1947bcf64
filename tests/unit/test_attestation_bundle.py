"""A bundle carries the engine's attestation, and nobody can exchange it or leave it out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clinops.adapters import bundle as bundles
from clinops.adapters.attestations import EngineKey
from clinops.adapters.bundle import Bundle
from clinops.domain.digest import digest_bytes, digest_of
from clinops.domain.ledger import Entry, Kind
from flows.bundle import Verdict, export_release, verify_bundle

STRANGER = EngineKey(Ed25519PrivateKey.generate())
Forging = Callable[[Bundle], Bundle]


@pytest.fixture
def exported(wiring, tmp_path) -> Path:
    release = wiring.qualify(wiring.offer())
    export_release(release, wiring, tmp_path / "b.tar")
    return tmp_path / "b.tar"


def forged(path: Path, forging: Forging, engine_key: Path | None = None) -> Verdict:
    path.write_bytes(bundles._pack(forging(bundles.read(path))))
    return verify_bundle(path, digest=None, signers=None, engine_key=engine_key)


def with_verdict(bundle: Bundle, attestation: object) -> Bundle:
    """Change what the verdict's entry says of the attestation, and make its digest right."""

    def changed(entry: Entry) -> Entry:
        if entry.kind is not Kind.VERDICT:
            return entry
        body = {name: value for name, value in entry.body.items() if name != "attestation"}
        if attestation is not None:
            body["attestation"] = attestation
        content = {**entry.json_value(), "body": body}
        del content["digest"]
        return Entry.model_validate({**content, "digest": digest_of(content)})

    return dataclasses.replace(bundle, entries=tuple(map(changed, bundle.entries)))


def by_a_stranger(bundle: Bundle) -> Bundle:
    envelope = STRANGER.attest(bundle.evidence)
    files = {"test-result.dsse.json": envelope, "engine-key.pub": STRANGER.public}
    said = {"envelope": digest_bytes(envelope), "key": digest_bytes(STRANGER.public)}
    return with_verdict(dataclasses.replace(bundle, attestation=files), said)


def test_a_bundle_holds_the_attestation_and_the_key_to_verify_it(wiring, exported):
    found = bundles.read(exported)
    assert found.attestation == {
        "test-result.dsse.json": wiring.engine_key.attest(found.evidence),
        "engine-key.pub": wiring.engine_key.public,
    }
    verdict = verify_bundle(exported, digest=None, signers=None)
    assert verdict.holds
    assert any("attested what the evidence says" in line for line in verdict.good)
    assert any("which engine attested it" in line for line in verdict.unproven)


def test_with_the_engines_key_from_elsewhere_nothing_about_it_is_unproven(
    wiring, exported, tmp_path
):
    trusted = tmp_path / "engine-key.pub"
    trusted.write_bytes(wiring.engine_key.public)
    verdict = verify_bundle(exported, digest=None, signers=None, engine_key=trusted)
    assert verdict.holds
    assert not any("engine" in line for line in verdict.unproven)


def test_another_engines_attestation_does_not_pass_for_that_of_the_engine_that_is_trusted(
    wiring, exported, tmp_path
):
    trusted = tmp_path / "engine-key.pub"
    trusted.write_bytes(wiring.engine_key.public)
    assert not forged(exported, by_a_stranger, trusted).holds


def test_without_a_key_to_trust_it_says_that_another_engine_may_have_made_it_up(exported):
    assert any("which engine" in line for line in forged(exported, by_a_stranger).unproven)


@pytest.mark.parametrize(
    "forging",
    [
        lambda bundle: dataclasses.replace(bundle, attestation={}),
        lambda bundle: with_verdict(bundle, None),
        lambda bundle: with_verdict(bundle, 7),
        lambda bundle: with_verdict(bundle, {"envelope": []}),
        lambda bundle: dataclasses.replace(
            bundle, attestation={**bundle.attestation, "more": b"more"}
        ),
        lambda bundle: dataclasses.replace(
            bundle, attestation={**bundle.attestation, "test-result.dsse.json": b"{}"}
        ),
    ],
)
def test_an_attestation_that_is_not_the_recorded_one_is_bad(exported, forging):
    verdict = forged(exported, forging)
    assert not verdict.holds
    assert any("attestation" in line for line in verdict.bad)


def test_a_bundle_without_one_says_so_and_does_not_hold_where_one_is_expected(
    wiring, exported, tmp_path
):
    def without(bundle: Bundle) -> Bundle:
        return with_verdict(dataclasses.replace(bundle, attestation={}), None)

    assert any("none attested it" in line for line in forged(exported, without).unproven)
    trusted = tmp_path / "engine-key.pub"
    trusted.write_bytes(wiring.engine_key.public)
    assert any("none attested it" in line for line in forged(exported, without, trusted).bad)
