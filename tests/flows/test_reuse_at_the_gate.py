"""A gate upon results that were carried over; and the attacks on that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clinops.domain.digest import canonical, digest_of
from clinops.domain.evidence import Evidence
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.measured import REHEARSAL
from clinops.domain.outcome import Outcome, State
from clinops.domain.suite import Role
from flows.dossier import dossier
from flows.gate import check_everything
from flows.reconcile import reopen
from tests.fakes.wiring import GATE, FakeWiring, gate
from tests.flows.reused import OF_CANDIDATE, evidence_of, planted, twice

# The gate


def signed(wiring: FakeWiring, record: ReleaseRecord) -> ReleaseRecord:
    """Let everybody sign who should."""
    for who in ("joy", "sam"):
        wiring.sign(record, who)
    return wiring.release(record.id)


def refusals(wiring: FakeWiring, record: ReleaseRecord) -> str:
    """Return what the gate says against a release."""
    return "\n".join(check_everything(wiring.release(record.id), wiring).refusals)


def test_a_gate_opens_upon_what_was_carried_over(wiring):
    record = signed(wiring, twice(wiring))
    assert refusals(wiring, record) == ""
    assert wiring.promote(record) is State.LIVE


def mismatch(wiring: FakeWiring) -> None:
    wiring.ledger.append(Kind.REUSE_MISMATCH, "pas", {"release": "pas-3", "what": "a suite"})


def worse_verdict(wiring: FakeWiring) -> None:
    (first,) = wiring.ledger.releases("pas", {State.SUPERSEDED})
    wiring.ledger.append(Kind.REOPENED, first.id, {"by": "ops", "why": "again", "fresh": True})
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, first.id, {"attempt": 2, "holder": "x"})
    verdict = {"outcome": "refused", "evidence": digest_of(1), "attempt": 2}
    wiring.ledger.append(Kind.VERDICT, first.id, verdict)


def altered_origin(wiring: FakeWiring) -> None:
    (_, origin) = evidence_of(wiring.ledger.releases("pas")[0], wiring).carried[0]
    wiring.alter(origin.evidence, lambda data: data + b" ")


def lost_origin(wiring: FakeWiring) -> None:
    (_, origin) = evidence_of(wiring.ledger.releases("pas")[0], wiring).carried[0]
    wiring.alter(origin.evidence, lambda data: None)


def never(wiring: FakeWiring) -> None:
    wiring.commit({GATE: gate(reuse="never")})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (mismatch, "since then a sample came out otherwise (entry"),
        (worse_verdict, "which does not stand any more"),
        (altered_origin, "is not to be had"),
        (lost_origin, "is not to be had"),
        (never, "which the gate forbids"),
    ],
)
def test_a_gate_closes_once_what_it_stands_on_counts_no_more(wiring, spoil, said):
    record = signed(wiring, twice(wiring))
    assert refusals(wiring, record) == ""
    spoil(wiring)
    assert said in refusals(wiring, record)
    assert wiring.promote(record) is State.AWAITING_SIGN_OFF


def test_a_gate_that_has_become_stricter_closes(wiring):
    record = signed(wiring, twice(wiring, lambda wiring: wiring.clock.advance(2 * 86_400)))
    assert refusals(wiring, record) == ""
    wiring.commit({GATE: gate(reuse={"days": 1})})
    assert "was more than 1 day old when it was carried over" in refusals(wiring, record)


def test_a_gate_that_can_not_be_read_lets_nothing_be_carried_over(wiring):
    again = twice(wiring, lambda wiring: wiring.commit({GATE: b"schema: 9\n"}))
    assert evidence_of(again, wiring).measured == ()


def test_a_gate_that_a_mismatch_closed_opens_again_upon_fresh_evidence(wiring):
    record = signed(wiring, twice(wiring))
    mismatch(wiring)
    again = wiring.qualify(reopen(record, "ops", "A sample differed.", wiring, fresh=True))
    assert refusals(wiring, signed(wiring, again)) == ""


def test_what_is_live_says_that_what_it_rests_on_counts_no_more(wiring):
    record = signed(wiring, twice(wiring))
    assert wiring.promote(record) is State.LIVE
    assert dossier(wiring.release(record.id), wiring).problems == ()
    mismatch(wiring)
    (problem, *_) = dossier(wiring.release(record.id), wiring).problems
    assert "a sample came out otherwise" in problem


# Forgeries: evidence that somebody with the account of ClinOps has written, and signed off


def forged(wiring: FakeWiring, change: Callable[[Evidence], Evidence]) -> ReleaseRecord:
    """Put other evidence in place of a second release's, with a verdict and all sign-offs."""
    record = twice(wiring)
    made = change(evidence_of(record, wiring))
    reopen(record, "mallory", "quietly", wiring, fresh=True)
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, record.id, {"attempt": 2, "holder": "x"})
    digest = wiring.evidence.put(canonical(made.json_value()))
    body = {"outcome": "qualified", "evidence": digest, "attempt": 2}
    wiring.ledger.append(Kind.VERDICT, record.id, body)
    return signed(wiring, wiring.release(record.id))


