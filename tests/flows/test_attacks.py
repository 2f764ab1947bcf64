"""What an attacker would try at the gate, with what each of them really has."""

from __future__ import annotations

import pytest

from clinops.adapters import estate
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from flows.reconcile import reconcile
from tests.fakes.wiring import (
    MANIFEST,
    SIGNERS,
    SMOKE,
    FakeWiring,
    manifest,
    signer,
    signers,
)

PUSHERS = {
    "ops": signer("ops", may_push=True),
    "joy": signer("joy", "safety", may_push=True),
}


def reasons(wiring: FakeWiring, known: str) -> str:
    """Have a release signed by both who should, promote it, and return why it was refused."""
    release = wiring.qualify(wiring.release(known))
    for who in ("joy", "sam"):
        wiring.sign(release, who)
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    return "; ".join(wiring.last_body(known)["reasons"])


@pytest.mark.parametrize("path", [SMOKE, "environments/pas/seed.py"])
def test_who_weakened_what_a_release_is_tested_with_does_not_sign_it_off(wiring, path):
    """The manifest is the vendor's, and unchanged; the release is the safety officer's own."""
    wiring.commit({SIGNERS: signers(**PUSHERS)})
    wiring.commit({MANIFEST: manifest("2.0")}, "acme")
    reconcile(wiring)
    wiring.commit({path: b"pass\n"}, "joy")
    (known,) = reconcile(wiring).known
    assert "Joy changed what the release is made of" in reasons(wiring, known)


def test_who_changed_it_before_the_vendor_pushed_does_not_sign_it_off_either(wiring):
    wiring.commit({SIGNERS: signers(**PUSHERS)})
    wiring.commit({SMOKE: b"pass\n"}, "joy")
    assert "Joy changed what" in reasons(wiring, wiring.offer().id)


def test_a_committer_who_is_renamed_is_still_the_committer(wiring):
    wiring.commit({SIGNERS: signers(**PUSHERS)})
    wiring.commit({MANIFEST: manifest("2.0")}, "joy")
    (known,) = reconcile(wiring).known
    release = wiring.qualify(wiring.release(known))
    people = {"joyce": PUSHERS["joy"], "joy": signer("stranger", "safety")}
    wiring.commit({SIGNERS: signers(**people)})
    wiring.sign(release, "joyce", with_key="joy", role="safety")
    wiring.sign(release, "sam")
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    assert "Joy changed what the release is made of" in str(wiring.last_body(known)["reasons"])


def test_who_changed_it_for_the_version_in_use_may_sign_the_next_one_off():
    wiring = FakeWiring()
    wiring.commit({SIGNERS: signers(**PUSHERS)})
    wiring.commit({SMOKE: b"pass\n"}, "joy")
    wiring.commit({SIGNERS: signers()})
    wiring.adopt()
    assert wiring.promote(wiring.signed_off()) is State.LIVE


def test_evidence_that_is_no_evidence_is_a_reason_and_no_crash(wiring):
    release = wiring.offer()
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, release.id, {"attempt": 1})
    forged = {"outcome": "qualified", "evidence": wiring.evidence.put(b"[]")}
    wiring.ledger.append(Kind.VERDICT, release.id, forged)
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    (reason,) = wiring.last_body(release.id)["reasons"]
    assert "is no evidence" in reason


def test_another_content_with_the_same_short_id_does_not_pass_for_it(wiring, monkeypatch):
    """Forty-eight bits collide within seconds on a vendor's machine."""
    release = wiring.signed_off()
    monkeypatch.setattr(estate, "release_id", lambda manifest, inputs: release.id)
    wiring.commit({MANIFEST: manifest("2.0", kind="patch")}, "acme")
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    assert "since the evidence was made: manifest" in str(wiring.last_body(release.id)["reasons"])


def test_a_site_that_runs_something_else_than_was_deployed_is_no_success(wiring, monkeypatch):
    release = wiring.signed_off()
    deploy = wiring.sites.deploy

    def exchanged(environment, images, live, **how):
        system = deploy(environment, images, live, **how)
        if live.version == "1.0":
            return system
        other = {name: one.model_copy(update={"image": f"sha256:{'0' * 64}"})
                 for name, one in system.services.items()}  # fmt: skip
        return system.model_copy(update={"services": other})

    monkeypatch.setattr(wiring.sites, "deploy", exchanged)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert "what runs is not what was to be deployed" in str(wiring.last_body(release.id)["cause"])
