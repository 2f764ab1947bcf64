"""Accounts on the command line, the periods that they are given for, and odd ledgers."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from clinops.domain.commissioning import commissions
from clinops.domain.dora import deployments
from clinops.domain.figure import Figure, Unit, in_words, length
from clinops.domain.journey import journeys
from clinops.domain.lead_time import Cause, Commission, changes
from clinops.domain.ledger import Kind, timestamp
from clinops.domain.period import Period
from clinops.domain.request import Request
from clinops.errors import BadInputError, LedgerError
from flows import account
from tests.fakes.ledger import START, FakeClock, FakeLedger, release_body, to_live, to_sign_off
from tests.fakes.wiring import document

TODAY = dt.date(2025, 7, 9)
JULY = (dt.date(2025, 7, 1), dt.date(2025, 8, 1))
HOUR = 3600


@pytest.fixture
def ledger():
    return FakeLedger(FakeClock())


def found(ledger, commissions=None):
    return changes(journeys(ledger.entries()), timestamp(ledger._clock()), commissions)


def spent(change):
    return {cause: figure.value for cause, figure in change.split.items() if figure.value}


# Periods


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        (None, None, JULY),
        ("2025-07-03", None, (dt.date(2025, 7, 3), dt.date(2025, 8, 1))),
        ("2025-05-03", None, (dt.date(2025, 5, 3), dt.date(2025, 7, 10))),
        (None, "2025-06-15", (dt.date(2025, 6, 1), dt.date(2025, 6, 16))),
        ("2025-06-15", "2025-06-15", (dt.date(2025, 6, 15), dt.date(2025, 6, 16))),
    ],
)
def test_a_period_is_a_month_unless_days_are_given(since, until, period):
    assert Period.read(since, until, TODAY) == period


@pytest.mark.parametrize(("since", "until"), [("July", None), ("2025-07-02", "2025-07-01")])
def test_what_is_no_period_is_refused(since, until):
    with pytest.raises(BadInputError):
        Period.read(since, until, TODAY)


def test_a_period_ends_before_the_next_one_begins():
    period = Period(*JULY)
    assert period.holds("2025-07-01T00:00:00.000000+00:00")
    assert not period.holds("2025-08-01T00:00:00.000000+00:00")
    assert str(period) == "2025-07-01 to 2025-07-31"
    assert [str(one) for one in Period(dt.date(2025, 6, 20), dt.date(2025, 8, 1)).months()] == [
        "2025-06-20 to 2025-06-30",
        "2025-07-01 to 2025-07-31",
    ]


def test_only_days_that_are_over_count_and_at_least_one():
    period = Period(*JULY)
    assert period.elapsed("2025-07-11T12:00:00.000000+00:00") == 10.5
    assert period.elapsed("2025-09-01T00:00:00.000000+00:00") == 31
    assert period.elapsed("2025-01-01T00:00:00.000000+00:00") == 1


# Figures


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(8, "8 s"), (90, "2 min"), (4 * HOUR + 600, "4 h 10 min"), (84 * HOUR, "3.5 days")],
)
def test_a_length_of_time_is_said_as_people_say_it(seconds, said):
    assert length(seconds) == said


def test_what_nothing_says_is_unknown_and_not_0():
    assert in_words(Figure(None, Unit.PERCENT, "how")) == "unknown"
    assert in_words(Figure(0, Unit.PERCENT, "how")) == "0 %"
    assert in_words(Figure(90, Unit.SECONDS, "how")) == "2 min"
    assert in_words(Figure(1.024, Unit.DAYS, "how")) == "1.02 days"
    assert in_words(Figure(10, Unit.DAYS, "how")) == "10 days"
    assert in_words(Figure(1234.56, Unit.PER_30_DAYS, "how")) == "1,234.6 in 30 days"


# Odd ledgers


def test_an_older_ledger_says_less_and_is_read_all_the_same(ledger):
    to_live(ledger)
    (change,) = found(ledger)
    assert (change.last.vendor, change.last.kind, change.last.deadline) == ("", "", "")
    assert change.legs == ()
    assert [one.release for one in deployments([change])] == ["pas-1"]


def test_the_time_before_the_push_is_the_vendors_where_a_request_asked_for_it(ledger):
    asked = Commission("REQ-1", timestamp(START - dt.timedelta(hours=5)), "clinical lead")
    to_sign_off(ledger)
    ledger._clock.advance(2 * HOUR)
    (change,) = found(ledger, {"pas-1": asked})
    assert spent(change) == {Cause.VENDOR: 5 * HOUR, Cause.SIGN_OFF: 2 * HOUR}
    assert "the request REQ-1 to the push" in change.whole.inputs[0].said
    assert change.told()["commissioned"]["by"] == "clinical lead"


def test_a_request_that_was_written_after_the_push_lengthens_nothing(ledger):
    late = Commission("REQ-1", timestamp(START + dt.timedelta(hours=1)), "operations")
    to_sign_off(ledger)
    ledger._clock.advance(2 * HOUR)
    (change,) = found(ledger, {"pas-1": late})
    assert change.commission == late
    assert spent(change) == {Cause.SIGN_OFF: 2 * HOUR}


REQUEST = {
    "schema": 1,
    "id": "faster-search",
    "title": "Search within a second",
    "commissioned_by": "clinical-lead",
    "commissioned": dt.date(2025, 6, 9),
    "owner": "Ward 7",
    "kind": "upgrade",
    "systems": ["pas"],
    "benefit": {"points": 5, "reasons": ["Less waiting."]},
    "effort": {"applications": 2.0},
    "confidence": "high",
    "releases": [{"product": "pas", "version": "2.0"}],
}


def asked(**changes):
    wanted = Request.model_validate(REQUEST | changes)
    return {f"requests/{wanted.id}.yaml": document(REQUEST | changes)}


def test_a_request_asks_for_its_version_or_a_newer_one_until_one_is_live(wiring):
    wiring.commit(asked())
    early = dt.date(2025, 6, 5)
    fix = {"release": {"product": "pas", "version": "2.1"}}
    wiring.commit(asked(id="earlier", commissioned=early, releases=[], fix=fix))
    wiring.commit(asked(id="nobody-knows-how", releases=[]))
    wiring.suites.failing = {("smoke", "2.0")}
    wiring.qualify(wiring.offer())
    wiring.suites.failing = set()
    wiring.promote(wiring.signed_off("2.1", supersedes="1.0"))
    wiring.offer("3.0", supersedes="2.1")
    live, later = account.all_changes(wiring)
    assert live.commission == Commission(
        "earlier", "2025-06-05T00:00:00.000000+00:00", "clinical-lead"
    )
    assert live.whole.value == 5.5 * 24 * HOUR
    assert later.commission is None


def test_a_version_without_an_order_meets_no_request_but_its_own(ledger):
    ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1", version="sarge"))
    wanted = Request.model_validate(REQUEST)
    assert commissions([wanted], journeys(ledger.entries())) == {}


def test_what_was_pushed_before_the_other_was_refused_does_not_mend_it(ledger):
    ledger.append(Kind.RELEASE_KNOWN, "pas-1", release_body("pas-1"))
    ledger.append(Kind.QUALIFICATION_STARTED, "pas-1", {"attempt": 1})
    ledger.append(Kind.RELEASE_KNOWN, "pas-2", release_body("pas-2"))
    body = {"outcome": "refused", "evidence": "sha256:" + "e" * 64}
    ledger.append(Kind.VERDICT, "pas-1", body)
    assert [len(change.journeys) for change in found(ledger)] == [1, 1]


def test_no_vendor_mends_what_another_one_broke(ledger):
    for name in ("acme", "globex"):
        body = release_body(name)
        body["release"]["vendor"] = name
        ledger.append(Kind.RELEASE_KNOWN, name, body)
        ledger.append(Kind.QUALIFICATION_STARTED, name, {"attempt": 1})
        body = {"outcome": "refused", "evidence": "sha256:" + "e" * 64}
        ledger.append(Kind.VERDICT, name, body)
    assert [one.last.vendor for one in found(ledger)] == ["acme", "globex"]


@pytest.mark.parametrize(
    "body", [{"outcome": "refused", "findings": [7]}, {"outcome": "refused", "findings": 7}, {}]
)
def test_a_ledger_that_somebody_has_edited_is_told_and_not_counted(ledger, body):
    to_sign_off(ledger)
    ledger._entries[-1] = ledger._entries[-1].model_copy(update={"body": body})
    with pytest.raises(LedgerError, match="entry 3 can't be read"):
        found(ledger)
    del ledger._entries[0]
    with pytest.raises(LedgerError, match="entry 2 can't be read"):
        found(ledger)


def test_a_thousand_versions_that_were_all_refused_are_one_change(ledger):
    for number in range(1000):
        name = f"pas-{number}"
        ledger.append(Kind.RELEASE_KNOWN, name, release_body(name))
        ledger.append(Kind.QUALIFICATION_STARTED, name, {"attempt": 1})
        body = {"outcome": "refused", "evidence": "sha256:" + "e" * 64}
        ledger.append(Kind.VERDICT, name, body)
        ledger._clock.advance(60)
    (change,) = found(ledger)
    assert len(change.journeys) == 1000
    # Nothing of the vendor's changed: the trust had to mend its own part, but for the last.
    assert spent(change) == {Cause.TEST: 999 * 60, Cause.VENDOR: 60}


def broken_off(ledger, *, verified=True, site="ward", touched=True):
    """Write a promotion that came to no good end."""
    to_sign_off(ledger)
    ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {"sites": ["ward"]})
    ledger.append(Kind.DEPLOYMENT_STARTED, "pas-1", {"sites": ["ward"], "resume": True})
    ledger._clock.advance(HOUR)
    body = {"site": site if touched else "", "cause": "x", "verified": verified}
    ledger.append(Kind.ROLLED_BACK, "pas-1", body)


def test_a_promotion_that_touched_no_site_is_no_deployment(ledger):
    broken_off(ledger, touched=False)
    assert deployments(found(ledger)) == []


def test_what_could_not_be_brought_back_is_down_until_the_next_release(ledger):
    broken_off(ledger, verified=False)
    ledger._clock.advance(HOUR)
    (down,) = deployments(found(ledger))
    assert down.failed == "it failed at ward, and could not be brought back"
    assert [event.time for event in down.recovery] == [
        timestamp(START),
        timestamp(START + dt.timedelta(hours=2)),
    ]
    to_live(ledger, "pas-2")
    first, second = deployments(found(ledger))
    assert first.recovery[1].entry == second.ended.entry
    assert second.unplanned == "it mends pas-1, which was rolled back"


# The command line


def test_the_accounts_of_a_new_estate_are_empty(wiring, terminal):
    said = terminal.run("account", "lead-times")
    assert (said.code, said.out) == (0, "2025-06-01 to 2025-06-30: 0 changes went live, 0 wait\n")
    said = terminal.run("account", "dora")
    assert said.code == 0
    assert "change failure rate" in said.out
    assert "unknown" in said.out


def test_lead_times_are_told_line_by_line_and_for_programs(wiring, terminal):
    release = wiring.signed_off()
    wiring.clock.advance(HOUR)
    wiring.promote(release)
    waiting = wiring.offer("3.0", supersedes="2.0")
    wiring.clock.advance(2 * HOUR)
    lines = terminal.run("account", "lead-times").out.splitlines()
    assert lines[1:3] == [
        f"live     {release.id}  1 h 0 min (window 1 h 0 min)",
        f"waiting  {waiting.id}  2 h 0 min (queue 2 h 0 min)",
    ]
    assert lines[3].startswith("median   whole 1 h 0 min, vendor 0 s, ")
    told = json.loads(terminal.run("account", "lead-times", "--product", "pas", "--json").out)
    assert told["live"][0]["split"]["window"]["value"] == HOUR
    assert told["live"][0]["releases"][0]["live"].keys() == {"cottage-hospital", "general-hospital"}
    assert (
        json.loads(terminal.run("account", "lead-times", "--product", "x", "--json").out)["live"]
        == []
    )


def test_dora_figures_are_told_for_programs_with_their_inputs(wiring, terminal):
    wiring.promote(wiring.signed_off())
    estate, vendor, product = json.loads(terminal.run("account", "dora", "--json").out)["scopes"]
    assert [one["scope"] for one in (estate, vendor, product)] == [
        "estate",
        "vendor acme",
        "product pas",
    ]
    assert estate["change_failure_rate"]["value"] == 0
    assert estate["change_failure_rate"]["inputs"][0]["said"] == "held"


def test_a_day_that_is_none_is_told_without_a_traceback(wiring, terminal):
    said = terminal.run("account", "dora", "--since", "yesterday")
    assert said.code == 2
    assert "yesterday" in said.err


class CountedLedger(FakeLedger):
    """A ledger that counts how often all of it is read."""

    reads = 0

    def entries(self, subject=None, after=0):
        self.reads += subject is None
        return super().entries(subject, after)

    def about(self, release_id):
        raise AssertionError


@pytest.mark.parametrize(
    "read",
    [
        account.dora,
        account.lead_times,
        account.forecast,
        account.picture,
        lambda wiring: account.scorecard("acme", wiring),
    ],
)
def test_the_ledger_is_read_once_however_many_releases_there_are(wiring, read):
    wiring.promote(wiring.signed_off())
    counted = CountedLedger(wiring.clock)
    counted._entries = wiring.ledger._entries
    wiring.ledger = counted
    read(wiring)
    assert counted.reads == 1
