"""A line that people have stopped, and times in which nothing goes live."""

from __future__ import annotations

from typing import Any

import pytest

from clinops.domain.outcome import State
from clinops.domain.signoff import LineAction
from clinops.errors import RefusedError
from flows.gate import check_everything, line_stop, prepare_line_order
from tests.fakes.wiring import FIRST, SECOND, document
from tests.flows.at_the_gate import CALENDAR, put, why_closed


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
