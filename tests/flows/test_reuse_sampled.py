"""Results that are measured again to be sure, and how all of them are told apart."""

from __future__ import annotations

import base64
import json

import pytest

from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.measured import REHEARSAL
from clinops.domain.outcome import State
from clinops.domain.suite import Role
from clinops.errors import EngineError
from clinops.gatehouse.app import application
from flows.reconcile import reopen
from flows.safety_case import as_html, safety_case
from tests.fakes.browser import Browser
from tests.fakes.wiring import GATE, FakeWiring, gate
from tests.flows.reused import ALL, RETOLD, carried, evidence_of, planted, twice


def sampled(record: ReleaseRecord, wiring: FakeWiring) -> set[str]:
    """Name what was measured again to be sure."""
    return {one.what for one in evidence_of(record, wiring).measured if one.sampled is not None}


# The sample


def test_a_share_is_measured_again_and_the_evidence_says_so(wiring):
    wiring.commit({GATE: gate(reuse={"sampled_percent": 100})})
    again = twice(wiring)
    assert again.state is State.AWAITING_SIGN_OFF
    assert (carried(again, wiring), sampled(again, wiring)) == (set(), ALL)
    assert Kind.REUSE_MISMATCH not in wiring.kinds("pas")


def drawing(wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Have just one result drawn; they are asked for in the order of their names."""
    drawn = iter([0.01 if name == what else 0.99 for name in sorted(ALL)])
    monkeypatch.setattr(wiring, "draw", lambda: next(drawn))


def test_a_sample_of_the_version_in_use_has_nothing_else_measured(wiring, monkeypatch):
    what = "regression suite on baseline"
    again = twice(wiring, lambda wiring: drawing(wiring, monkeypatch, what))
    assert again.state is State.AWAITING_SIGN_OFF
    assert (sampled(again, wiring), carried(again, wiring)) == ({what}, ALL - {what})
    assert wiring.replicas.done[-1] == "fork 1.0"


def test_a_sample_on_upgraded_data_has_the_upgrade_measured_as_well(wiring, monkeypatch):
    what = "regression suite on candidate"
    again = twice(wiring, lambda wiring: drawing(wiring, monkeypatch, what))
    assert again.state is State.AWAITING_SIGN_OFF
    assert sampled(again, wiring) == {what, REHEARSAL}
    assert carried(again, wiring) == ALL - {what, REHEARSAL}


def test_a_planted_mismatch_is_caught(wiring):
    again = planted(wiring)
    assert again.state is State.INCONCLUSIVE
    found = [one for one in evidence_of(again, wiring).findings if one.kind == "reuse-mismatch"]
    assert [one.summary.partition(" came out")[0] for one in found] == [
        "The regression suite on baseline"
    ]
    assert "now: test_regression.py::test_more failed" in found[0].detail
    (entry,) = (e for e in wiring.ledger.entries("pas") if e.kind is Kind.REUSE_MISMATCH)
    assert entry.body["what"] == "regression suite on baseline"
    assert entry.body["release"] == again.id
    assert list(wiring.ledger.problems()) == []


def test_what_the_upgrade_makes_of_the_data_is_held_against_it_too(wiring):
    def garble(wiring: FakeWiring) -> None:
        wiring.drawn = 0.01
        wiring.replicas.on_start["2.0"] = lambda records: {
            key: {**fields, "name": "?"} for key, fields in records.items()
        }

    again = twice(wiring, garble)
    assert again.state is State.REFUSED
    (found,) = (f for f in evidence_of(again, wiring).findings if f.kind == "reuse-mismatch")
    assert found.summary.startswith("The rehearsal came out otherwise")
    assert "now: data: patients: name, changed" in found.detail


def test_a_mismatch_drops_everything_measured_before_it(wiring):
    inconclusive = planted(wiring)
    again = wiring.qualify(reopen(inconclusive, "ops", "Looked into it.", wiring))
    assert again.state is State.AWAITING_SIGN_OFF
    assert carried(again, wiring) == set()
    assert carried(wiring.qualify(wiring.offer(deadline="2031-01-01")), wiring) == ALL


def test_a_mismatch_is_on_record_even_where_the_attempt_then_breaks_off(wiring):
    wiring.qualify(wiring.offer())
    release = wiring.offer(**RETOLD)
    wiring.drawn = 0.01
    wiring.suites.failing = {("regression", "1.0")}

    def cut(replica):
        wiring.replicas.engine_gone = replica.role is Role.CANDIDATE

    wiring.suites.meanwhile = cut
    with pytest.raises(EngineError):
        wiring.qualify(release)
    assert Kind.REUSE_MISMATCH in wiring.kinds("pas")
    assert wiring.release(release.id).state is State.ERRORED


# Told apart


def test_the_evidence_the_ledger_and_operations_tell_it_apart(wiring):
    again = twice(wiring)
    evidence = evidence_of(again, wiring)
    (_, origin) = evidence.carried[0]
    assert "## Carried over" in wiring.stages.reports["verdict"]
    assert {row["carried over from"] for row in wiring.stages.tables["suites"]} == {origin.release}
    junit = wiring.evidence.get(evidence.files["junit.xml"]).decode()
    assert junit.count('name="carried.release"') == 4
    assert f'name="carried.evidence" value="{origin.evidence}"' in junit
    assert len(wiring.last_body(again.id)["carried"]) == len(ALL)


def test_the_engines_attestation_tells_it_apart(wiring):
    again = twice(wiring)
    (_, origin) = evidence_of(again, wiring).carried[0]
    envelope = wiring.evidence.get(wiring.last_body(again.id)["attestation"]["envelope"])
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    inputs = statement["predicate"]["configuration"]
    told = {one["annotations"]["carried"]: one for one in inputs if "annotations" in one
            and "carried" in one["annotations"]}  # fmt: skip
    assert told.keys() == ALL
    assert told[REHEARSAL]["digest"] == {"sha256": origin.evidence.removeprefix("sha256:")}


def test_the_page_tells_it_apart_at_its_top_and_with_every_suite(wiring):
    again = twice(wiring)
    (_, origin) = evidence_of(again, wiring).carried[0]
    page = Browser(application(wiring)).text(f"/releases/{again.id}")
    assert "6 results, not run again" in page
    assert "Not all of this was measured for this release" in page
    link = f'from <a href="/releases/{origin.release}">{origin.release}</a> of <time'
    # The list at the top, both suites on both versions, the rehearsal and the comparison.
    assert page.count(link) == len(ALL) + 4 + 2
    first = Browser(application(wiring)).text(f"/releases/{origin.release}")
    assert "arried over" not in first


def test_the_page_tells_what_was_measured_again_to_be_sure(wiring):
    wiring.commit({GATE: gate(reuse={"sampled_percent": 100})})
    again = twice(wiring)
    page = Browser(application(wiring)).text(f"/releases/{again.id}")
    assert "6 results could have been carried over and were measured again to be sure" in page


def test_the_page_and_the_history_tell_of_a_mismatch(wiring):
    again = planted(wiring)
    browser = Browser(application(wiring))
    assert "The regression suite on baseline came out otherwise" in browser.text(
        f"/releases/{again.id}"
    )
    assert "nothing measured until now is carried over any more" in browser.text(
        "/systems/pas/history"
    )


def test_the_safety_case_tells_it_apart(wiring):
    again = twice(wiring)
    told = as_html(safety_case(again, wiring))
    assert "6 results were not measured for this release" in told
    assert "The smoke suite on candidate was carried over from pas-2.0-" in told
