"""What the engine attests follows from the evidence, and other tools can verify it."""

from __future__ import annotations

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from clinops.adapters.attestations import EngineKey, keyid, verify
from clinops.domain.attestation import statement_about
from clinops.domain.digest import digest_bytes
from clinops.domain.evidence import Evidence
from clinops.domain.finding import Finding, Weight
from clinops.domain.outcome import Outcome
from clinops.domain.suite import Role, Verdict
from clinops.errors import InfrastructureError, RefusedError
from tests.fakes.evidence import FakeEvidence, case, qualified, run

KEY = EngineKey(Ed25519PrivateKey.generate())
NOTE = Finding(kind="test-mended", weight=Weight.NOTE, summary="It passes now")


def evidence(**changes: Any) -> Evidence:
    return qualified(FakeEvidence()).model_copy(update=changes)


def predicate(about: Evidence) -> dict[str, Any]:
    statement = json.loads(statement_about(about))
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    found: dict[str, Any] = statement["predicate"]
    return found


def test_it_is_about_the_evidence_and_the_candidates_images():
    about = evidence()
    statement = json.loads(statement_about(about))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert {one["name"]: "sha256:" + one["digest"]["sha256"] for one in statement["subject"]} == {
        "evidence": about.digest,
        "image:app": about.candidate_images()["app"],
    }


def test_it_names_what_the_tests_ran_on_and_leaves_out_what_there_was_not():
    names = [one["name"] for one in predicate(evidence())["configuration"]]
    assert names == [
        "vendor_manifests/acme/pas.yaml",
        "environments/pas",
        "test_suites/pas",
    ]
    log = digest_bytes(b"hazards")
    with_log = evidence(files={"environment/hazards.yaml": log})
    last = predicate(with_log)["configuration"][-1]
    assert last["name"] == "environments/pas/hazards.yaml"
    assert "sha256:" + last["digest"]["sha256"] == log


@pytest.mark.parametrize(
    ("outcome", "findings", "result"),
    [
        (Outcome.QUALIFIED, (), "PASSED"),
        (Outcome.QUALIFIED, (NOTE,), "WARNED"),
        (Outcome.REFUSED, (), "FAILED"),
        (Outcome.INCONCLUSIVE, (), "FAILED"),
        (Outcome.ERRORED, (), "FAILED"),
    ],
)
def test_only_a_release_that_qualified_without_a_finding_has_passed(outcome, findings, result):
    assert predicate(evidence(outcome=outcome, findings=findings))["result"] == result


def test_what_failed_what_was_waived_and_what_did_not_run_has_not_passed():
    waived = NOTE.model_copy(update={"waiver": "W-001", "occurrence": "smoke: test_waived"})
    runs = (
        run(
            case("test_good"),
            case("test_bad", Verdict.FAILED),
            case("test_broken", Verdict.ERROR),
            case("test_waived", Verdict.FAILED),
            case("test_skipped", Verdict.SKIPPED),
        ),
        run(case("test_good"), case("test_gone"), role=Role.BASELINE),
        run(case("test_cut"), suite="regression", exit_code=2),
    )
    assert (
        predicate(evidence(runs=runs, findings=(waived,))).items()
        >= {
            "passedTests": ["smoke: test_good"],
            "warnedTests": [
                "regression: test_cut",
                "smoke: test_gone",
                "smoke: test_skipped",
                "smoke: test_waived",
            ],
            "failedTests": ["smoke: test_bad", "smoke: test_broken"],
        }.items()
    )


def test_a_test_that_ran_twice_counts_by_its_worse_end():
    runs = (run(case("test_a")), run(case("test_a", Verdict.FAILED)))
    found = predicate(evidence(runs=runs))
    assert (found["passedTests"], found["failedTests"]) == ([], ["smoke: test_a"])


def test_equal_evidence_gives_equal_attestations():
    assert KEY.attest(evidence()) == KEY.attest(evidence())


