"""Signing at the gate, from what is prepared for a person to what is on record."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from clinops.domain.circumstances import HAZARD_LOG, document_of
from clinops.domain.digest import digest_bytes
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Anchor, Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import ChangeType, LineAction, Meaning, SignOff, statement_bytes
from clinops.domain.suite import Verdict
from clinops.errors import BadInputError, ClinOpsError, EvidenceError, NotFoundError, RefusedError
from flows.dossier import dossier
from flows.gate import (
    answer,
    ask,
    audit,
    changed_inputs,
    check_everything,
    circumstances,
    gate_report,
    line_stop,
    load_evidence,
    owed_for,
    prepare_approval,
    prepare_line_order,
    prepare_sign_off,
    record,
    still_owed,
)
from flows.reconcile import reconcile
from flows.recording import MAX_REFUSED
from tests.fakes.evidence import case
from tests.fakes.signatures import RandomisedSignatures
from tests.fakes.wiring import (
    COMPOSE,
    FIRST,
    GATE,
    HAZARDS,
    KEYS,
    MANIFEST,
    PROBES,
    SECOND,
    SIGNERS,
    SMOKE,
    FakeWiring,
    compose,
    document,
    gate,
    hazard,
    hazards,
    manifest,
    probes,
    signer,
    signers,
)

WAIVERS = "environments/pas/waivers.yaml"
CALENDAR = "environments/calendar.yaml"
QUICK = gate(
    emergency={
        "requires": [{"role": "safety"}],
        "owed_within_hours": 72,
        "passes": ["freeze", "stop"],
    }
)
HOUR = 3600


@pytest.fixture
def release(wiring: FakeWiring) -> ReleaseRecord:
    return wiring.qualify(wiring.offer())


def prepared(wiring: FakeWiring, release: ReleaseRecord, who: str = "joy", **more: Any) -> SignOff:
    given = {"role": "safety", "meaning": Meaning.APPROVED, "reason": "Read it.", **more}
    return prepare_sign_off(wiring.release(release.id), wiring, who, **given)


def put(wiring: FakeWiring, made: Any, key: str = "joy") -> Any:
    return record(KEYS.sign(statement_bytes(made), key), wiring)


def why_closed(wiring: FakeWiring, release: ReleaseRecord) -> str:
    check = check_everything(wiring.release(release.id), wiring)
    assert not check.open
    return "; ".join(check.refusals)


# Recording


def test_what_was_prepared_and_signed_is_recorded_and_opens_the_gate(wiring, release):
    assert put(wiring, prepared(wiring, release)).kind is Kind.SIGNED
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert check_everything(wiring.release(release.id), wiring).open
    assert audit(wiring) == ()


def test_a_rejection_is_recorded_as_one(wiring, release):
    put(wiring, prepared(wiring, release, meaning=Meaning.REJECTED))
    assert wiring.release(release.id).state is State.REJECTED


def forged(wiring: FakeWiring, made: SignOff) -> Any:
    envelope = KEYS.sign(statement_bytes(made), "joy")
    (good,) = envelope.signatures
    bad = good.model_copy(update={"sig": "AAAA" + good.sig[4:]})
    return record(envelope.model_copy(update={"signatures": [bad]}), wiring)


ATTACKS: dict[str, Any] = {
    "forged": (forged, "does not match"),
    "by another key": (lambda w, m: put(w, m, "sam"), "belongs to sam, not to joy"),
    "by a key of nobody": (lambda w, m: put(w, m, "stranger"), "belongs to nobody"),
    "by the vendor": (lambda w, m: put(w, m, "acme"), "belongs to nobody"),
    "moved to other evidence": (
        lambda w, m: put(w, m.model_copy(update={"evidence": "sha256:" + "0" * 64})),
        "other evidence",
    ),
    "other images": (
        lambda w, m: put(w, m.model_copy(update={"images": {}})),
        "not those that were tested",
    ),
    "another version": (
        lambda w, m: put(w, m.model_copy(update={"version": "9"})),
        "another release",
    ),
    "a role not held": (
        lambda w, m: put(w, m.model_copy(update={"role": "porter"})),
        "does not hold the role",
    ),
    "upon another ledger": (
        lambda w, m: put(
            w, m.model_copy(update={"ledger": Anchor(sequence=2, digest="sha256:" + "0" * 64)})
        ),
        "the ledger is not the one",
    ),
    "upon a ledger that is yet to be": (
        lambda w, m: put(
            w, m.model_copy(update={"ledger": Anchor(sequence=999, digest=m.ledger.digest)})
        ),
        "the ledger is not the one",
    ),
    "upon more entries than a ledger can have": (
        lambda w, m: put(
            w, m.model_copy(update={"ledger": m.ledger.model_copy(update={"sequence": 2**53 - 1})})
        ),
        "the ledger is not the one",
    ),
    "with a time of their own": (
        lambda w, m: put(w, m.model_copy(update={"time": "2025-06-10T09:00:00+00:00"})),
        "the ledger 2025",
    ),
    "as an emergency where there is none": (
        lambda w, m: put(w, m.model_copy(update={"change": ChangeType.EMERGENCY})),
        "no route for emergencies",
    ),
    "for a site that is not theirs": (
        lambda w, m: put(w, m.model_copy(update={"site": FIRST})),
        "does not speak for the site",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_does_not_count_is_refused_and_that_is_recorded(wiring, release, name):
    attack, reason = ATTACKS[name]
    with pytest.raises(RefusedError, match=reason):
        attack(wiring, prepared(wiring, release))
    assert wiring.kinds(release.id)[-1] is Kind.SIGNATURE_REFUSED
    body = wiring.last_body(release.id)
    assert reason in body["reasons"][0]
    assert body["signer"] == "joy"
    assert body["envelope"].startswith("sha256:")
    assert Kind.SIGNED not in wiring.kinds(release.id)
    assert audit(wiring) == ()


def test_the_same_envelope_is_not_recorded_twice(wiring, release):
    made = prepared(wiring, release)
    put(wiring, made)
    with pytest.raises(RefusedError, match="on record as entry"):
        put(wiring, made)


def test_the_same_statement_is_not_recorded_twice_whatever_its_signature_looks_like(
    wiring, release
):
    wiring.signatures = RandomisedSignatures("joy")
    made = statement_bytes(prepared(wiring, release))
    one, other = (wiring.signatures.sign(made, "joy") for _ in range(2))
    assert one != other
    record(one, wiring)
    with pytest.raises(RefusedError, match="on record as entry"):
        record(other, wiring)
    assert wiring.kinds(release.id).count(Kind.SIGNED) == 1


def test_refusals_are_recorded_once_each_and_do_not_fill_the_ledger(wiring, release):
    made = prepared(wiring, release)
    for number in range(MAX_REFUSED + 5):
        for _ in range(2):
            with pytest.raises(RefusedError):
                put(wiring, made.model_copy(update={"reason": f"again {number}"}), "stranger")
    assert wiring.kinds(release.id).count(Kind.SIGNATURE_REFUSED) == MAX_REFUSED


@pytest.mark.parametrize(
    "payload", [b"hello", b"{}", b'{"predicateType":"urn:clinops:sign-off:1"}']
)
def test_what_names_no_release_is_refused_and_leaves_nothing(wiring, payload):
    before = list(wiring.ledger.entries())
    with pytest.raises(RefusedError, match="statement"):
        record(KEYS.sign(payload, "joy"), wiring)
    assert list(wiring.ledger.entries()) == before


def test_a_sign_off_of_an_unknown_release_is_refused(wiring, release):
    made = prepared(wiring, release).model_copy(update={"release": "pas-9"})
    with pytest.raises(RefusedError, match="no release is called pas-9"):
        put(wiring, made)


def test_an_administrator_signs_nothing_off(wiring, release):
    wiring.commit({SIGNERS: signers(joy=signer("joy", "safety", may_push=True))})
    with pytest.raises(RefusedError, match="may change the estate"):
        put(wiring, prepared(wiring, release))


def test_nobody_signs_as_somebody_unknown(wiring, release):
    with pytest.raises(NotFoundError):
        prepared(wiring, release, "eve")


def test_a_revoked_signer_is_refused(wiring, release):
    made = prepared(wiring, release)
    wiring.commit({SIGNERS: signers(joy=signer("ops"))})
    with pytest.raises(RefusedError, match="belongs to nobody"):
        put(wiring, made)


# Hazards and approvals


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
    return {"id": "W-001", "version": "2.0", "finding": "test-failed",
            "occurrence": "smoke: test_smoke.py::test_works", "reason": "known", "owner": "ops",
            "expires": dt.date(2025, 6, 30), **changes}  # fmt: skip


def waivers(*found: dict[str, Any]) -> bytes:
    return document({"schema": 1, "product": "pas", "waivers": [*found]})


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


# Stop, freeze


def test_a_stopped_line_holds_every_release_up_until_it_goes_on(wiring):
    release = wiring.signed_off()
    wiring.order(LineAction.STOP, "sam", "operations")
    assert "Sam stopped the line" in why_closed(wiring, release)
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    with pytest.raises(RefusedError, match="this takes the role safety"):
        wiring.order(LineAction.RESUME, "sam", "operations")
    wiring.order(LineAction.RESUME)
    assert line_stop("pas", wiring) is None
    assert wiring.promote(release) is State.LIVE


def test_an_order_to_go_on_that_was_signed_before_the_stop_lifts_nothing(wiring):
    wiring.order(LineAction.STOP, "sam", "operations")
    early = prepare_line_order("pas", LineAction.RESUME, wiring, "joy", role="safety", reason="r")
    wiring.order(LineAction.STOP, "sam", "operations")
    with pytest.raises(RefusedError, match="stopped again meanwhile"):
        put(wiring, early)
    assert line_stop("pas", wiring) is not None


def test_a_line_that_is_not_stopped_need_not_go_on(wiring):
    with pytest.raises(RefusedError, match="the line is not stopped"):
        wiring.order(LineAction.RESUME)


def test_a_stop_during_a_promotion_keeps_it_from_the_next_site(wiring):
    release = wiring.signed_off()
    wiring.suites.meanwhile = lambda replica: (
        wiring.order(LineAction.STOP, "sam", "operations") if replica.site == FIRST else None
    )
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.live_versions() == {FIRST: "2.0", SECOND: "1.0"}
    assert "Sam stopped the line before general-hospital" in wiring.last_body(release.id)["cause"]


def test_a_stop_between_the_last_check_and_the_start_holds_the_release_up(wiring, monkeypatch):
    release = wiring.signed_off()

    def checked_and_then_stopped(*given: Any) -> Any:
        check = check_everything(*given)
        wiring.order(LineAction.STOP, "sam", "operations")
        return check

    monkeypatch.setattr("flows.promote.check_everything", checked_and_then_stopped)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.sites.calls == []
    assert "Sam stopped the line before cottage-hosp" in wiring.last_body(release.id)["cause"]


def calendar(**changes: Any) -> bytes:
    freeze = {"from": "2025-06-01T00:00:00Z", "until": "2025-07-01T00:00:00Z",
              "reason": "Strike", **changes}  # fmt: skip
    return document({"schema": 1, "freezes": [freeze]})


def test_a_freeze_holds_releases_up_and_undoes_no_sign_off(wiring):
    release = wiring.signed_off()
    wiring.commit({CALENDAR: calendar()})
    assert "Strike" in why_closed(wiring, release)
    wiring.commit({CALENDAR: calendar(products=["lab"])})
    assert check_everything(release, wiring).open


def test_a_calendar_that_cannot_be_read_closes_the_gate(wiring):
    release = wiring.signed_off()
    wiring.commit({CALENDAR: calendar(until="soon")})
    assert "calendar.yaml" in why_closed(wiring, release)


# Emergencies


def emergency(wiring: FakeWiring) -> ReleaseRecord:
    """Bring a release live with the safety officer's word alone."""
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    assert wiring.promote(release) is State.LIVE
    return wiring.release(release.id)


