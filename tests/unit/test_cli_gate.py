"""The gate from a terminal, beyond signing and rejecting in the ordinary way."""

from __future__ import annotations

import pytest

from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import in_words
from clinops.errors import EngineError
from flows.gate import prepare_line_order
from flows.reconcile import reconcile
from tests.fakes.evidence import case
from tests.fakes.wiring import HAZARDS, gate, hazard, hazards

GATE = "environments/pas/gate.yaml"
QUICK = gate(emergency={"requires": [{"role": "safety"}], "owed_within_hours": 72})
SIGN = ("--reason", "Read it.", "--yes")
JOY = ("--role", "safety", "--key", "joy", *SIGN)
SAM = ("--role", "operations", "--key", "sam", *SIGN)


def test_shows_what_is_signed_to_the_letter_before_it_is_signed(terminal, wiring):
    wiring.order_words = in_words(
        prepare_line_order("pas", "stop", wiring, "sam", role="operations", reason="Read it.")
    )
    said = terminal.run("stop", "pas", *SAM)
    assert said.code == 0
    for sentence in wiring.order_words:
        assert sentence in said.err
    assert wiring.kinds("pas")[-1] is Kind.LINE_STOPPED


def test_stops_a_line_and_lets_it_go_on(terminal, wiring):
    release = wiring.signed_off()
    assert terminal.run("stop", "pas", *SAM).code == 0
    said = terminal.run("promote", release.id)
    assert (said.code, "Sam stopped the line" in said.err) == (1, True)
    assert terminal.run("resume", "pas", *SAM).code == 1
    assert terminal.run("resume", "pas", *JOY).out == "goes on: pas\n"
    assert terminal.run("promote", release.id).code == 0


def test_stops_no_line_of_a_product_that_there_is_not(terminal, wiring):
    assert terminal.run("stop", "lab", *SAM).code == 2


def test_approves_the_hazard_log_as_it_is_now(terminal, wiring):
    wiring.commit({HAZARDS: hazards(hazard(name="Other"))})
    said = terminal.run("approve", "pas", "hazard-log", *JOY)
    assert (said.code, said.out) == (0, f"approved: {HAZARDS}\n")
    assert wiring.kinds("pas")[-2:] == [Kind.DOCUMENT_APPROVED, Kind.DOCUMENT_APPROVED]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("hazard-log", "W-001", *JOY), 2),
        (("waiver", *JOY), 2),
        (("waiver", "W-001", *JOY), 2),
        (("policy", *JOY), 2),
        (("hazard-log", *SAM), 1),
        (("hazard-log", "--role", "safety", "--key", "stranger", *SIGN), 1),
    ],
)
def test_approves_nothing_else(terminal, wiring, words, code):
    said = terminal.run("approve", "pas", *words)
    assert said.code == code
    assert wiring.kinds("pas").count(Kind.DOCUMENT_APPROVED) == 1


def test_asks_before_it_signs(terminal, wiring, monkeypatch):
    monkeypatch.setattr("typer.confirm", lambda *asked, **more: False)
    release = wiring.qualify(wiring.offer())
    said = terminal.run("sign", release.id, *JOY[:-1])
    assert (said.code, "nothing was recorded" in said.err) == (1, True)
    assert Kind.SIGNED not in wiring.kinds(release.id)


def test_accepts_hazards_each_with_its_reason(terminal, wiring):
    for suite in ("smoke", "regression"):
        for version in ("1.0", "2.0"):
            wiring.suites.cases[suite, version] = (case(f"test_{suite}"),)
    release = wiring.qualify(wiring.offer())
    for wrong in ("PAS-001", "PAS-009=why", "PAS-001="):
        assert terminal.run("sign", release.id, *JOY, "--accept", wrong).code == 2
    twice = ("--accept", "PAS-001=a", "--accept", "PAS-001=b")
    assert terminal.run("sign", release.id, *JOY, *twice).code == 2
    said = terminal.run("sign", release.id, *JOY, "--accept", "PAS-001=known = since 2019")
    assert "I accept the hazard PAS-001 without passing evidence" in said.err
    assert terminal.run("sign", release.id, *SAM).code == 0
    shown = terminal.run("release", "show", release.id).out
    assert "accepted  the hazard PAS-001 without evidence, by Joy (safety): known = since" in shown


