"""Evidence of a qualification that rehearsed and compared."""

from __future__ import annotations

from clinops.domain.difference import Difference
from clinops.domain.finding import Finding, Weight
from clinops.domain.outcome import Outcome, State
from clinops.domain.rehearsal import WayBack
from flows.compare import Compared
from flows.gate import load_evidence
from flows.reports import verdict_report
from tests.fakes.assembled import as_compared, as_rehearsed, assembled, qualified_with
from tests.fakes.compared import SLOWER, comparison, group, lossy, rehearsal

LOST = Difference(
    kind="data",
    subject="data: patients: record 9990000018: gone",
    before="Ann",
    after="nothing",
    change="removed",
    protected=True,
)


def test_nothing_found_is_on_record_as_well(wiring):
    record = qualified_with(wiring, as_rehearsed(rehearsal()), as_compared(comparison()))
    evidence = load_evidence(record, wiring)
    assert record.state is State.AWAITING_SIGN_OFF
    assert evidence.contradictions() == []
    assert evidence.rehearsal == rehearsal()
    assert evidence.comparison == comparison()
    assert {"comparison.json", "containers/rehearsal-candidate-app.log"} <= set(evidence.files)


def test_a_lost_record_refuses_the_release_by_name(wiring):
    rehearsed = as_rehearsed(rehearsal(), LOST)
    evidence = assembled(wiring, wiring.offer(), rehearsed).evidence
    assert evidence.outcome is Outcome.REFUSED
    [finding] = [one for one in evidence.findings if one.weight is Weight.REFUSES]
    assert (finding.kind, finding.occurrence) == ("regression", LOST.subject)


def test_a_declared_loss_refuses_nothing_and_is_in_sight(wiring):
    changes = [{"summary": "Merged twins", "covers": [LOST.subject]}]
    record = wiring.offer(changes=changes)
    evidence = assembled(wiring, record, as_rehearsed(rehearsal(), LOST)).evidence
    assert evidence.outcome is Outcome.QUALIFIED
    assert [one.kind for one in evidence.findings] == ["declared-protected-change"]
    assert evidence.differences[-1].declared_by == "Merged twins"


def test_behaviour_that_nobody_declared_refuses(wiring):
    compared = as_compared(comparison(group(), speeds=(SLOWER,)))
    evidence = assembled(wiring, wiring.offer(), compared=compared).evidence
    assert evidence.outcome is Outcome.REFUSED
    assert {one.kind for one in evidence.findings} == {"regression", "slower"}
    assert evidence.contradictions() == []


def test_a_fork_that_never_got_ready_leaves_the_answer_open(wiring):
    never = Finding(kind="replica-never-ready", weight=Weight.INCONCLUSIVE, summary="db never")
    evidence = assembled(wiring, wiring.offer(), compared=Compared(None, findings=(never,)))
    assert evidence.evidence.outcome is Outcome.INCONCLUSIVE
    assert evidence.evidence.contradictions() == []


def test_the_verdict_tells_what_was_lost_and_compared(wiring):
    result = assembled(
        wiring, wiring.offer(), as_rehearsed(lossy(), LOST), as_compared(comparison(group()))
    )
    text = verdict_report(result.evidence, result.totals)
    assert "the upgrade works, 3.5 s of downtime" in text
    assert "the way back (binary): lossy, 4.0 s of downtime" in text
    assert "- lost: patients\\: 9990000018 \\(there before the upgrade\\)" in text
    assert "40 answers to 40 probes: 1 causes of differences" in text
    assert text.index("**refuses**") < text.index("## Differences")


def test_the_verdict_stays_short_whatever_a_vendor_breaks(wiring):
    many = [LOST.model_copy(update={"subject": f"data: x: record {n}"}) for n in range(2_000)]
    failed = rehearsal(upgraded=False, way_back=WayBack.NOT_TRIED, seconds_back=None)
    result = assembled(wiring, wiring.offer(), as_rehearsed(failed, *many))
    text = verdict_report(result.evidence, result.totals)
    assert len(text) < 50_000
    assert "and 1950 more, in the evidence" in text
    assert "the upgrade fails" in text
