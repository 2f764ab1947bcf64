"""The board's picture: what was asked, done, waits and for whom; risks by the hazard logs."""

from __future__ import annotations

import datetime as dt
import json

from clinops.domain.hazard import HazardLog
from clinops.domain.lead_time import Cause
from clinops.domain.parsing import parse
from clinops.domain.risk import Step, risk
from flows import account
from flows.board import close_met
from tests.fakes.wiring import HAZARDS, FakeWiring, hazard, hazards
from tests.unit.test_account import asked

LOW = {"severity": "minor", "likelihood": "very-low"}
HIGH = {"severity": "catastrophic", "likelihood": "high"}
JUNE = (dt.date(2025, 6, 1), dt.date(2025, 7, 1))


def log(*found):
    return parse(HAZARDS, hazards(*found), HazardLog)


def changed(before, after, *requests):
    return risk([Step("pas-2", 7, log(*before), log(*after), requests)])


def test_a_lower_residual_class_is_risk_retired_with_hazard_and_request():
    found = changed(
        [hazard(residual=HIGH)], [hazard(residual=LOW)], ("R-1", ["PAS-001"]), ("R-2", ["PAS-002"])
    )
    (source,) = found.retired.inputs
    assert (found.retired.value, found.added.value) == (4, 0)
    assert source.said == ("PAS-001, A patient is taken for another: class 5 → 1; asked for by R-1")
    assert (source.what, source.entries) == ("pas-2", (7,))


def test_a_closed_hazard_has_no_risk_left_and_a_new_one_adds_its_own():
    closed = hazard(status="closed", evidence=["minutes"])
    found = changed([hazard()], [closed, hazard("PAS-002", residual=HIGH)])
    assert (found.retired.value, found.added.value) == (2, 5)
    assert found.retired.inputs[0].said.endswith("class 2 → closed")
    assert found.added.inputs[0].said.endswith("class none → 5")


def test_what_stays_as_it_was_is_no_news():
    found = changed([hazard()], [hazard()])
    assert found.retired.inputs == found.added.inputs == ()


def test_the_picture_tells_what_was_asked_done_and_waits(wiring, terminal):
    wiring.commit(asked(commissioned=dt.date(2025, 6, 2), hazards=["PAS-001"]))
    wiring.commit(asked(id="later", commissioned=dt.date(2025, 5, 30), releases=[]))
    wiring.commit({HAZARDS: hazards(hazard(residual=LOW))})
    wiring.approve()
    wiring.promote(wiring.signed_off())
    close_met(wiring)
    waits = wiring.qualify(wiring.offer("3.0", supersedes="2.0"))
    wiring.clock.advance(3600)
    found = account.picture(wiring, *JUNE)
    assert {who: [one.what for one in figure.inputs] for who, figure in found.asked.items()} == {
        "clinical-lead": ["faster-search"]
    }
    assert [(one.what, bool(one.entries)) for one in found.met.inputs] == [("faster-search", True)]
    assert [one.what for one in found.open["clinical-lead"].inputs] == ["later"]
    assert [one.last.version for one in found.lead_times.live] == ["2.0"]
    assert [one.what for one in found.waits_for[Cause.SIGN_OFF].inputs] == [waits.id]
    assert sum(figure.value for figure in found.waits_for.values()) == 1
    assert found.risk.retired.value == 1
    assert found.risk.retired.inputs[0].said.endswith("asked for by faster-search")
    assert found.forecast.requests.waiting.value == 1
    said = terminal.run("account", "picture", "--since", "2025-06-01")
    assert said.code == 0
    assert "waits     1 for sign-off" in said.out
    told = json.loads(terminal.run("account", "picture", "--json").out)
    assert told["risk"]["retired"]["value"] == 1


def test_a_release_before_the_period_retires_nothing_in_it(wiring):
    wiring.commit({HAZARDS: hazards(hazard(residual=LOW))})
    wiring.approve()
    wiring.promote(wiring.signed_off())
    found = account.picture(wiring, dt.date(2025, 5, 1), dt.date(2025, 6, 1))
    assert found.risk.retired.inputs == ()


def test_a_log_that_cannot_be_read_is_told_and_not_taken_for_no_risk(wiring):
    wiring.commit({HAZARDS: hazards(hazard(residual=LOW))})
    wiring.approve()
    release = wiring.signed_off()
    wiring.promote(release)
    at = wiring.git.at
    broken = wiring.git.at(release.release["commit"]).files | {HAZARDS: b"schema: 7\n"}
    wiring.git.at = lambda commit: (
        type(at(commit))(broken) if commit == release.release["commit"] else at(commit)
    )
    found = account.picture(wiring, *JUNE)
    assert found.risk.unread == (release.id,)
    assert found.risk.retired.inputs == ()


def test_a_new_system_had_no_risk_to_lower(tmp_path):
    new = FakeWiring(tmp_path)
    new.promote(new.signed_off())
    found = account.picture(new, *JUNE)
    assert len(found.lead_times.live) == 1
    assert found.risk.retired.inputs == found.risk.added.inputs == ()