def test_an_emergency_goes_live_and_shows_what_is_owed_until_it_is_given(terminal, wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    said = terminal.run("sign", release.id, *JOY, "--emergency")
    assert "the gate is open" in said.out
    assert "as an emergency" in said.err
    assert wiring.promote(release) is State.LIVE
    shown = terminal.run("release", "show", release.id).out
    assert "OWED      by 2025-06-13" in shown
    assert "1 more sign-off by role operations" in shown
    given = terminal.run("sign", release.id, *SAM, "--json")
    assert given.json == {"release": release.id, "owed": []}
    assert "OWED" not in terminal.run("release", "show", release.id).out
    assert terminal.run("sign", release.id, *SAM).code == 1


def test_says_what_is_still_owed(terminal, wiring):
    asked = {"requires": [{"role": "safety", "count": 2}, {"role": "operations"}]}
    emergency = {"requires": [{"role": "safety"}], "owed_within_hours": 72}
    wiring.commit({GATE: gate(**asked, emergency=emergency)})
    release = wiring.qualify(wiring.offer())
    terminal.run("sign", release.id, *JOY, "--emergency")
    wiring.promote(release)
    said = terminal.run("sign", release.id, *SAM)
    assert said.out.splitlines() == [
        f"signed: {release.id}",
        "  still owed: 1 more sign-off by role safety",
    ]


def test_asks_and_answers(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    asked = terminal.run("ask", release.id, "Tested?", "--key", "joy", "--json")
    assert (asked.json["id"], asked.json["signer"]) == ("Q1", "joy")
    assert terminal.run("ask", release.id, "Why?", "--key", "joy").out == "Q2: Why?\n"
    assert terminal.run("answer", release.id, "Q1", "Yes.", "--key", "sam").code == 0
    told = terminal.run("answer", release.id, "Q2", "So.", "--key", "sam", "--json")
    assert told.json["text"] == "So."
    assert terminal.run("answer", release.id, "Q9", "So.", "--key", "sam").code == 2


def test_shows_a_release_whose_gate_cannot_be_judged(terminal, wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    wiring.alter(str(release.evidence), lambda data: data + b" ")
    assert terminal.run("release", "show", release.id).code == 0


def test_a_signature_is_told_as_given_though_the_flow_server_is_down(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    assert terminal.run("sign", release.id, *JOY).code == 0
    wiring.orchestrator.down = True
    said = terminal.run("sign", release.id, *SAM)
    assert said.code == 0
    assert said.out.splitlines()[0] == f"signed: {release.id}"
    assert "the gate is open" in said.out
    assert "the flow server does not answer" in said.err
    assert "clinops --estate" in said.err
    assert wiring.kinds(release.id)[-1] is Kind.SIGNED
    wiring.orchestrator.down = False
    assert release.id in reconcile(wiring).scheduled


def test_a_signature_is_told_as_given_to_programs_though_the_flow_server_is_down(terminal, wiring):
    release = wiring.qualify(wiring.offer())
    terminal.run("sign", release.id, *JOY)
    wiring.orchestrator.down = True
    said = terminal.run("sign", release.id, *SAM, "--json")
    assert said.code == 0
    assert said.json == {
        "release": release.id,
        "open": True,
        "run": None,
        "missing": [],
        "problem": "the flow server does not answer",
    }


def test_a_signature_is_told_as_given_though_nobody_can_tell_what_follows(
    terminal, wiring, monkeypatch
):
    release = wiring.qualify(wiring.offer())
    monkeypatch.setattr(wiring.images, "present", out_of_order)
    said = terminal.run("sign", release.id, *JOY)
    assert (said.code, said.out) == (0, f"signed: {release.id}\n")
    assert "the engine does not answer" in said.err
    as_json = terminal.run("sign", release.id, *SAM, "--json")
    assert (as_json.code, as_json.json["open"]) == (0, None)


def out_of_order(image: str) -> bool:
    raise EngineError(f"the engine does not answer for {image}")