def test_after_an_emergency_the_missing_sign_offs_are_owed_and_given(wiring):
    release = emergency(wiring)
    owed = still_owed(wiring.ledger.entries(release.id))
    assert owed is not None
    assert owed.missing == ("1 more sign-off by role operations",)
    report = gate_report(release, load_evidence(release, wiring), wiring)
    assert report.owed is not None
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert still_owed(wiring.ledger.entries(release.id)) is None
    assert gate_report(release, load_evidence(release, wiring), wiring).owed is None
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release, "sam", role="operations")


def test_what_is_overdue_holds_the_next_release_up_until_it_is_given(wiring):
    first = emergency(wiring)
    second = wiring.qualify(wiring.offer("3.0"))
    wiring.clock.advance(71 * HOUR)
    for who in ("joy", "sam"):
        wiring.sign(second, who)
    assert check_everything(second, wiring).open
    wiring.clock.advance(2 * HOUR)
    assert f"the sign-offs that {first.id} has owed" in why_closed(wiring, second)
    put(wiring, prepared(wiring, first, "sam", role="operations"), "sam")
    assert check_everything(second, wiring).open


def test_what_was_given_stays_given_though_the_signer_leaves(wiring):
    first = emergency(wiring)
    put(wiring, prepared(wiring, first, "sam", role="operations"), "sam")
    wiring.commit({SIGNERS: signers(sam=signer("stranger", "operations"))})
    wiring.clock.advance(100 * HOUR)
    second = wiring.qualify(wiring.offer("3.0"))
    assert circumstances(second, load_evidence(second, wiring), wiring).overdue == ()


