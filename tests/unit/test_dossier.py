"""What is known about a release, and what is said where something is not known."""

from __future__ import annotations

from clinops.domain.dossier import Dossier
from clinops.domain.ledger import Kind
from clinops.domain.signoff import Meaning
from clinops.domain.suite import CaseResult, Verdict
from flows.dossier import dossier
from tests.fakes.wiring import COMPOSE, HAZARDS, FakeWiring, compose, hazard, hazards


def about(wiring: FakeWiring, release_id: str) -> Dossier:
    return dossier(wiring.release(release_id), wiring)


def case(name: str, verdict: Verdict, *named: str) -> CaseResult:
    return CaseResult(name=name, verdict=verdict, milliseconds=1, hazards=named)


def run_on_both(wiring: FakeWiring, *cases: CaseResult) -> None:
    for suite in ("smoke", "regression"):
        wiring.suites.cases[suite, "1.0"] = wiring.suites.cases[suite, "2.0"] = cases


def test_tells_everything_about_a_release_that_waits(wiring):
    record = wiring.qualify(wiring.offer(changes=[{"summary": "Faster searches"}]))
    found = about(wiring, record.id)
    assert not found.problems
    assert [change.summary for change in found.changes] == ["Faster searches"]
    assert found.rollback
    assert found.rollback.strategy == "binary"
    assert (found.passed, found.tests) == (2, 2)
    assert found.gate
    assert not found.gate.open
    assert found.sites == ("cottage-hospital", "general-hospital")


def test_puts_hazards_without_evidence_first_and_closed_ones_last(wiring):
    minor = {"severity": "minor", "likelihood": "low"}
    closed = hazard("PAS-001", status="closed", evidence=["minutes"])
    light = hazard("PAS-002", initial=minor, residual=dict(minor))
    log = hazards(closed, light, hazard("PAS-003"), hazard("PAS-004"))
    wiring.commit({HAZARDS: log})
    run_on_both(wiring, case("test_a", Verdict.PASSED, "PAS-003"))
    found = about(wiring, wiring.qualify(wiring.offer()).id)
    assert [one.hazard.id for one in found.hazards] == ["PAS-004", "PAS-002", "PAS-003", "PAS-001"]
    assert [one.without_evidence for one in found.hazards] == [True, True, False, False]


def test_tells_failed_tests_of_a_hazard_from_missing_ones(wiring):
    wiring.commit({HAZARDS: hazards(hazard("PAS-001"), hazard("PAS-002"))})
    run_on_both(
        wiring,
        case("test_a", Verdict.FAILED, "PAS-001"),
        case("test_b", Verdict.PASSED, "PAS-001"),
    )
    found = {one.hazard.id: one for one in about(wiring, wiring.qualify(wiring.offer()).id).hazards}
    assert found["PAS-001"].failed
    assert {test.name for test in found["PAS-001"].not_passed} == {"test_a"}
    assert found["PAS-002"].without_evidence
    assert not found["PAS-002"].failed


def test_puts_suites_with_failures_first(wiring):
    wiring.suites.failing = {("smoke", "2.0")}
    found = about(wiring, wiring.qualify(wiring.offer()).id)
    assert [(suite.name, len(suite.failures)) for suite in found.suites] == [
        ("smoke", 1),
        ("regression", 0),
    ]
    assert found.suites[0].before == {"test_smoke.py::test_works": Verdict.PASSED}


def test_says_that_altered_evidence_does_not_hold(wiring):
    record = wiring.qualify(wiring.offer())
    assert record.evidence
    wiring.alter(record.evidence, lambda data: data + b" ")
    found = about(wiring, record.id)
    assert found.evidence is None
    assert found.gate is None
    assert "does not hold" in found.problems[0]


def test_names_the_inputs_that_changed_since(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.commit({COMPOSE: compose(endpoints={"http": "app:9090"})})
    assert about(wiring, record.id).changed == (COMPOSE,)


def test_says_when_the_evidence_is_against_another_version_than_is_in_use(wiring):
    record = wiring.qualify(wiring.offer())
    assert not about(wiring, record.id).other_baselines
    live = wiring.ledger.live("pas")[0]
    changed = live.model_copy(update={"version": "1.1"}).json_value()
    wiring.ledger.append(Kind.SYSTEM_ADOPTED, f"pas@{live.site}", {"live": changed})
    assert [one.site for one in about(wiring, record.id).other_baselines] == [live.site]


def test_pairs_questions_with_their_answers(wiring):
    record = wiring.qualify(wiring.offer())
    for number in ("Q1", "Q2"):
        body = {"id": number, "signer": "joy", "name": "Joy", "role": "safety", "text": "Why?"}
        wiring.ledger.append(Kind.QUESTION_ASKED, record.id, body)
    answer = {"id": "Q1", "signer": "sam", "name": "Sam", "text": "Because."}
    wiring.ledger.append(Kind.QUESTION_ANSWERED, record.id, answer)
    first, second = about(wiring, record.id).questions
    assert first.answers[0].words == ("Because.",)
    assert not second.answers


def test_gives_the_reason_for_a_rejection(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.sign(record, "joy", meaning=Meaning.APPROVED)
    envelope = [*wiring.ledger.entries(record.id)][-1].body["envelope"]
    wiring.ledger.append(Kind.REJECTED, record.id, {"envelope": envelope})
    assert about(wiring, record.id).cause == ("Read it.",)


def test_says_when_the_first_sign_off_expires(wiring):
    record = wiring.signed_off()
    found = about(wiring, record.id)
    assert found.gate
    assert found.gate.open
    assert found.valid_until
    assert (found.valid_until - wiring.clock()).days == 14


def test_says_that_a_policy_that_cannot_be_read_closes_the_page(wiring):
    record = wiring.qualify(wiring.offer())
    wiring.commit({"environments/pas/gate.yaml": b"schema: 1\n"})
    found = about(wiring, record.id)
    assert found.gate is None
    assert any("policy can't be read" in problem for problem in found.problems)
