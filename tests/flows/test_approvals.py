"""Hazards that people accept, documents that they approve, and what is refused of both."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from clinops.domain.digest import digest_bytes
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import LineAction, statement_bytes
from clinops.domain.suite import Verdict
from clinops.errors import BadInputError, ClinOpsError, NotFoundError, RefusedError
from flows.gate import (
    audit,
    check_everything,
    circumstances,
    gate_report,
    line_stop,
    load_evidence,
    prepare_approval,
    prepare_line_order,
)
from flows.reconcile import reconcile
from flows.recording import MAX_REFUSED
from tests.fakes.evidence import case
from tests.fakes.wiring import (
    GATE,
    HAZARDS,
    KEYS,
    SIGNERS,
    FakeWiring,
    hazard,
    hazards,
    signer,
    signers,
)
from tests.flows.at_the_gate import HOUR, WAIVERS, prepared, put, waivers, why_closed


def uncovered(wiring: FakeWiring) -> ReleaseRecord:
    for suite in ("smoke", "regression"):
        for version in ("1.0", "2.0"):
            wiring.suites.cases[suite, version] = (case(f"test_{suite}"),)
    return wiring.qualify(wiring.offer())


def test_a_serious_hazard_without_evidence_blocks_until_it_is_accepted_in_writing(wiring):
    release = uncovered(wiring)
    wiring.sign(release, "sam")
    put(wiring, prepared(wiring, release))
    assert "evidence for the hazard PAS-001" in why_closed(wiring, release)
    put(wiring, prepared(wiring, release, accepts={"PAS-001": "Known since 2019."}))
    check = check_everything(wiring.release(release.id), wiring)
    assert check.open, check.refusals
    assert check.report is not None
    assert [(one.hazard, one.signer) for one in check.report.accepted] == [("PAS-001", "joy")]
    assert wiring.promote(release) is State.LIVE
    live = wiring.release(release.id)
    assert gate_report(live, load_evidence(live, wiring), wiring).accepted


@pytest.mark.parametrize("hazard_id", ["PAS-001", "PAS-999"])
def test_nothing_is_accepted_that_has_evidence_or_is_unknown(wiring, release, hazard_id):
    with pytest.raises(BadInputError, match="nothing to accept"):
        prepared(wiring, release, accepts={hazard_id: "why"})


def test_a_changed_hazard_log_makes_a_release_that_needs_an_approval_of_its_own(wiring, release):
    wiring.sign(release, "joy")
    wiring.sign(release, "sam")
    wiring.commit({HAZARDS: hazards(hazard(name="Worse than we thought"))})
    assert HAZARDS in why_closed(wiring, release)
    (known,) = reconcile(wiring).known
    newer = wiring.qualify(wiring.release(known))
    wiring.sign(newer, "joy")
    wiring.sign(newer, "sam")
    assert "an approval of this version of the hazard log" in why_closed(wiring, newer)
    wiring.approve()
    assert check_everything(wiring.release(known), wiring).open


def test_whoever_changed_the_hazard_log_does_not_approve_it(wiring):
    people = {"joy": signer("joy", "safety", may_push=True)}
    wiring.commit({SIGNERS: signers(**people)})
    wiring.commit({HAZARDS: hazards(hazard(name="Other"))}, "joy")
    wiring.commit({SIGNERS: signers()})
    with pytest.raises(RefusedError, match="Joy changed what would be approved"):
        wiring.approve()
    assert wiring.approve("sam").kind is Kind.DOCUMENT_APPROVED


def test_a_later_trivial_change_by_somebody_else_does_not_make_its_author_independent(wiring):
    wiring.commit({SIGNERS: signers(joy=signer("joy", "safety", may_push=True))})
    wiring.commit({HAZARDS: hazards(hazard(name="Other"))}, "joy")
    wiring.commit({SIGNERS: signers()})
    wiring.commit({HAZARDS: hazards(hazard(name="Other")) + b"# tidied\n"})
    with pytest.raises(RefusedError, match="Joy changed what would be approved"):
        wiring.approve()


def test_a_hazard_log_is_approved_before_there_is_any_release():
    wiring = FakeWiring()
    assert wiring.approve().sequence == 1
    assert audit(wiring) == ()


@pytest.mark.parametrize(
    ("path", "item"), [(GATE, ""), (HAZARDS, "W-001"), (WAIVERS, "W-001"), ("../x", "")]
)
def test_nothing_else_can_be_approved(wiring, path, item):
    with pytest.raises(BadInputError):
        prepare_approval("pas", path, item, wiring, "joy", role="safety", reason="r")


def waiver(**changes: Any) -> dict[str, Any]:
    """A waiver of the smoke test that fails."""
    return {"id": "W-001", "version": "2.0", "finding": "test-failed",
            "occurrence": "smoke: test_smoke.py::test_works", "reason": "known", "owner": "ops",
            "expires": dt.date(2025, 6, 30), **changes}  # fmt: skip


def waived(wiring: FakeWiring) -> ReleaseRecord:
    """Qualify a release one of whose failures is waived, and sign it."""
    failing = case("test_smoke.py::test_works", Verdict.FAILED, message="no")
    wiring.suites.cases["smoke", "1.0"] = (case("test_smoke.py::test_works"),)
    wiring.suites.cases["smoke", "2.0"] = (failing,)
    wiring.commit({WAIVERS: waivers(waiver())})
    release = wiring.qualify(wiring.offer())
    assert release.state is State.AWAITING_SIGN_OFF
    for who in ("joy", "sam"):
        wiring.sign(release, who)
    return wiring.release(release.id)


def test_a_waiver_counts_once_it_is_approved_and_until_it_expires(wiring):
    release = waived(wiring)
    assert "an approval of the waiver W-001" in why_closed(wiring, release)
    wiring.approve("joy", WAIVERS, "W-001")
    assert check_everything(release, wiring).open
    wiring.clock.advance(13 * 24 * HOUR)
    assert check_everything(release, wiring).open
    wiring.clock.advance(8 * 24 * HOUR)
    assert "W-001 expired on 2025-06-30" in why_closed(wiring, release)


def test_a_waiver_changed_by_one_letter_is_approved_no_more(wiring):
    release = waived(wiring)
    wiring.approve("joy", WAIVERS, "W-001")
    wiring.commit({WAIVERS: waivers(waiver(reason="knowm"))})
    assert WAIVERS in why_closed(wiring, release)


def refused_about_pas(wiring: FakeWiring) -> dict[str, Any]:
    assert wiring.kinds("pas")[-1] is Kind.STATEMENT_REFUSED
    assert audit(wiring) == ()
    return wiring.last_body("pas")


def test_a_refused_approval_of_a_document_is_on_record_under_its_product(wiring):
    made = prepare_approval("pas", HAZARDS, "", wiring, "sam", role="safety", reason="r")
    with pytest.raises(RefusedError, match="belongs to joy, not to sam"):
        put(wiring, made, "joy")
    assert refused_about_pas(wiring) == {
        "what": f"approval of {HAZARDS}",
        "reasons": [
            (
                "this signature would not count, so it was not recorded: "
                "the key belongs to joy, not to sam"
            )
        ],
        "signer": "sam",
        "role": "safety",
        "envelope": digest_bytes(KEYS.sign(statement_bytes(made), "joy").to_bytes()),
    }


def test_a_refused_approval_of_what_there_is_not_is_on_record_and_cut_short(wiring):
    made = prepare_approval("pas", HAZARDS, "", wiring, "joy", role="safety", reason="r")
    with pytest.raises(BadInputError):
        put(wiring, made.model_copy(update={"document": "x" * 5000, "item": "W-1"}))
    body = refused_about_pas(wiring)
    assert all(len(text) <= 1001 for text in (body["what"], *body["reasons"]))


def test_a_refused_order_about_a_line_is_on_record_under_its_product(wiring):
    wiring.order(LineAction.STOP)
    with pytest.raises(RefusedError):
        wiring.order(LineAction.RESUME, "sam", "operations")
    body = refused_about_pas(wiring)
    assert (body["what"], body["signer"]) == ("order to resume the line", "sam")
    assert line_stop("pas", wiring) is not None


def test_what_is_refused_about_no_product_here_leaves_nothing(wiring):
    made = prepare_line_order("pas", LineAction.STOP, wiring, "sam", role="safety", reason="r")
    before = list(wiring.ledger.entries())
    with pytest.raises(ClinOpsError):
        put(wiring, made.model_copy(update={"product": "lab"}), "sam")
    assert list(wiring.ledger.entries()) == before


def test_refusals_about_a_product_are_recorded_once_each_and_so_many_a_day(wiring):
    made = prepare_line_order("pas", LineAction.STOP, wiring, "sam", role="safety", reason="r")

    def attempts() -> int:
        for number in range(MAX_REFUSED + 5):
            for _ in range(2):
                with pytest.raises(RefusedError):
                    put(wiring, made.model_copy(update={"reason": f"again {number}"}), "stranger")
        return wiring.kinds("pas").count(Kind.STATEMENT_REFUSED)

    assert attempts() == MAX_REFUSED
    wiring.clock.advance(25 * HOUR)
    assert attempts() == 2 * MAX_REFUSED


def test_an_author_whose_key_is_good_no_more_makes_every_author_count(wiring):
    """Who wrote the log last can't be told; nobody who ever wrote it may approve it, then."""
    wiring.commit({SIGNERS: signers(joy=signer("joy", "safety", may_push=True))})
    wiring.commit({HAZARDS: hazards(hazard(name="One"))}, "joy")
    wiring.commit({HAZARDS: hazards(hazard(name="Two"))}, "ops")
    wiring.commit({SIGNERS: signers(ops=signer("stranger", may_push=True))}, "ops")
    wiring.git.today = dt.date(2026, 2, 1)
    with pytest.raises(RefusedError):
        wiring.approve()


def test_an_approval_that_cannot_be_read_approves_nothing(wiring, release):
    wiring.ledger.append(Kind.DOCUMENT_APPROVED, "pas", {"envelope": {"payload": "AAAA"}})
    found = circumstances(release, load_evidence(release, wiring), wiring)
    assert [one.signed.signer for one in found.approvals] == ["joy"]


def test_only_a_waiver_that_there_is_can_be_approved(wiring):
    wiring.commit({WAIVERS: waivers(waiver())})
    with pytest.raises(NotFoundError, match="has no waiver W-002"):
        wiring.approve("joy", WAIVERS, "W-002")
