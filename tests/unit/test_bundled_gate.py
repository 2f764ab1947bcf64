"""What a bundle says of its gate, offline and in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flows.bundle
from clinops.adapters import bundle as bundles
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Anchor, Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import ChangeType, LineAction, Meaning, statement_bytes
from flows.bundle import Verdict, export_release, verify_bundle
from flows.gate import prepare_sign_off, record
from tests.fakes.evidence import case
from tests.fakes.wiring import GATE, HAZARDS, KEYS, FakeWiring, gate, hazard, hazards
from tests.ranked import BOARD, asked, board
from tests.unit.test_attacks_bundle import changed, forged

QUICK = gate(
    emergency={"requires": [{"role": "safety"}], "owed_within_hours": 72, "passes": ["stop"]}
)


@pytest.fixture(autouse=True)
def _signatures_of_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.bundle, "offline_signatures", lambda: KEYS)


def put(wiring: FakeWiring, release: ReleaseRecord, who: str, **more: Any) -> None:
    given = {"role": "safety", "meaning": Meaning.APPROVED, "reason": "Read it.", **more}
    made = prepare_sign_off(wiring.release(release.id), wiring, who, **given)
    record(KEYS.sign(statement_bytes(made), who), wiring)


def bundled(wiring: FakeWiring, release: ReleaseRecord, folder: Path) -> Path:
    path = folder / "b.tar"
    export_release(wiring.release(release.id), wiring, path)
    return path


def verified(wiring: FakeWiring, release: ReleaseRecord, folder: Path) -> Verdict:
    return verify_bundle(bundled(wiring, release, folder), digest=None, signers=None)


def emergency(wiring: FakeWiring) -> ReleaseRecord:
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, release, "joy", change=ChangeType.EMERGENCY)
    assert wiring.promote(release) is State.LIVE
    return release


def test_says_who_signed_in_which_role_over_what(wiring, tmp_path):
    release = wiring.signed_off()
    wiring.promote(release)
    verdict = verified(wiring, release, tmp_path)
    assert verdict.holds, verdict.bad
    said = "\n".join(verdict.good)
    assert "signed: Joy (safety) approved it at " in said
    assert "signed: Sam (operations) approved it at " in said
    assert f"approved: Joy (safety) approved {HAZARDS} with the digest sha256:" in said
    assert "the gate was open at 2025-06-10" in said
    assert "for a change of the type normal" in said
    assert any("that no entry was left out" in one for one in verdict.unproven)


def test_says_which_hazards_were_accepted_and_why(wiring, tmp_path):
    for suite in ("smoke", "regression"):
        for version in ("1.0", "2.0"):
            wiring.suites.cases[suite, version] = (case(f"test_{suite}"),)
    release = wiring.qualify(wiring.offer())
    put(wiring, release, "sam", role="operations")
    put(wiring, release, "joy", accepts={"PAS-001": "Known since 2019."})
    verdict = verified(wiring, release, tmp_path)
    assert verdict.holds
    assert "accepted the hazard PAS-001 without passing evidence" in "\n".join(verdict.good)


def test_says_what_an_emergency_owes_and_that_it_was_given(wiring, tmp_path):
    release = emergency(wiring)
    verdict = verified(wiring, release, tmp_path)
    assert verdict.holds, verdict.bad
    assert "for a change of the type emergency" in "\n".join(verdict.good)
    (owed,) = [one for one in verdict.unproven if one.startswith("what is owed")]
    assert "by 2025-06-13T12:00:00" in owed
    assert owed.endswith(": 1 more sign-off by role operations")
    wiring.clock.advance(86_400)
    put(wiring, release, "sam", role="operations")
    later = verified(wiring, release, tmp_path)
    assert later.holds, later.bad
    assert not any(one.startswith("what is owed") for one in later.unproven)
    assert "signed: Sam (operations) approved it at 2025-06-11" in "\n".join(later.good)


def test_a_stop_at_that_moment_is_judged_as_well(wiring, tmp_path):
    release = wiring.signed_off()
    wiring.order(LineAction.STOP, "sam", "operations")
    verdict = verified(wiring, release, tmp_path)
    assert verdict.holds, "stopped after the last signature: the gate was open then"
    put(wiring, release, "joy")
    closed = verified(wiring, release, tmp_path)
    assert any("Sam stopped the line" in one for one in closed.good)


def test_a_hazard_log_that_nobody_approved_does_not_hold(wiring, tmp_path):
    release = wiring.signed_off()
    wiring.promote(release)
    path = bundled(wiring, release, tmp_path)
    entries = [e for e in bundles.read(path).entries if e.kind is not Kind.DOCUMENT_APPROVED]
    verdict = forged(path, entries=tuple(entries))
    assert any("an approval of this version of the hazard log" in one for one in verdict.bad)


def test_an_approval_of_an_earlier_version_is_no_approval(wiring, tmp_path):
    wiring.commit({HAZARDS: hazards(hazard(name="Other"))})
    release = wiring.qualify(wiring.offer())
    wiring.sign(release, "joy")
    wiring.sign(release, "sam")
    verdict = verified(wiring, release, tmp_path)
    assert any("an approval of this version of the hazard log" in one for one in verdict.good)
    assert not any("the gate was open" in one for one in verdict.good)


def test_a_signature_upon_another_ledger_does_not_hold(wiring, tmp_path):
    release = wiring.signed_off()
    path = bundled(wiring, release, tmp_path)
    known, *others = (e for e in bundles.read(path).entries)
    verdict = forged(path, entries=(changed(known, time="2025-06-10T11:59:59+00:00"), *others))
    assert not any("signed upon" in one for one in verdict.bad), "nobody signed upon that one"
    entries = bundles.read(bundled(wiring, release, tmp_path)).entries
    signed = [e for e in entries if e.kind is Kind.SIGNED]
    tampered = [changed(e, body={**e.body, "more": 1}) if e is signed[0] else e for e in entries]
    verdict = forged(path, entries=tuple(tampered))
    assert any(f"whose entry {signed[0].sequence} was another one" in one for one in verdict.bad)


def test_a_signature_upon_what_came_after_it_does_not_hold(wiring, tmp_path):
    release = wiring.signed_off()
    anchor = Anchor(sequence=999, digest="sha256:" + "0" * 64)
    wiring.sign(release, "joy", ledger=anchor)
    verdict = verified(wiring, release, tmp_path)
    assert any("signed upon entry 999, recorded after" in one for one in verdict.bad)


def test_the_bundle_carries_every_envelope_and_what_the_gate_was_judged_by(wiring, tmp_path):
    wiring.commit({"environments/calendar.yaml": b"schema: 1\nfreezes: []\n"})
    release = wiring.signed_off()
    wiring.order(LineAction.STOP, "sam", "operations")
    bundle = bundles.read(bundled(wiring, release, tmp_path))
    assert len(bundle.envelopes) == 4
    assert "environments/sites.yaml" in bundle.policy_files
    assert "environments/calendar.yaml" in bundle.policy_files
    assert HAZARDS.split("/")[-1] in {name.split("/")[-1] for name in bundle.files}


def test_a_bundle_holds_what_its_release_has_met(wiring, tmp_path):
    wiring.commit({BOARD: board(), **asked()})
    release = wiring.signed_off()
    wiring.promote(release)
    verdict = verified(wiring, release, tmp_path)
    assert verdict.holds, verdict.bad
    assert bundles.read(tmp_path / "b.tar").entries[-1].kind is Kind.REQUEST_MET