def with_measured(evidence: Evidence, name: str, **changes: object) -> Evidence:
    measured = tuple(
        one.model_copy(update=changes) if one.what == name else one for one in evidence.measured
    )
    return evidence.model_copy(update={"measured": measured})


def other_origin(honest: Evidence, **changes: object) -> Evidence:
    (one, origin) = next(pair for pair in honest.carried if pair[0].what == REHEARSAL)
    return with_measured(honest, one.what, carried=origin.model_copy(update=changes))


def other_inputs(evidence: Evidence) -> Evidence:
    (one, _) = next(pair for pair in evidence.carried if pair[0].what == REHEARSAL)
    return with_measured(evidence, one.what, inputs={**one.inputs, "engine": digest_of("x")})


def other_images(evidence: Evidence) -> Evidence:
    """Say that another image was tested; what is said of the results is their origin's."""
    images = [
        one.model_copy(update={"services": {**one.services, "app": digest_of("another")}})
        if one.role is Role.CANDIDATE
        else one
        for one in evidence.images
    ]
    return evidence.model_copy(update={"images": tuple(images)})


def made_up_result(evidence: Evidence) -> Evidence:
    assert evidence.rehearsal is not None
    faster = evidence.rehearsal.model_copy(update={"seconds_up": 0.0})
    return evidence.model_copy(update={"rehearsal": faster})


def test_honest_evidence_passes_where_forgeries_do_not(wiring):
    record = forged(wiring, lambda evidence: evidence)
    assert refusals(wiring, record) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: other_origin(e, release="pas-1.9-000000000000"), "no verdict that qualified"),
        (lambda e: other_origin(e, evidence=digest_of("nothing")), "no verdict that qualified"),
        (lambda e: other_origin(e, measured="2025-06-09T00:00:00+00:00"), "about something else"),
        (other_inputs, "it depends on something else: engine"),
        (made_up_result, "it came out otherwise there"),
        (lambda e: with_measured(e, REHEARSAL, what="rehearsals"), "was not measured there"),
    ],
)
def test_a_forged_origin_opens_no_gate(wiring, change, said):
    record = forged(wiring, change)
    assert said in refusals(wiring, record)
    assert wiring.promote(record) is not State.LIVE


def test_another_file_than_the_origins_opens_no_gate(wiring):
    def exchange(evidence: Evidence) -> Evidence:
        name = "containers/rehearsal-upgrade-app.log"
        other = wiring.evidence.put(b"nothing to be seen here")
        return evidence.model_copy(update={"files": {**evidence.files, name: other}})

    record = forged(wiring, exchange)
    assert "the rehearsal is not proven" in refusals(wiring, record)
    assert "its files are others" in refusals(wiring, record)


def test_evidence_that_claims_both_contradicts_itself(wiring):
    evidence = evidence_of(twice(wiring), wiring)
    (one, origin) = evidence.carried[0]
    both = with_measured(evidence, one.what, sampled=origin)
    again = evidence.model_copy(update={"measured": (*evidence.measured, one)})
    nothing = with_measured(evidence, one.what, carried=None, differs=("now: other",))
    for forged_one in (both, again, nothing):
        assert forged_one.contradictions() != []


def test_results_of_other_images_contradict_the_evidence_around_them(wiring):
    evidence = evidence_of(twice(wiring), wiring)
    found = other_images(evidence).contradictions()
    assert len(found) == len(OF_CANDIDATE)
    assert all("is said to be of another candidate than the release's" in one for one in found)
    (one, _) = next(pair for pair in evidence.carried if pair[0].what == REHEARSAL)
    for name in ("suites", "product", "baseline"):
        fewer = {part: digest for part, digest in one.inputs.items() if part != name}
        for inputs in (fewer, {**one.inputs, name: digest_of("x")}):
            (problem,) = with_measured(evidence, REHEARSAL, inputs=inputs).contradictions()
            assert f"of another {name}" in problem


def test_a_mismatch_can_not_be_left_out_of_the_findings(wiring):
    evidence = evidence_of(planted(wiring), wiring)
    hidden = evidence.model_copy(
        update={
            "findings": tuple(f for f in evidence.findings if f.kind != "reuse-mismatch"),
            "outcome": Outcome.QUALIFIED,
        }
    )
    assert any("a finding is left out" in one for one in hidden.contradictions())
