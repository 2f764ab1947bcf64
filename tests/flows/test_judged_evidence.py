"""What the gate reads besides signatures: the inputs as they are now, and the evidence."""

from __future__ import annotations

import pytest

from clinops.domain.circumstances import HAZARD_LOG, document_of
from clinops.domain.signoff import ChangeType
from clinops.errors import EvidenceError
from flows.gate import changed_inputs, gate_report, load_evidence
from tests.fakes.wiring import (
    COMPOSE,
    GATE,
    HAZARDS,
    MANIFEST,
    PROBES,
    SMOKE,
    compose,
    gate,
    hazard,
    hazards,
    manifest,
    probes,
)
from tests.flows.at_the_gate import CALENDAR, WAIVERS, prepared, put, waivers, why_closed


@pytest.mark.parametrize(
    ("path", "content", "route"),
    [
        (COMPOSE, compose(endpoints={"http": "app:9090"}), None),
        (SMOKE, b"def test_smoke(): pass\n", None),
        (PROBES, probes(within=20), None),
        (HAZARDS, hazards(hazard(owner="Somebody else")), ChangeType.STANDARD),
        (CALENDAR, None, ChangeType.STANDARD),
    ],
)
def test_no_change_is_standard_whose_environment_or_suites_changed(wiring, path, content, route):
    wiring.commit({GATE: gate(standard={"requires": [{"role": "operations"}]})})
    wiring.commit({path: content})
    release = wiring.qualify(wiring.offer())
    if path == HAZARDS:
        wiring.approve()
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert gate_report(release, load_evidence(release, wiring), wiring).route is route


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({SMOKE: b"pass\n"}, SMOKE),
        ({GATE: gate(sign_offs_expire_after_days=13)}, GATE),
        ({HAZARDS: hazards(hazard(name="Other"))}, HAZARDS),
        ({WAIVERS: waivers()}, WAIVERS),
        ({MANIFEST: manifest("2.0", kind="patch")}, MANIFEST),
    ],
)
def test_names_the_input_that_changed(wiring, change, path):
    release = wiring.signed_off()
    assert changed_inputs(release, wiring) == []
    wiring.commit(change)
    assert changed_inputs(release, wiring) == [path]
    assert f"({path})" in why_closed(wiring, release)


def test_evidence_with_a_hazard_log_that_cannot_be_read_closes_the_gate(wiring, release):
    evidence = load_evidence(release, wiring)
    broken = {**evidence.files, "environment/hazards.yaml": wiring.evidence.put(b"schema: [")}
    with pytest.raises(EvidenceError, match="the evidence can't be judged"):
        gate_report(release, evidence.model_copy(update={"files": broken}), wiring)


def test_evidence_without_a_hazard_log_closes_the_gate(wiring, release):
    evidence = load_evidence(release, wiring)
    files = {n: d for n, d in evidence.files.items() if n != f"environment/{HAZARD_LOG}"}
    less = evidence.model_copy(update={"files": files})
    report = gate_report(release, less, wiring)
    assert any("a hazard log" in one for one in report.missing)
    assert document_of("pas", HAZARD_LOG) == HAZARDS


def test_what_is_live_is_judged_by_the_policy_in_its_evidence_or_not_at_all(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    live = wiring.release(release.id)
    evidence = load_evidence(live, wiring)
    files = {n: d for n, d in evidence.files.items() if n != "environment/gate.yaml"}
    with pytest.raises(EvidenceError, match=r"no gate\.yaml"):
        gate_report(live, evidence.model_copy(update={"files": files}), wiring)