def test_softening_the_policy_afterwards_makes_nothing_less_owed(wiring):
    release = emergency(wiring)
    soft = gate(requires=[{"role": "safety"}])
    wiring.commit({GATE: soft})
    report = gate_report(release, load_evidence(release, wiring), wiring)
    assert report.owed is not None
    assert still_owed(wiring.ledger.entries(release.id)) is not None


def test_an_emergency_passes_a_stop_where_the_policy_says_so(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    wiring.order(LineAction.STOP, "sam", "operations")
    put(wiring, prepared(wiring, release))
    assert "Sam stopped the line" in why_closed(wiring, release)
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    assert wiring.promote(release) is State.LIVE


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


def test_an_emergency_that_was_signed_before_the_stop_does_not_pass_it(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.order(LineAction.STOP, "sam", "operations")
    assert "Joy signed as an emergency before the line was stopped" in why_closed(wiring, release)
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    assert wiring.promote(release) is State.LIVE


def halfway(wiring: FakeWiring) -> ReleaseRecord:
    """Bring an emergency live at the first site, and stop the line before the second."""
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.suites.meanwhile = lambda replica: (
        wiring.order(LineAction.STOP, "sam", "operations") if replica.site == FIRST else None
    )
    assert wiring.promote(release) is State.ROLLED_BACK
    assert wiring.live_versions() == {FIRST: "2.0", SECOND: "1.0"}
    wiring.suites.meanwhile = lambda replica: None
    return wiring.release(release.id)


def test_an_emergency_that_stayed_at_one_site_still_owes_its_sign_offs(wiring):
    release = halfway(wiring)
    report = dossier(release, wiring).gate
    assert report is not None
    assert report.owed is not None
    assert report.owed.missing == ("1 more sign-off by role operations",)
    wiring.clock.advance(73 * HOUR)
    wiring.order(LineAction.RESUME)
    second = wiring.qualify(wiring.offer("3.0"))
    owing = f"the sign-offs that {release.id} has owed"
    assert owing in why_closed(wiring, second)
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert owing not in why_closed(wiring, second)
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release, "sam", role="operations")
    assert audit(wiring) == ()


def test_an_emergency_that_came_back_from_everywhere_owes_nothing(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.fail_at_sites("2.0", FIRST)
    assert wiring.promote(release) is State.ROLLED_BACK
    assert owed_for(wiring.release(release.id), wiring) is None
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release, "sam", role="operations")


def test_what_is_live_in_the_ordinary_way_takes_no_more_signatures(wiring):
    release = wiring.signed_off()
    wiring.promote(release)
    with pytest.raises(RefusedError, match="no sign-off is owed"):
        prepared(wiring, release)


def test_what_is_given_while_the_release_is_on_its_way_settles_it_too(wiring):
    wiring.commit({GATE: QUICK})
    release = wiring.qualify(wiring.offer())
    put(wiring, prepared(wiring, release, change=ChangeType.EMERGENCY))
    wiring.ledger.before = Kind.SITE_LIVE
    wiring.killed(release)
    put(wiring, prepared(wiring, release, "sam", role="operations"), "sam")
    assert still_owed(wiring.ledger.entries(release.id)) is None
    assert wiring.promote(release) is State.LIVE
    assert still_owed(wiring.ledger.entries(release.id)) is None


# What changed, what the evidence lacks, what is asked


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


def test_questions_and_answers_are_on_record(wiring, release):
    assert ask(release, wiring, "joy", "Was the worklist tested?").body["id"] == "Q1"
    assert ask(release, wiring, "sam", "When?").body["id"] == "Q2"
    told = answer(release, wiring, "sam", "Q1", "Yes, in regression.")
    assert told.body == {"id": "Q1", "signer": "sam", "name": "Sam", "text": "Yes, in regression."}
    assert wiring.kinds(release.id)[-3:] == [
        *(Kind.QUESTION_ASKED, Kind.QUESTION_ASKED),
        Kind.QUESTION_ANSWERED,
    ]


def test_a_question_that_nobody_can_read_or_of_nobody_is_refused(wiring, release, monkeypatch):
    for text in ("", " ", "\x1b[2J", "x" * 2001):
        with pytest.raises(BadInputError):
            ask(release, wiring, "joy", text)
    with pytest.raises(NotFoundError):
        ask(release, wiring, "eve", "Why?")
    with pytest.raises(NotFoundError):
        answer(release, wiring, "joy", "Q1", "Because.")
    monkeypatch.setattr("flows.questions.MAX_QUESTIONS", 1)
    ask(release, wiring, "joy", "Why?")
    with pytest.raises(RefusedError, match="talk to each other"):
        ask(release, wiring, "joy", "Why not?")


def test_a_site_must_be_one_that_the_release_goes_to(wiring, release):
    with pytest.raises(BadInputError, match="does not go to the site north"):
        prepared(wiring, release, site="north")
    assert prepared(wiring, release, site=FIRST).site == FIRST


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


def test_only_what_awaits_sign_off_is_signed(wiring):
    known = wiring.offer()
    with pytest.raises(RefusedError, match="only a release that awaits sign-off"):
        prepared(wiring, known)
