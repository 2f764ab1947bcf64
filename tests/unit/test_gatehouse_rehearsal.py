"""What the gatehouse and the report say of a rehearsal and of a comparison."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from clinops.domain.comparison import Example
from clinops.domain.difference import Difference
from clinops.domain.fold import ReleaseRecord
from clinops.domain.rehearsal import Loss, Step, WayBack
from clinops.gatehouse.app import application
from flows.safety_case import as_html, safety_case
from tests.fakes.assembled import as_compared, as_rehearsed, qualified_with
from tests.fakes.browser import Browser
from tests.fakes.compared import LOST, comparison, group, rehearsal, speed
from tests.fakes.wiring import document

MARKUP = "<script>alert(1)</script>"
NEW = Loss(collection="studies", record="1.2.3", before="CT", new=True)
SCHEMA = Difference(
    kind="schema", subject="schema: resources: customdata", before="x", after="y", change="added"
)


@pytest.fixture
def client(wiring) -> Browser:
    """A browser on the gatehouse."""
    return Browser(application(wiring))


def words(page: str) -> str:
    """Return what a reader sees."""
    return " ".join(re.sub("<[^>]*>", " ", page).split())


def shown(client: Browser, record: ReleaseRecord) -> str:
    return words(client.text(f"/releases/{record.id}"))


def section(client: Browser, record: ReleaseRecord, name: str) -> str:
    page = client.text(f"/releases/{record.id}")
    return words(page.split(f'id="{name}"')[1].split("</section>")[0])


def test_says_that_nothing_was_rehearsed_or_compared(wiring, client):
    record = qualified_with(wiring)
    page = shown(client, record)
    assert "Way back binary, not rehearsed" in page
    assert "Nobody has tried this way back" in page
    assert "neither the upgrade nor the way back was tried" in page


def test_says_that_behaviour_was_not_compared_without_probes(wiring, client):
    record = qualified_with(wiring, as_rehearsed(rehearsal()))
    assert "Behaviour was not compared : there are no probes" in section(client, record, "changes")


def test_says_that_nothing_is_lost_and_how_long_it_takes(wiring, client):
    record = qualified_with(wiring, as_rehearsed(rehearsal(seconds_up=200.4)))
    told = section(client, record, "rehearsal")
    assert "✓ It works , with 3 min 20 s of downtime" in told
    assert "✓ Nothing is lost (binary), with 4.0 s of downtime" in told
    assert "There is none: the old version reads what the candidate wrote." in told
    assert "12 records in 1 collection before the upgrade" in told
    page = shown(client, record)
    assert "rehearsed: nothing is lost" in page
    assert "not rehearsed" not in page
    assert "Nobody has tried this way back" not in page
    assert "rehearsed: nothing is lost" in words(client.text(f"/releases/{record.id}/sign"))


def test_names_exactly_what_the_way_back_loses(wiring, client):
    changed = LOST.model_copy(update={"field": "name", "after": "Ann"})
    found = rehearsal(strategy="restore", way_back=WayBack.LOSSY, losses=(NEW, changed), lost=260)
    told = section(client, qualified_with(wiring, as_rehearsed(found)), "rehearsal")
    assert "260 losses, the first 2 of them here" in told
    assert "studies: 1.2.3 written after the upgrade CT ✕ gone" in told
    assert "patients: 9990000018, name there before the upgrade Ann Öberg Ann" in told


def test_says_that_an_upgrade_fails_and_at_which_step(wiring, client):
    found = rehearsal(
        steps=(Step(name="start", seconds=61.0, problem="cannot migrate"),),
        upgraded=False,
        way_back=WayBack.NOT_TRIED,
        seconds_back=None,
    )
    record = qualified_with(wiring, as_rehearsed(found))
    assert "✕ It fails" in section(client, record, "rehearsal")
    assert "start 1 min 1 s cannot migrate" in section(client, record, "rehearsal")
    answer = section(client, record, "answer")
    assert "It brings an upgrade or a way back that fails." in answer
    assert "could not be tried" in answer


def test_groups_what_nobody_declared_the_gravest_first(wiring, client):
    added = group("http headers/x: added", change="added")
    graver = group(count=240, protected=True, hazards=("PAS-001",))
    record = qualified_with(
        wiring, as_rehearsed(rehearsal(), SCHEMA), as_compared(comparison(added, graver))
    )
    told = section(client, record, "changes")
    assert "What it answers: 2 differences that no declared change explains" in told
    assert "How the data is kept: 1 difference that no declared change explains" in told
    assert told.index("http body/*/Name: changed") < told.index("http headers/x: added")
    assert "✕ Refuses the release ✕ Touches what must never differ unseen In 240 places" in told
    assert "Where it shows study[patient=1], body/0/Name: Ann; now Anne" in told
    assert "12 records read before and after the upgrade, and 40 answers to 40 probes" in told
    assert "It brings 1 change that nobody declared." in section(client, record, "answer")


def test_a_waived_regression_is_not_called_one_that_refuses(wiring, client):
    compared = as_compared(comparison(group()))
    waiver = {
        "id": "W-001",
        "version": "2.0",
        "finding": "regression",
        "occurrence": compared.differences[0].subject,
        "reason": "Nobody reads it.",
        "owner": "Operations",
        "expires": dt.date(2026, 1, 1),
    }
    waivers = {"schema": 1, "product": "pas", "waivers": [waiver]}
    wiring.commit({"environments/pas/waivers.yaml": document(waivers)})
    record = qualified_with(wiring, as_rehearsed(rehearsal()), compared)
    told = section(client, record, "changes")
    assert "Waived by W-001" in told
    assert "Refuses the release" not in shown(client, record)


def test_a_page_stays_readable_whatever_a_vendor_breaks(wiring, client):
    many = comparison(*[group(f"http body/{number}: changed") for number in range(300)])
    record = qualified_with(wiring, as_rehearsed(rehearsal()), as_compared(many))
    page = shown(client, record)
    assert "And 100 more: see the evidence as a file." in page
    assert "And 100 more that weigh no more: see the evidence as a file." in page


def test_shows_a_protected_change_that_was_declared_as_one(wiring, client):
    compared = as_compared(comparison(group(protected=True), speeds=(speed(),)))
    [difference] = compared.differences
    changes = [{"summary": "Names in full", "covers": [difference.subject]}]
    record = qualified_with(wiring, as_rehearsed(rehearsal()), compared, changes=changes)
    told = section(client, record, "changes")
    assert "1 difference found and declared" in told
    assert "? Touches what must never differ unseen Declared as: Names in full" in told
    assert "as declared: Names in full" in section(client, record, "findings")


def test_a_vendors_text_stays_text(wiring, client):
    example = Example(probe=MARKUP, path=MARKUP, before=MARKUP, after=MARKUP)
    loss = Loss(collection=MARKUP, record=MARKUP, field=MARKUP, before=MARKUP, after=MARKUP)
    found = rehearsal(
        steps=(Step(name=MARKUP, seconds=1.0, problem=MARKUP),),
        losses=(loss,),
        lost=1,
        way_back=WayBack.LOSSY,
        point_of_no_return=MARKUP,
    )
    compared = as_compared(comparison(group(MARKUP, examples=(example,))))
    record = qualified_with(wiring, as_rehearsed(found), compared)
    assert MARKUP not in client.text(f"/releases/{record.id}")
    assert MARKUP not in as_html(safety_case(record, wiring))


def test_the_safety_case_tells_rehearsal_and_comparison(wiring):
    found = rehearsal(way_back=WayBack.LOSSY, losses=(LOST,), lost=1)
    compared = as_compared(comparison(group(), speeds=(speed(),), rules_used=("N-001",)))
    record = qualified_with(wiring, as_rehearsed(found), compared)
    text = words(as_html(safety_case(record, wiring)))
    assert "Upgrade works , 3.5 s of downtime" in text
    assert "Way back (binary) lossy , 4.0 s of downtime" in text
    assert "patients: 9990000018 there before the upgrade Ann Öberg gone" in text
    assert "40 answers of the candidate to 40 probes were held against" in text
    assert "approved noise rules N-001" in text
    assert "search 100.0 101.0 20 no" in text
    assert "As the vendor declares it; rehearsed, see Rehearsal" in text


def test_the_safety_case_says_that_neither_was_done(wiring):
    text = words(as_html(safety_case(qualified_with(wiring), wiring)))
    assert "Neither was tried on a copy of the data." in text
    assert "The behaviour of the two versions was not compared." in text
    assert "not rehearsed in this qualification" in text