def test_verifies_what_it_attested():
    assert verify(KEY.attest(evidence()), KEY.public, evidence()) == keyid(KEY.public)


def test_refuses_an_attestation_of_other_evidence():
    with pytest.raises(RefusedError, match="something else than the evidence"):
        verify(KEY.attest(evidence()), KEY.public, evidence(outcome=Outcome.REFUSED))


def test_refuses_another_engines_attestation_even_under_this_ones_name():
    stranger = EngineKey(Ed25519PrivateKey.generate())
    with pytest.raises(RefusedError, match="not whole"):
        verify(stranger.attest(evidence()), KEY.public, evidence())
    renamed = json.loads(stranger.attest(evidence()))
    renamed["signatures"][0]["keyid"] = keyid(KEY.public)
    with pytest.raises(RefusedError, match="not by the key"):
        verify(json.dumps(renamed, separators=(",", ":")).encode(), KEY.public, evidence())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"7", b"\xff", b'{"signatures":[{"sig":7}]}', b"[" * 100_000]
)
def test_refuses_what_is_no_envelope_without_a_traceback(data):
    with pytest.raises(RefusedError, match="no envelope"):
        verify(data, KEY.public, evidence())


def test_refuses_an_envelope_with_room_for_more():
    attested = KEY.attest(evidence())
    for data in (attested + b"\n", attested.replace(b'"payloadType"', b'"more":1,"payloadType"')):
        with pytest.raises(RefusedError, match="not whole"):
            verify(data, KEY.public, evidence())


def test_refuses_keys_that_are_none():
    other = X25519PrivateKey.generate().public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for public in (b"", b"ssh-ed25519 AAAA", pem):
        with pytest.raises(RefusedError, match="the engine's key is no"):
            verify(KEY.attest(evidence()), public, evidence())


def test_another_librarys_dsse_verification_accepts_it_and_refuses_a_changed_one():
    key = SSlibKey.from_crypto(load_pem_public_key(KEY.public), keyid(KEY.public))
    envelope = json.loads(KEY.attest(evidence()))
    payload = base64.b64decode(envelope["payload"])
    assert Envelope.from_dict(envelope).verify([key], 1) == {key.keyid: key}
    changed = json.loads(KEY.attest(evidence()))
    changed["payload"] = base64.b64encode(payload.replace(b"PASSED", b"FAILED")).decode()
    with pytest.raises(VerificationError):
        Envelope.from_dict(changed).verify([key], 1)


def test_the_key_is_made_on_first_use_and_stays(tmp_path):
    path = tmp_path / "state" / "engine-key.pem"
    first = EngineKey.kept_in(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_suffix(".pub").read_bytes() == first.public
    assert EngineKey.kept_in(path).public == first.public
    assert {file.name for file in path.parent.iterdir()} == {"engine-key.pem", "engine-key.pub"}


def test_workers_that_start_together_share_one_key(tmp_path):
    path = tmp_path / "engine-key.pem"
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: EngineKey.kept_in(path).public, range(16)))
    assert len(set(keys)) == 1


def test_a_public_half_that_went_astray_is_written_again(tmp_path):
    path = tmp_path / "engine-key.pem"
    public = EngineKey.kept_in(path).public
    path.with_suffix(".pub").write_bytes(b"something else")
    EngineKey.kept_in(path)
    assert path.with_suffix(".pub").read_bytes() == public


def other_kind() -> bytes:
    form = PrivateFormat.PKCS8
    return X25519PrivateKey.generate().private_bytes(Encoding.PEM, form, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"no key", other_kind()])
def test_says_which_file_holds_no_key_that_it_can_use(tmp_path: Path, content: bytes):
    path = tmp_path / "engine-key.pem"
    path.write_bytes(content)
    with pytest.raises(InfrastructureError, match=r"engine-key\.pem can't be used") as caught:
        EngineKey.kept_in(path)
    assert "from a backup" in caught.value.mend
